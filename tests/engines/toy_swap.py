"""A swap engine as somebody's first one: it paints the face in one colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from models.engines import Machine, Notice
from models.options import BoolOption, ChoiceOption, IntOption, Item, OptionSchema, Values, When
from swaps.engines.base import (
    FaceOutcome,
    Progress,
    Source,
    SwapEngine,
    SwapEngineSpec,
    SwapOffer,
    SwapResult,
    SwapSession,
    Target,
    refuse,
)

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face
    from models.pixels.imaging import Image

OPTIONS: Final = OptionSchema(
    (
        ChoiceOption(
            key="paint",
            label="Colour of the paint",
            items=(Item("red", "Red"), Item("green", "Green")),
            default="red",
        ),
        IntOption(key="cover", label="How much it covers", low=0, high=100, default=100, unit="%"),
        BoolOption(key="dots", label="With dots", when=When("paint", ("green",))),
    )
)
_COLOURS: Final = {"red": (0, 0, 255), "green": (0, 255, 0)}


class ToySpec(SwapEngineSpec):
    """What pages may know of it."""

    name = "toy"
    label = "Finger paint"
    analyser = "dlib"
    chosen_by = ("toy",)
    words: ClassVar[dict[str, tuple[str, str]]] = {
        "toy_messy": ("The paint will run on such a small face.", "Use a larger photo.")
    }

    def vocabulary(self) -> OptionSchema:
        """The same on every machine."""
        return OPTIONS

    def offer(self, machine: Machine) -> SwapOffer:
        """It needs nothing."""
        return SwapOffer(OPTIONS)

    def check(self, target: Face, source: Face) -> list[Notice]:
        """Small faces get messy."""
        return [Notice("toy_messy")] if target.quality.width_px < 100 else []

    def load(self, machine: Machine) -> SwapEngine:
        """The engine, with the analyser that it says it works with."""
        from models.faces.analysis.dlib_analyser import DlibAnalyser

        return ToyEngine(DlibAnalyser())


class ToyEngine(SwapEngine):
    """The engine itself."""

    name = "toy"

    def __init__(self, analyser: FaceAnalyser) -> None:
        self.analyser = analyser

    def prepare(self, sources: Sequence[Source], options: Values | None = None) -> ToySession:
        """Mixes the paint."""
        return ToySession(OPTIONS.check(options or {}))


class ToySession(SwapSession):
    """Paints frame after frame."""

    def __init__(self, values: Values) -> None:
        self._colour = _COLOURS[str(values["paint"])]
        cover = values["cover"]
        self._share = cover / 100 if isinstance(cover, int) else 1.0

    def apply(
        self,
        frame: Image,
        targets: Sequence[Target],
        progress: Progress | None = None,
        *,
        measure: bool = True,
    ) -> SwapResult:
        """Paints the boxes of the faces."""
        image, touched, outcomes = frame.copy(), [], []
        for target in targets:
            notices = refuse(ENGINE.check(target.face, target.face))
            x1, y1, x2, y2 = (max(int(edge), 0) for edge in target.face.box)
            part = image[y1:y2, x1:x2]
            part[:] = (1 - self._share) * part + [self._share * level for level in self._colour]
            touched.append((x1, y1, x2, y2))
            outcomes.append(FaceOutcome(target.face, notices=tuple(notices)))
        return SwapResult(image, tuple(outcomes), {"total": 1.0}, tuple(touched))


ENGINE: Final = ToySpec()
