"""What every swap engine declares, takes and gives.

An engine is one module. Its ``ENGINE`` is a :class:`SwapEngineSpec`: light to import, all that a
page may ask. :meth:`SwapEngineSpec.load` imports the rest and gives the :class:`SwapEngine`, which
only workers have. The module's name in ``swaps.engines.MODULES`` makes it known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from models.engines import Machine, Notice, Offer
from models.faces.errors import FaceError
from models.options import OptionSchema, Values

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face
    from models.pixels.imaging import Box, Image

Progress = Callable[[str, float], None]
"""Called with a stage key (``prepare``, ``swap``, ``measure``) and the share, 0 to 1, of the
faces that are done with it."""


@dataclass(frozen=True, eq=False)
class Source:
    """A new face, and what it is known from.

    Attributes:
        image: uint8 (H, W, 3) BGR, the photo of the new face.
        face: the new face, in pixels of that photo.
        more: further photos said to show the same person, uint8 (H, W, 3) BGR, and the faces
            found in each. Engines whose offer takes several use those faces that are surely the
            same person's and leave the other photos out.
    """

    image: Image
    face: Face
    more: tuple[tuple[Image, tuple[Face, ...]], ...] = ()


@dataclass(frozen=True, eq=False)
class Target:
    """A face of a frame, in its pixels, and the number of the source that takes its place."""

    face: Face
    source: int = 0


@dataclass(frozen=True, eq=False)
class FaceOutcome:
    """What became of one face.

    Attributes:
        target_face: the face that was replaced.
        similarity_to_source: how alike the result and the source are, 0 to 1; None where it was
            not measured or a face is too small to tell.
        similarity_to_target: the same for the result and the target before.
        notices: what will show.
        left_out: which of the further photos of the new face were not used, counted from 0.
    """

    target_face: Face
    similarity_to_source: float | None = None
    similarity_to_target: float | None = None
    notices: tuple[Notice, ...] = ()
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelUsed:
    """A network that took part: its card and file, and the SHA-256 of the file."""

    name: str
    digest: str


@dataclass(frozen=True, eq=False)
class SwapResult:
    """A finished frame.

    Attributes:
        image: uint8 (H, W, 3) BGR, as large as the frame.
        outcomes: one per target, in the order asked for.
        timings_ms: milliseconds per stage, and ``total``.
        touched: x1, y1, x2, y2 per target; every pixel outside all of them is the frame's own.
        models: the networks that took part, for an engine whose files an operator fetched.
    """

    image: Image
    outcomes: tuple[FaceOutcome, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    touched: tuple[Box, ...] = ()
    models: tuple[ModelUsed, ...] = ()


@dataclass(frozen=True)
class SwapOffer(Offer):
    """What a swap engine can do on this machine.

    Attributes:
        takes_several: whether several photos of one person make one face.
    """

    takes_several: bool = False


class SwapSession(ABC):
    """Sources and options worked out once, for as many frames as there are.

    One session belongs to one thread at a time.
    """

    @abstractmethod
    def apply(
        self,
        frame: Image,
        targets: Sequence[Target],
        progress: Progress | None = None,
        *,
        measure: bool = True,
    ) -> SwapResult:
        """Puts the new faces onto `targets` in `frame`, uint8 (H, W, 3) BGR, which is not changed.

        Args:
            frame: a photo, or one picture of a film.
            targets: the faces to replace; none gives the frame back.
            progress: told how far the work is.
            measure: whether the similarities of the result are measured.

        Raises:
            FaceError: a pair is refused, or cannot be drawn after all.
        """


class SwapEngine(ABC):
    """One way to swap faces, loaded. It may be used by several threads."""

    name: str
    analyser: FaceAnalyser

    @abstractmethod
    def prepare(self, sources: Sequence[Source], options: Values | None = None) -> SwapSession:
        """Everything that does not hang on a frame: identities, maps, what is drawn from.

        Args:
            sources: the new faces; a target names one by its number here.
            options: values of the offer's schema; what is left out has its initial value.

        Raises:
            FaceError: a source cannot be used.
            Refusal: the options are none of this engine's offer.
        """

    def run(
        self,
        target: Image,
        sources: Sequence[Source],
        targets: Sequence[Target],
        options: Values | None = None,
        progress: Progress | None = None,
    ) -> SwapResult:
        """A still: :meth:`prepare` and :meth:`SwapSession.apply` together.

        Raises:
            FaceError: no face was asked for, or as the two.
        """
        if not targets:
            raise FaceError("no_face_chosen")
        if progress is not None:
            progress("prepare", 0.0)
        return self.prepare(sources, options).apply(target, targets, progress)

    def warm_up(self) -> None:  # noqa: B027 - an engine may have nothing to load
        """Loads what the first swap would otherwise wait for."""


class SwapEngineSpec(ABC):
    """What an engine declares of itself; nothing here may load a network or import vision.

    Attributes:
        name: its name in settings, rows and reports.
        label: its name in plain words, a message id.
        analyser: the name of the analyser whose faces it works with.
        chosen_by: the values of ``FACEWEB_ENGINE``, beside ``auto``, that choose it.
        words: what codes of its own say: a sentence and a remedy each, message ids filled by
            ``%(name)s``. Codes that engines have in common are in the site's catalogue.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    analyser: ClassVar[str]
    chosen_by: ClassVar[tuple[str, ...]]
    words: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @abstractmethod
    def offer(self, machine: Machine) -> SwapOffer:
        """What it can do here, or why it cannot be loaded; reads files at most."""

    def vocabulary(self) -> OptionSchema:
        """All that it could be told on any machine: results are described by its words."""
        return OptionSchema()

    def check(self, target: Face, source: Face) -> list[Notice]:
        """Judges a pair of faces by their stored data alone, before any pixel is read.

        A notice of the level ``refused`` says that the pair cannot be done.
        """
        return []

    @abstractmethod
    def load(self, machine: Machine) -> SwapEngine:
        """The engine itself, for a worker.

        Raises:
            RuntimeError: :meth:`offer` says that something is missing.
        """


def refuse(notices: Iterable[Notice]) -> list[Notice]:
    """The `notices` of a pair that can be done.

    Raises:
        FaceError: the first that says it cannot.
    """
    kept = list(notices)
    for notice in kept:
        if notice.level == "refused":
            raise FaceError(notice.code, **notice.params)
    return kept
