"""What every edit engine declares, takes and gives.

An engine is one module. Its ``ENGINE`` is an :class:`EditEngineSpec`: light to import, all that a
page may ask. :meth:`EditEngineSpec.load` imports the rest and gives the :class:`EditEngine`, which
only workers have. The module's name in ``editing.engines.MODULES`` makes it known.

An engine makes versions of a face and judges none: how much of an edit is given out is decided by
the identity guard, the same for every engine (:mod:`editing.engines.guarded`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final

from editing.guard import THRESHOLD, CurvePoint, Finish, Verdict
from models.engines import Machine, Notice, Offer
from models.faces.errors import FaceError
from models.options import IntOption, OptionSchema, Values, gettext_noop

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face
    from models.pixels.imaging import Image

Box = tuple[int, int, int, int]

YEARS_AT_FULL: Final = 30.0
"""Years that strength 1 of an age stands for where it is asked in years. Nominal: faces differ."""
YEARS_KEY: Final = "target_age"

Progress = Callable[[str, float], None]
"""Called with a stage key (``prepare``, ``edit``, ``check``) and the fraction 0 to 1 of it."""


def slider(key: str, label: str, less: str = "", more: str = "") -> IntOption:
    """An edit with a strength: -100 to 100 per cent, 0 changes nothing."""
    return IntOption(
        key=key, label=label, low=-100, high=100, default=0, unit="%", less=less, more=more
    )


SMILE: Final = slider(
    "smile", gettext_noop("Smile"), gettext_noop("More earnest"), gettext_noop("Broader smile")
)
AGE: Final = slider("age", gettext_noop("Age"), gettext_noop("Younger"), gettext_noop("Older"))
YEARS: Final = IntOption(
    key=YEARS_KEY,
    label=gettext_noop("Age in years"),
    help=gettext_noop("The age to look like, in place of younger or older."),
    low=1,
    high=120,
    default=None,
    unit="years",
)


@dataclass(frozen=True)
class EditRequest:
    """What is asked of one face.

    Attributes:
        smile: -1 (earnest) to 1 (broad smile).
        age: -1 (much younger) to 1 (much older); not together with `target_age`.
        target_age: years the face is to look like, 1 to 120; needs an engine that estimates age.
        others: strengths -1 to 1 of the engine's further sliders, by key.
        settings: the engine's options that are no strengths.

    Raises:
        ValueError: a strength is out of range, or age is asked twice.
    """

    smile: float = 0.0
    age: float = 0.0
    target_age: int | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    settings: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, strength in self.strengths.items():
            if not -1 <= strength <= 1:
                raise ValueError(f"{key} must lie between -1 and 1")
        if self.target_age is not None:
            if self.age != 0:
                raise ValueError("age is asked either as a strength or in years")
            if not 1 <= self.target_age <= 120:
                raise ValueError("the age to look like must lie between 1 and 120 years")

    @property
    def strengths(self) -> dict[str, float]:
        """Every strength by its slider's key, zeros included."""
        return {"smile": self.smile, "age": self.age, **self.others}

    def scaled(self, share: float) -> EditRequest:
        """The same edit with every strength multiplied by `share`, 0 to 1.

        Raises:
            ValueError: age is given in years, which the engine has to turn into a strength first.
        """
        if self.target_age is not None:
            raise ValueError("an age in years has no share")
        others = {key: strength * share for key, strength in self.others.items()}
        return replace(self, smile=self.smile * share, age=self.age * share, others=others)

    def toward(self, end: EditRequest, share: float) -> EditRequest:
        """What lies `share`, 0 to 1, of the way from this edit to `end`.

        Raises:
            ValueError: an age is given in years, which the engine has to turn into a strength.
        """
        if self.target_age is not None or end.target_age is not None:
            raise ValueError("an age in years has no share")
        mine, theirs = self.strengths, end.strengths
        mixed = {
            key: mine.get(key, 0.0) * (1 - share) + theirs.get(key, 0.0) * share
            for key in {*mine, *theirs}
        }
        smile, age = mixed.pop("smile"), mixed.pop("age")
        return replace(end, smile=smile, age=age, others=mixed)


@dataclass(frozen=True, eq=False)
class Start:
    """What a face has been through before this edit, and what becomes of the result.

    Attributes:
        shown: strengths that the picture as people know it shows already, counted in the photo
            that the engine is given; versions lie between these and the request.
        seen: the picture as people know it, uint8 (H, W, 3) BGR of the photo's size, by which an
            edit counts as visible; None where it is the photo.
        reference: the picture, uint8 (H, W, 3) BGR, and the face in it, that was there before any
            edit; None where that is the face in the photo.
        finish: makes of a version what is given out, which is what is judged; None judges it as
            the engine makes it.
    """

    shown: EditRequest = field(default_factory=EditRequest)
    seen: Image | None = None
    reference: tuple[Image, Face] | None = None
    finish: Finish | None = None


UNTOUCHED: Final = Start()
"""A face that nobody has edited."""


def sliders_of(schema: OptionSchema) -> tuple[IntOption, ...]:
    """The options of `schema` that are strengths in per cent, the ones the guard may reduce."""
    return tuple(
        option
        for option in schema
        if isinstance(option, IntOption) and option.unit == "%" and option.default == 0
    )


def request_from(values: Values, schema: OptionSchema) -> EditRequest:
    """Options as they are kept, in the terms of engines.

    Raises:
        ValueError: as :class:`EditRequest`.
    """
    sliders = {option.key for option in sliders_of(schema)}
    given = {key: value for key, value in values.items() if value is not None}
    strengths = {
        key: value / 100
        for key, value in given.items()
        if key in sliders and isinstance(value, int)
    }
    years = given.get(YEARS_KEY)
    return EditRequest(
        smile=strengths.pop("smile", 0.0),
        age=strengths.pop("age", 0.0) if years is None else 0.0,
        target_age=years if isinstance(years, int) else None,
        others={key: value for key, value in strengths.items() if key != "age"},
        settings={key: value for key, value in given.items() if key not in {*sliders, YEARS_KEY}},
    )


@dataclass(frozen=True, eq=False)
class EditResult:
    """A finished edit, or the reason why there is none.

    Attributes:
        image: uint8 (H, W, 3) BGR, as large as the photo; None when the verdict is ``none`` or
            ``unsure``, so that no unchanged photo can pass for an edit. Where nothing was asked it
            is a copy of the photo.
        asked: what was asked, an age in years turned into a strength.
        applied: what `image` shows; all zero without one.
        similarity: of `image` to the photo, None without one.
        threshold: the similarity it had to reach.
        curve: every version judged, by its share 0 to 1 of what was asked, weakest first.
        evaluations: versions made on the way.
        timings_ms: milliseconds per stage, and ``total``.
        touched: x1, y1, x2, y2; every pixel outside is the photo's own. None without an image.
        verdict: see :data:`editing.guard.Verdict`.
        reason: for every verdict but ``applied``, a code and what its sentence names.
    """

    image: Image | None
    asked: EditRequest
    applied: EditRequest
    similarity: float | None
    threshold: float
    curve: tuple[CurvePoint, ...]
    evaluations: int
    timings_ms: dict[str, float]
    touched: Box | None
    verdict: Verdict
    reason: Notice | None


@dataclass(frozen=True)
class Outlook:
    """What an engine can say of a face before anything is asked of it.

    Attributes:
        years: about how old the face looks, the scale of an age in years; None where the engine
            takes none or cannot tell.
        preview_seconds: about how long a preview of this face takes from now on.
    """

    years: float | None = None
    preview_seconds: float = 0.0


@dataclass(frozen=True)
class EditOffer(Offer):
    """What an edit engine can do on this machine; its sliders are options in per cent.

    Attributes:
        studies: whether a face has to be studied before previews of it are quick; see
            :meth:`EditEngine.outlook`.
    """

    studies: bool = False


class EditStudy(ABC):
    """One face of one photo: what all versions of it share is found once, at the first need.

    Attributes:
        photo: uint8 (H, W, 3) BGR; never changed.
        face: the face, in its pixels.
        timings_ms: milliseconds spent so far, per stage of the engine's own.
    """

    photo: Image
    face: Face
    timings_ms: dict[str, float]

    def resolved(self, request: EditRequest) -> EditRequest:
        """`request` with an age in years turned into a strength.

        Raises:
            FaceError: ``no_age_estimate``.
        """
        if request.target_age is not None:
            raise FaceError("no_age_estimate")
        return request

    @abstractmethod
    def versions(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        """Versions of the photo, uint8 (H, W, 3) BGR, one for each request.

        Every request is resolved. The sequence may finish an image only when it is asked for it
        (:class:`editing.engines.versions.Versions`): weaker ones than the first that passes the
        guard never are.
        """

    @abstractmethod
    def touched(self) -> Box:
        """x1, y1, x2, y2: outside of it no version differs from the photo."""


@dataclass(frozen=True, eq=False)
class EditedFrame:
    """A frame with its faces edited, each by what was asked: nobody has judged it.

    Attributes:
        image: uint8 (H, W, 3) BGR, as large as the frame.
        outcomes: one per face, in the order given: what was applied.
        touched: x1, y1, x2, y2 per face.
    """

    image: Image
    outcomes: tuple[EditRequest, ...]
    touched: tuple[Box, ...]


class EditSession:
    """One request for many frames; see :meth:`EditEngine.prepare`."""

    def __init__(self, engine: EditEngine, request: EditRequest) -> None:
        self._engine = engine
        self._request = request

    def apply(self, frame: Image, faces: Sequence[Face]) -> EditedFrame:
        """Edits `faces` in `frame`, uint8 (H, W, 3) BGR, which is not changed.

        Raises:
            FaceError: a face cannot be edited.
        """
        image, outcomes, touched = frame.copy(), [], []
        for face in faces:
            study = self._engine.study(image, face)
            outcomes.append(study.resolved(self._request))
            image = study.versions(outcomes[-1:])[0]
            touched.append(study.touched())
        return EditedFrame(image, tuple(outcomes), tuple(touched))


class EditEngine(ABC):
    """One way to edit a face, loaded. It may be used by several threads.

    Attributes:
        name: as its spec has it.
        options: what it can be told, as its spec offers it.
        margin: similarity that its results must have over the threshold, where the analyser reads
            one face a little differently each time.
        preview_evaluations: most versions that a preview may take; None for as many as an edit.
    """

    name: str
    options: OptionSchema
    margin: float = 0.0
    preview_evaluations: int | None = None

    @property
    @abstractmethod
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person; without one no edit is delivered."""

    @abstractmethod
    def study(self, photo: Image, face: Face, *, is_quick: bool = False) -> EditStudy:
        """Opens `face` in `photo`, uint8 (H, W, 3) BGR, for edits of it.

        Args:
            photo: the photo, or a small cut-out of it for previews.
            face: in pixels of `photo`.
            is_quick: less exact and sooner, and remembered for the next time.

        Raises:
            FaceError: this face cannot be edited.
        """

    def render(self, photo: Image, face: Face, requests: Sequence[EditRequest]) -> list[Image]:
        """Versions of `photo` that nobody has judged, for measuring; never for giving out.

        Raises:
            FaceError: this face cannot be edited.
        """
        return list(self.study(photo, face).versions(requests))

    def outlook(self, photo: Image, face: Face) -> Outlook:
        """Studies `face` in a small `photo`, so that previews of it need not."""
        return Outlook()

    def prepare(self, request: EditRequest) -> EditSession:
        """A session that edits face after face by `request`, without the guard: for frames of a
        film, once the guard has found what may be given."""
        return EditSession(self, request)

    def run(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        progress: Progress | None = None,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """Edits `face` in `photo` as far as the identity guard lets it; the photo is not changed.

        `request` counts from `photo`, as `start.shown` does.

        Raises:
            FaceError: the request names an edit that this engine does not offer, or the face
                cannot be edited.
        """
        from editing.engines.guarded import study_edit

        return study_edit(self, photo, face, request, threshold, progress, start)

    def preview(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """A quick look, by the same engine and the same check as :meth:`run`: less exact, sooner.

        Args as for :meth:`run`; `photo` is a small one.

        Raises:
            FaceError: as for :meth:`run`.
        """
        from editing.engines.guarded import study_edit

        return study_edit(self, photo, face, request, threshold, start=start, is_quick=True)

    def warm_up(self) -> None:  # noqa: B027 - an engine may have nothing to load
        """Loads what the first edit would otherwise wait for."""


class EditEngineSpec(ABC):
    """What an engine declares of itself; nothing here may load a network or import vision.

    Attributes:
        name: its name in settings, rows and reports.
        label: its name in plain words, a message id.
        chosen_by: the values of ``FACEWEB_ENGINE``, beside ``auto``, that choose it.
        words: what codes of its own say: a sentence and a remedy each, message ids filled by
            ``%(name)s``. Codes that engines have in common are in the site's catalogue.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    chosen_by: ClassVar[tuple[str, ...]]
    words: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @abstractmethod
    def offer(self, machine: Machine) -> EditOffer:
        """What it can do here, or why it cannot be loaded; reads files at most."""

    def check(self, face: Face) -> list[Notice]:
        """Judges a face by its stored data alone, before any pixel is read.

        A notice of the level ``refused`` says that it cannot be edited.
        """
        return []

    @abstractmethod
    def load(self, machine: Machine) -> EditEngine:
        """The engine itself, for a worker.

        Raises:
            RuntimeError: :meth:`offer` says that something is missing.
        """
