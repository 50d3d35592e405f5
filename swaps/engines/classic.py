"""The swap engine that needs no download: landmarks, warp, colour match, multiband blend."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from models.faces import identity
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face
from models.pixels import blending
from models.pixels.imaging import Box, Image, bounding_box, reduced_region
from swaps.engines.classic_transfer import (
    cut_work_frame,
    known_landmarks,
    swap_delta,
    warp_source,
)
from swaps.engines.former import (
    FaceOutcome,
    FaceSwap,
    Progress,
    SwapOptions,
    SwapResult,
    SwapWarning,
)

MIN_WIDTH_PX: Final = 60.0
YAW_WARNS: Final = 16.5
YAW_REFUSED: Final = 22.0
OCCLUSION_REFUSED: Final = 0.3
"""Over this share of the source's cheeks, nose and chin hidden; faces in the clear have at most
0.1, strongly turned ones 0.25."""
BLURRED_BELOW: Final = 5.0
_MEASURED_WIDTH_PX: Final = 320.0


class ClassicSwapEngine:
    """See :class:`swaps.engines.former.SwapEngine`.

    The face's features come from the source; outline, skin tone, light, hair and, where they are
    dark, glasses stay the target's. Best on faces that look in much the same direction.
    """

    name = "classic"
    label = "Classic"

    def __init__(self) -> None:
        self._dlib = DlibAnalyser()
        self.analyser: FaceAnalyser = self._dlib

    @staticmethod
    def check(target_face: Face, source_face: Face) -> list[SwapWarning]:
        """Judges a pair of faces by their stored data alone, before any pixel is read.

        Raises:
            FaceError: with the code ``no_landmarks``, ``face_too_small``, ``source_too_small``,
                ``source_occluded`` or ``yaw_difference``.
        """
        _refuse_unusable(target_face, source_face)
        warnings = []
        turn = yaw_difference(target_face, source_face)
        if turn > YAW_REFUSED:
            raise FaceError(
                "yaw_difference",
                "The two faces look in too different directions.",
                "Choose a photo in which the new face is turned about as far to the side as the "
                "face it replaces. Left or right does not matter.",
            )
        if turn > YAW_WARNS:
            warnings.append(
                SwapWarning(
                    "yaw_difference",
                    "The two faces look in rather different directions, so the result may look "
                    "stretched.",
                    "A photo with the head turned more alike will look better.",
                )
            )
        if target_face.quality.glasses and not source_face.quality.glasses:
            warnings.append(
                SwapWarning(
                    "target_glasses",
                    "The face to be replaced wears glasses. Dark frames stay, thin or clear ones "
                    "may be lost in part.",
                    "A photo without glasses will look better.",
                )
            )
        if source_face.quality.glasses:
            warnings.append(
                SwapWarning(
                    "source_glasses",
                    "The new face wears glasses, and they come along without their arms.",
                    "A photo without glasses will look better.",
                )
            )
        if source_face.quality.sharpness < BLURRED_BELOW:
            warnings.append(
                SwapWarning(
                    "source_blurred",
                    "The new face is blurred, so the result will be soft.",
                    "A sharper photo will look better.",
                )
            )
        if target_face.quality.sharpness < BLURRED_BELOW:
            warnings.append(
                SwapWarning(
                    "target_blurred",
                    "The face to be replaced is blurred, and the new one may look too clear.",
                    "A sharper photo will look better.",
                )
            )
        return warnings

    def run(
        self,
        target: Image,
        swaps: Sequence[FaceSwap],
        options: SwapOptions | None = None,
        progress: Progress | None = None,
    ) -> SwapResult:
        """Swaps every face asked for in `target`, uint8 (H, W, 3) BGR, which is not changed.

        Raises:
            FaceError: ``no_face`` when no face was asked for, or what :meth:`check` raises.
        """
        options = options or SwapOptions()
        report = progress or _unheard
        if not swaps:
            raise FaceError(
                "no_face",
                "There is no face to swap.",
                "Choose a photo in which a face can be seen clearly.",
            )
        warnings = [self.check(swap.target_face, swap.source_face) for swap in swaps]
        clock = _Clock()
        result = target.copy()
        touched: list[Box] = []
        for index, swap in enumerate(swaps):
            report("prepare", index / len(swaps))
            with clock.stage("warp"):
                frame = cut_work_frame(result, swap.target_face)
                warped = warp_source(swap.source_image, swap.source_face, frame)
            report("swap", index / len(swaps))
            with clock.stage("blend"):
                delta = swap_delta(frame, warped, options.blend)
            with clock.stage("paste"):
                x1, y1, x2, y2 = frame.box
                blending.add_delta(result[y1:y2, x1:x2], delta)
            touched.append(frame.box)
        outcomes = []
        for index, (swap, noted) in enumerate(zip(swaps, warnings, strict=True)):
            report("measure", index / len(swaps))
            similarities: tuple[float | None, float | None] = (None, None)
            if options.measure:
                with clock.stage("measure"):
                    similarities = self._similarities(target, result, swap)
            outcomes.append(FaceOutcome(swap.target_face, *similarities, tuple(noted)))
        report("measure", 1.0)
        return SwapResult(result, tuple(outcomes), clock.timings_ms(), tuple(touched))

    def warm_up(self) -> None:
        """Loads the models for finding and recognising faces."""
        self._dlib.warm_up()

    def _similarities(
        self, target: Image, result: Image, swap: FaceSwap
    ) -> tuple[float | None, float | None]:
        """How alike the new face is to the source's and to the target's; None where unsure."""
        if not identity.is_judgeable(swap.target_face):
            return None, None
        # The swap lines the new face up with the old one's points, so these say where it is, and
        # more steadily than points found afresh: a face with glasses read 0.63 against itself.
        new = self._dlib.embed(*_measurable(result, swap.target_face))
        old = self._dlib.embed(*_measurable(target, swap.target_face))
        to_target = self._dlib.similarity(new, old)
        if not identity.is_judgeable(swap.source_face):
            return None, to_target
        wanted = self._dlib.embed(*_measurable(swap.source_image, swap.source_face))
        return self._dlib.similarity(new, wanted), to_target


def _measurable(image: Image, face: Face) -> tuple[Image, Face]:
    """A cut-out of `face` no larger than its identity needs, and the face in it."""
    width = face.quality.width_px
    points = known_landmarks(face)
    box = bounding_box(points, 0.8 * width, image)
    region, matrix = reduced_region(image, box, _MEASURED_WIDTH_PX / width)
    return region, face.mapped(matrix)


def yaw_difference(a: Face, b: Face) -> float:
    """How differently far two faces are turned, 0 to 1; the side does not matter."""
    return abs(abs(a.pose.yaw) - abs(b.pose.yaw))


def _refuse_unusable(target_face: Face, source_face: Face) -> None:
    if target_face.landmarks is None or source_face.landmarks is None:
        raise FaceError(
            "no_landmarks",
            "The features of one of the faces could not be made out.",
            "Choose a photo in which the whole face can be seen clearly.",
        )
    if target_face.quality.width_px < MIN_WIDTH_PX:
        raise FaceError(
            "face_too_small",
            "The face to be replaced is too small in this photo.",
            f"Choose a larger version of the photo, with the face at least {MIN_WIDTH_PX:.0f} "
            "pixels wide.",
        )
    if source_face.quality.width_px < MIN_WIDTH_PX:
        raise FaceError(
            "source_too_small",
            "The new face is too small in its photo.",
            f"Choose a photo in which it is at least {MIN_WIDTH_PX:.0f} pixels wide.",
        )
    occlusion = source_face.quality.occlusion
    if occlusion is not None and occlusion > OCCLUSION_REFUSED:
        raise FaceError(
            "source_occluded",
            "Something covers too much of the new face.",
            "Choose a photo in which nothing, such as a hand, a mask or an object, hides it.",
        )


class _Clock:
    """Adds up the time spent in each stage."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._spent: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - started

    def timings_ms(self) -> dict[str, float]:
        everything = {**self._spent, "total": time.perf_counter() - self._started}
        return {name: round(1000 * seconds, 1) for name, seconds in everything.items()}


def _unheard(stage: str, fraction: float) -> None:
    """The progress report of a run that nobody follows."""
