"""The built-in engine, loaded; see :mod:`swaps.engines.builtin`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np

from models.engines import Notice
from models.faces import identity
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.options import Values
from models.pixels.imaging import Box, Image
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
from swaps.engines.builtin import OPTIONS
from swaps.engines.builtin.draw import Style, draw_face
from swaps.engines.builtin.judge import judge_drawing
from swaps.engines.builtin.pair import check_pair, hidden_code
from swaps.engines.builtin.source import Shape
from swaps.engines.builtin.view import FaceView, view_of
from swaps.engines.clock import Clock

SAME_PERSON: Final = 0.30
"""Similarity from which another photo shows the same person: an SFace cosine of .45. The highest of
two strangers among 1785 pairs was .341, the lowest of one person .564."""
_LEAST_SHOWN: Final = 0.12
_COVERED_SHOWS: Final = 0.15
_COVERED_REFUSED: Final = 0.4


class BuiltinSwapEngine(SwapEngine):
    """See :class:`swaps.engines.base.SwapEngine`."""

    name = "builtin"

    def __init__(self, analyser: BuiltinAnalyser) -> None:
        self.analyser: FaceAnalyser = analyser
        self._faces = analyser

    def prepare(self, sources: Sequence[Source], options: Values | None = None) -> BuiltinSession:
        """Parses every source and takes its light apart.

        Raises:
            Refusal: an option is not offered or has no such value.
        """
        style = style_of(OPTIONS.check(options or {}))
        return BuiltinSession(
            self._faces, [prepare_source(self._faces, source) for source in sources], style
        )

    def warm_up(self) -> None:
        """Opens the networks and runs each once."""
        self._faces.find_faces(np.full((64, 64, 3), 127, np.uint8))


def style_of(values: Values) -> Style:
    """What the values of the offer's schema ask for."""
    return Style(
        Shape(
            amount=cast(int, values["shape"]) / 100,
            expression=1.0 if values["expression"] == "source" else 0.0,
        ),
        blend=cast(Any, values["blend"]),
        colour=cast(Any, values["colour"]),
    )


@dataclass(frozen=True, eq=False)
class PreparedSource:
    """A new face with all that hangs on no target.

    Attributes:
        face: the face in the first photo.
        views: looks at it, one a photo that is used, the first photo's first.
        vectors: its identity in each of them; nothing where it cannot be measured.
        left_out: further photos that are not used, counted from 0.
    """

    face: Face
    views: tuple[FaceView, ...]
    vectors: tuple[FloatArray, ...]
    left_out: tuple[int, ...]


def prepare_source(analyser: BuiltinAnalyser, source: Source) -> PreparedSource:
    """Views of the source's face in its photo and in those of `more` that surely show it."""
    views = [view_of(analyser, source.image, source.face)]
    vectors: list[FloatArray] = []
    left_out = []
    can_tell = analyser.can_identify and identity.is_judgeable(source.face)
    if can_tell:
        vectors.append(analyser.embed(source.image, source.face))
    for index, (image, faces) in enumerate(source.more):
        found = [(analyser.embed(image, face), face) for face in faces] if can_tell else []
        alike = [(analyser.similarity(vectors[0], vector), vector, face) for vector, face in found]
        best = max(alike, key=lambda item: item[0], default=None)
        if best is None or best[0] < SAME_PERSON:
            left_out.append(index)
            continue
        views.append(view_of(analyser, image, best[2]))
        vectors.append(best[1])
    for view in views:
        # Worked out here, once, and not for every frame.
        _ = view.unwrapped, view.visible
    return PreparedSource(source.face, tuple(views), tuple(vectors), tuple(left_out))


class BuiltinSession(SwapSession):
    """See :class:`swaps.engines.base.SwapSession`."""

    def __init__(
        self, analyser: BuiltinAnalyser, sources: Sequence[PreparedSource], style: Style
    ) -> None:
        self._analyser = analyser
        self._sources = tuple(sources)
        self._style = style

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
            FaceError: what :func:`swaps.engines.builtin.pair.check_pair` refuses, or
                ``nothing_to_show`` where something covers the whole face.
        """
        report = progress or _unheard
        pairs = [(target, self._sources[target.source]) for target in targets]
        known = [refuse(check_pair(target.face, source.face)) for target, source in pairs]
        clock = Clock()
        result = frame.copy()
        touched: list[Box] = []
        outcomes = []
        for index, ((target, source), notices) in enumerate(zip(pairs, known, strict=True)):
            report("prepare", index / len(pairs))
            with clock.stage("parse"):
                view = view_of(self._analyser, frame, target.face)
                _ = view.unwrapped
            report("swap", index / len(pairs))
            with clock.stage("draw"):
                # Faces that lie close to each other are drawn onto what is there already.
                view = replace(view, image=result)
                views = best_first(source.views, view)
                drawing = draw_face(result, view, views, self._style)
            if drawing.box is None or drawing.masks.open_share < _LEAST_SHOWN:
                raise FaceError("nothing_to_show")
            if drawing.masks.source_covered > _COVERED_REFUSED:
                raise FaceError(hidden_code(source.face))
            for side in ("source", "target"):
                if getattr(drawing.masks, f"{side}_covered") > _COVERED_SHOWS:
                    notices = [*notices, Notice(f"{side}_partly_covered")]
            touched.append(drawing.box)
            report("measure", index / len(pairs))
            similarities: tuple[float | None, float | None] = (None, None)
            if measure:
                with clock.stage("measure"):
                    similarities = self._similarities(frame, result, target.face, source)
                    notices = [*notices, *judge_drawing(drawing, result, similarities[0])]
            outcomes.append(
                FaceOutcome(target.face, *similarities, _once(notices), source.left_out)
            )
        report("measure", 1.0)
        return SwapResult(result, tuple(outcomes), clock.timings_ms(), tuple(touched))

    def _similarities(
        self, before: Image, after: Image, face: Face, source: PreparedSource
    ) -> tuple[float | None, float | None]:
        """How alike the new face is to the source's and to the target's; None where unsure."""
        if not (self._analyser.can_identify and identity.is_judgeable(face)):
            return None, None
        new, old = self._analyser.embed(after, face), self._analyser.embed(before, face)
        to_target = self._analyser.similarity(new, old)
        if not source.vectors:
            return None, to_target
        mean = np.mean(source.vectors, axis=0).astype(np.float32)
        return self._analyser.similarity(new, mean), to_target


def best_first(views: Sequence[FaceView], target: FaceView) -> list[FaceView]:
    """The photos of one person, the one that fits `target` best first: turned alike and large."""

    def cost(view: FaceView) -> float:
        turn = abs(abs(view.yaw) - abs(target.yaw)) / 20 + max(abs(view.yaw) - 20, 0) / 20
        coarse = max(np.log2(target.extent / max(view.extent, 1)), 0)
        return float(turn + coarse + 2 * view.unwrapped.asymmetry)

    return sorted(views, key=cost) if len(views) > 1 else list(views)


def _once(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    return tuple({notice.code: notice for notice in notices}.values())


def _unheard(stage: str, fraction: float) -> None:
    """The progress report of a run that nobody follows."""
