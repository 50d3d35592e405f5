"""How a drawn face came out: figures on the grid, and what they warn of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.engines import Notice
from models.faces.face import FloatArray
from models.pixels.imaging import Image
from models.pixels.masks import as_float, grown
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.draw import Drawing
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import known_blur, to_lab, weighted_deviation

LIKENESS_WEAK: Final = 0.23
TONE_OFF: Final = 8.0
BLOTCHY: Final = 2.2


@dataclass(frozen=True)
class Figures:
    """What can be measured of a drawn face without a network.

    Attributes:
        tone: mean difference of slow colour to the target's own skin, CIE Delta E.
        blotches: middle band of skin over the target's own; 1 is as even as before.
        seam: steepness along the rim of the mask over what was there before.
        sharpness: fine band over the target's own.
    """

    tone: float
    blotches: float
    seam: float
    sharpness: float


def measure_drawing(drawing: Drawing, result: Image) -> Figures:
    """Figures of `drawing` in `result`, uint8 (H, W, 3) BGR, the finished photo."""
    masks = drawing.masks
    rim = (masks.shown > 0.1) & (masks.shown < 0.9) & (masks.support > 0.3)
    return measure_face(drawing.frame, drawing.warped.covered, masks.shown > 0.5, rim, result)


def measure_face(
    frame: TargetFrame,
    covered: NDArray[np.bool_],
    shown: NDArray[np.bool_],
    rim: NDArray[np.bool_],
    result: Image,
) -> Figures:
    """Figures of any swap.

    Args:
        frame: the face as it was.
        covered: bool (h, w) on its grid, where the face lies.
        shown: bool (h, w), where the new one shows.
        rim: bool (h, w), where the two meet.
        result: uint8 (H, W, 3) BGR, the finished photo.
    """
    x1, y1, x2, y2 = frame.box
    size = frame.size[::-1]
    new = cv2.resize(result[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    scale = np.array([1 / 2.55, 1, 1], np.float32)
    after, before = to_lab(new) * scale, to_lab(frame.grid) * scale
    width = frame.width
    hull = covered.astype(np.uint8) * np.uint8(255)
    weight = (frame.classes[..., Part.SKIN] > 0.55) * as_float(grown(hull, -0.05 * width))
    weight = (weight * shown).astype(np.float32)
    total = max(float(weight.sum()), 1.0)

    def bands(lab: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        middle = known_blur(lab, weight, 0.025 * width)
        slow = known_blur(lab, weight, 0.085 * width)
        return slow, middle - slow, lab - middle

    slow, middle, fine = bands(after)
    slow_before, middle_before, fine_before = bands(before)
    tone = float((np.linalg.norm(slow - slow_before, axis=2) * weight).sum() / total)

    def strength(band: FloatArray) -> float:
        return float(np.linalg.norm(weighted_deviation(band, weight, 30)))

    return Figures(
        tone,
        strength(middle) / max(strength(middle_before), 0.5),
        _steepness(after, rim) / max(_steepness(before, rim), 0.5),
        strength(fine) / max(strength(fine_before), 0.2),
    )


def judge_drawing(drawing: Drawing, result: Image, likeness: float | None) -> list[Notice]:
    """What of a finished face may not please, after the fact.

    Args:
        drawing: what was drawn.
        result: uint8 (H, W, 3) BGR, the finished photo.
        likeness: to the source, or None where it was not measured.
    """
    figures = measure_drawing(drawing, result)
    notices = []
    if likeness is not None and likeness < LIKENESS_WEAK:
        notices.append(Notice("likeness_weak", {"reached": round(likeness, 2)}))
    if figures.tone > TONE_OFF:
        notices.append(Notice("tone_off"))
    if figures.blotches > BLOTCHY:
        notices.append(Notice("skin_uneven"))
    return notices


def _steepness(lab: FloatArray, where: NDArray[np.bool_]) -> float:
    if not where.any():
        return 0.0
    light = np.ascontiguousarray(lab[..., 0])
    slope = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    return float(slope[where].mean())
