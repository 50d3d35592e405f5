"""What lies over a face although the parser calls it skin: a surgical mask, a cloth, an object."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels.masks import grown
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.tones import to_lab

_LEAST_CHROMA: Final = 6.0
_LEAST_APART: Final = 13.0
_LEAST_AREA: Final = 0.02
_LEAST_STEP: Final = 8.0
_BRIDGE: Final = -1.0
_NOSE: Final = (0.2, 2.4)


def find_covering(
    image: FloatArray,
    classes: FloatArray,
    height: FloatArray,
    covered: NDArray[np.bool_],
    width: float,
) -> FloatArray:
    """Where something of another colour than the face's skin lies over it, float32 (h, w).

    The upper face tells what its skin looks like. A patch counts when it is large, sharp-edged
    and begins on the nose or lower; a beard is hair and never covers the nose, lips and teeth have
    classes of their own.

    Args:
        image: float32 (h, w, 3) BGR, 0 to 255.
        classes: float32 (h, w, 10).
        height: float32 (h, w), y of the canonical head in centimetres, down.
        covered: bool (h, w), where the mesh lies.
        width: of the face in pixels.
    """
    nothing = np.zeros(image.shape[:2], np.float32)
    inside = grown(covered.astype(np.uint8), -0.02 * width) > 0
    lab = to_lab(image)
    upper = inside & (classes[..., Part.SKIN] > 0.6) & (height > -4.5) & (height < _BRIDGE)
    if upper.sum() < 0.02 * width * width:
        return nothing
    level, a, b = np.median(lab[upper], axis=0)
    chroma = float(np.hypot(a, b))
    apart = np.hypot(lab[..., 1] - a, lab[..., 2] - b)
    # Skin in the shade has more colour of the same hue: that is no covering.
    along = (lab[..., 1] * a + lab[..., 2] * b) / max(chroma, 1e-3)
    across = np.abs(lab[..., 1] * b - lab[..., 2] * a) / max(chroma, 1e-3)
    same_hue = (along > 0.5 * chroma) & (across < 0.45 * along)
    other = (apart > max(_LEAST_APART, 0.55 * chroma)) & ~same_hue
    if chroma < _LEAST_CHROMA:
        other = np.zeros_like(inside)
    # A dark cloth shows on the nose, where no beard grows.
    dark = lab[..., 0] < 0.45 * level
    other |= dark
    named = classes[..., [Part.LIP, Part.MOUTH, Part.EYE, Part.BROW, Part.HAIR, Part.GLASSES]]
    other &= inside & (named.max(axis=-1) < 0.35) & (height > _BRIDGE)
    patch = cv2.morphologyEx(
        other.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8), iterations=2
    )
    count, labels = cv2.connectedComponents(patch)
    result = nothing
    nose = (height > _NOSE[0]) & (height < _NOSE[1])
    for index in range(1, count):
        part = labels == index
        # Only where the patch meets the rest of the face, not where the face ends.
        beside = (inside & ~part).astype(np.uint8)
        brush = np.ones((5, 5), np.uint8)
        rim = (cv2.dilate(part.astype(np.uint8), brush) & cv2.dilate(beside, brush)) > 0
        near, beyond = rim & part, rim & ~part & inside
        if not (near.any() and beyond.any()):
            continue
        step = lab[near].mean(axis=0) - lab[beyond].mean(axis=0)
        on_nose = float((part & nose).sum()) > 0.15 * float((inside & nose).sum())
        if (
            part.sum() > _LEAST_AREA * width * width
            and on_nose
            and max(float(np.hypot(step[1], step[2])), 0.25 * abs(float(step[0]))) > _LEAST_STEP
        ):
            result[part] = 1
    # What the mask hides is hidden to its very edge.
    return cv2.dilate(result, np.ones((3, 3), np.uint8), iterations=max(round(0.015 * width), 1))
