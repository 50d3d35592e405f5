"""The classic engine, loaded; see :mod:`swaps.engines.classic`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.faces import identity
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.face import Face
from models.options import Values
from models.pixels import blending
from models.pixels.imaging import Box, Image, bounding_box, reduced_region
from swaps.engines.base import (
    FaceOutcome,
    Progress,
    Source,
    SwapEngine,
    SwapResult,
    SwapSession,
    Target,
    refuse,
)
from swaps.engines.classic import BLEND, OPTIONS, check_pair
from swaps.engines.classic_transfer import (
    Blend,
    cut_work_frame,
    known_landmarks,
    swap_delta,
    warp_source,
)
from swaps.engines.clock import Clock

_MEASURED_WIDTH_PX: Final = 320.0


class ClassicSwapEngine(SwapEngine):
    """See :class:`swaps.engines.base.SwapEngine`."""

    name = "classic"

    def __init__(self) -> None:
        self.dlib = DlibAnalyser()
        self.analyser: FaceAnalyser = self.dlib

    def prepare(self, sources: Sequence[Source], options: Values | None = None) -> ClassicSession:
        """Each source is used as it is: nothing takes long enough to be worth preparing.

        Raises:
            Refusal: an option is not offered or has no such value.
        """
        blend: Blend = OPTIONS.check(options or {})[BLEND.key]  # type: ignore[assignment]
        return ClassicSession(self.dlib, sources, blend)

    def warm_up(self) -> None:
        """Loads the models for finding and recognising faces."""
        self.dlib.warm_up()


class ClassicSession(SwapSession):
    """See :class:`swaps.engines.base.SwapSession`."""

    def __init__(self, dlib: DlibAnalyser, sources: Sequence[Source], blend: Blend) -> None:
        self._dlib = dlib
        self._sources = tuple(sources)
        self._blend: Blend = blend

    def apply(
        self,
        frame: Image,
        targets: Sequence[Target],
        progress: Progress | None = None,
        *,
        measure: bool = True,
    ) -> SwapResult:
        """See :meth:`swaps.engines.base.SwapSession.apply`.

        Raises:
            FaceError: what :func:`swaps.engines.classic.check_pair` refuses.
        """
        report = progress or _unheard
        pairs = [(target, self._sources[target.source]) for target in targets]
        notices = [refuse(check_pair(target.face, source.face)) for target, source in pairs]
        clock = Clock()
        result = frame.copy()
        touched: list[Box] = []
        for index, (target, source) in enumerate(pairs):
            report("prepare", index / len(pairs))
            with clock.stage("warp"):
                work = cut_work_frame(result, target.face)
                warped = warp_source(source.image, source.face, work)
            report("swap", index / len(pairs))
            with clock.stage("blend"):
                delta = swap_delta(work, warped, self._blend)
            with clock.stage("paste"):
                x1, y1, x2, y2 = work.box
                blending.add_delta(result[y1:y2, x1:x2], delta)
            touched.append(work.box)
        outcomes = []
        for index, ((target, source), noted) in enumerate(zip(pairs, notices, strict=True)):
            report("measure", index / len(pairs))
            similarities: tuple[float | None, float | None] = (None, None)
            if measure:
                with clock.stage("measure"):
                    similarities = self._similarities(frame, result, target.face, source)
            outcomes.append(FaceOutcome(target.face, *similarities, tuple(noted)))
        report("measure", 1.0)
        return SwapResult(result, tuple(outcomes), clock.timings_ms(), tuple(touched))

    def _similarities(
        self, before: Image, after: Image, face: Face, source: Source
    ) -> tuple[float | None, float | None]:
        """How alike the new face is to the source's and to the target's; None where unsure."""
        if not identity.is_judgeable(face):
            return None, None
        # The swap lines the new face up with the old one's points, so these say where it is, and
        # more steadily than points found afresh: a face with glasses read 0.63 against itself.
        new = self._dlib.embed(*_measurable(after, face))
        old = self._dlib.embed(*_measurable(before, face))
        to_target = self._dlib.similarity(new, old)
        if not identity.is_judgeable(source.face):
            return None, to_target
        wanted = self._dlib.embed(*_measurable(source.image, source.face))
        return self._dlib.similarity(new, wanted), to_target


def _measurable(image: Image, face: Face) -> tuple[Image, Face]:
    """A cut-out of `face` no larger than its identity needs, and the face in it."""
    width = face.quality.width_px
    points = known_landmarks(face)
    box = bounding_box(points, 0.8 * width, image)
    region, matrix = reduced_region(image, box, _MEASURED_WIDTH_PX / width)
    return region, face.mapped(matrix)


def _unheard(stage: str, fraction: float) -> None:
    """The progress report of a run that nobody follows."""
