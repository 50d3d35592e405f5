"""What every edit engine takes, gives and answers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from editing.guard import THRESHOLD, CurvePoint, Finish, Verdict

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face
    from models.pixels.imaging import Image

Box = tuple[int, int, int, int]

YEARS_AT_FULL: Final = 30.0
"""Years that strength 1 of an age stands for where it is asked in years. Nominal: faces differ."""

Progress = Callable[[str, float], None]
"""Called with a stage key (``prepare``, ``edit``, ``check``) and the fraction 0 to 1 of it."""


@dataclass(frozen=True)
class Slider:
    """One edit that an engine offers.

    Attributes:
        key: ``smile``, ``age`` or the name of a direction that the operator added.
        label: what a person calls it.
        low: strongest negative strength, -1 or 0.
        high: strongest positive strength, 0 or 1.
    """

    key: str
    label: str
    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True)
class EditRequest:
    """What is asked of one face.

    Attributes:
        smile: -1 (earnest) to 1 (broad smile).
        age: -1 (much younger) to 1 (much older); not together with `target_age`.
        target_age: years the face is to look like, 1 to 120; needs an engine that estimates age.
        others: strengths -1 to 1 of the engine's further sliders, by key.

    Raises:
        ValueError: a strength is out of range, or age is asked twice.
    """

    smile: float = 0.0
    age: float = 0.0
    target_age: int | None = None
    others: Mapping[str, float] = field(default_factory=dict)

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
        return EditRequest(self.smile * share, self.age * share, None, others)

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
        return EditRequest(smile, age, None, mixed)


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


@dataclass(frozen=True)
class Reason:
    """Why an edit was made smaller or not made, and what to do about it, in plain words."""

    code: str
    sentence: str
    way_on: str


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
        reason: for every verdict but ``applied``.
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
    reason: Reason | None


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


class EditEngine(Protocol):
    """One way to edit a face. Implementations may be used by several threads."""

    name: str
    label: str

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person; without one no edit is delivered."""
        ...

    @property
    def sliders(self) -> tuple[Slider, ...]:
        """The edits on offer, ``smile`` and ``age`` first."""
        ...

    def run(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        progress: Progress | None = None,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """Edits `face` in `photo`, uint8 (H, W, 3) BGR, which is not changed.

        `request` counts from `photo`, as `start.shown` does.

        Raises:
            FaceError: the request names an edit that this engine does not offer.
        """
        ...

    def prepare(self, photo: Image, face: Face) -> Outlook:
        """Studies `face` in a small `photo`, so that previews of it need not."""
        ...

    def preview(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """A quick look, by the same engine and the same check as :meth:`run`: less exact, sooner.

        Args as for :meth:`run`; `photo` is the small one that :meth:`prepare` has seen, if it has
        seen any.

        Raises:
            FaceError: as for :meth:`run`.
        """
        ...

    def warm_up(self) -> None:
        """Loads what the first edit would otherwise wait for."""
        ...
