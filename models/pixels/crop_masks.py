"""Where in an aligned crop the new face shows.

Masks are float32 (S, S) in crop pixels, 0 to 1. Feathers and margins are shares of the crop's
side, so that a mask means the same at every size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry import points as geometry
from models.pixels import masks

MaskKind = Literal["box", "hull", "regions", "occlusion"]
Region = Literal[
    "skin",
    "left_brow",
    "right_brow",
    "left_eye",
    "right_eye",
    "glasses",
    "nose",
    "mouth",
    "upper_lip",
    "lower_lip",
]

REGION_LABELS: Final[dict[Region, int]] = {
    "skin": 1,
    "left_brow": 2,
    "right_brow": 3,
    "left_eye": 4,
    "right_eye": 5,
    "glasses": 6,
    "nose": 10,
    "mouth": 11,
    "upper_lip": 12,
    "lower_lip": 13,
}
"""Class numbers of the 19-class CelebAMask-HQ labelling the parsers were trained on."""

FACE_REGIONS: Final[frozenset[Region]] = frozenset(REGION_LABELS) - {"glasses"}

_BOX_MARGIN: Final = 0.02
_BOX_FEATHER: Final = 0.10
_FEATHER: Final = 0.03


@lru_cache(maxsize=16)
def box_mask(size: int) -> FloatArray:
    """1 inside, 0 at the rim of the crop, a smooth S between. Shared: not to be written to."""
    steps = np.arange(size, dtype=np.float32)
    edge: FloatArray = np.minimum(steps, steps[::-1]) * np.float32(1 / size)
    ramp = masks.smoothstep(edge, _BOX_MARGIN, _BOX_MARGIN + _BOX_FEATHER)
    mask = np.outer(ramp, ramp).astype(np.float32)
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=16)
def oval_mask(size: int) -> FloatArray:
    """1 where an aligned crop is sure to show face, whatever the template: eyes, cheeks, chin.

    For measuring, not for pasting. Shared: not to be written to.
    """
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = (steps[None, :] - 0.5) / 0.27, (steps[:, None] - 0.57) / 0.33
    mask = masks.smoothstep(np.sqrt(across**2 + down**2), 1.0, 0.85)
    mask.setflags(write=False)
    return mask


def hull_mask(landmarks: FloatArray, size: int) -> FloatArray:
    """1 inside the outline of the face: jaw, temples, and a forehead drawn above the brows.

    Args:
        landmarks: (68, 2) in iBUG order, crop pixels.
        size: side of the crop in pixels.
    """
    outline = np.vstack([landmarks, geometry.forehead_arc(landmarks, 0.55)])
    filled = masks.polygon_mask(outline.astype(np.float32), (size, size))
    return _feathered(filled.astype(np.float32) / np.float32(255))


def region_mask(labels: NDArray[np.uint8], regions: Collection[Region], size: int) -> FloatArray:
    """1 where the parser saw one of `regions`.

    Args:
        labels: uint8 (h, w) class numbers, of any size.
        regions: which of them to keep.
        size: side of the mask in pixels.
    """
    table = np.zeros(256, np.uint8)
    table[[REGION_LABELS[region] for region in regions]] = 255
    chosen = cv2.LUT(labels, table)
    shrinking = size < chosen.shape[0]
    resized = cv2.resize(
        chosen,
        (size, size),
        interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
    )
    return _feathered(resized.astype(np.float32) / np.float32(255))


def visible_mask(visible: FloatArray, size: int) -> FloatArray:
    """1 where nothing is in front of the face, of an occluder's answer float32 (h, w), 0 to 1."""
    shrinking = size < visible.shape[0]
    resized = cv2.resize(
        visible,
        (size, size),
        interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
    )
    return _feathered(np.clip(resized, 0, 1))


def combined(parts: Iterable[FloatArray]) -> FloatArray:
    """The least of several masks of one size at every pixel.

    Raises:
        ValueError: there are none.
    """
    result: FloatArray | None = None
    for part in parts:
        result = part if result is None else np.minimum(result, part)
    if result is None:
        raise ValueError("no masks to combine")
    return result


def _feathered(mask: FloatArray) -> FloatArray:
    """Softened inwards only: 0 stays 0 outside, so nothing beyond the region is touched."""
    soft = masks.blurred(mask, _FEATHER * mask.shape[0])
    return np.minimum(masks.smoothstep(soft, 0.5, 1.0), mask).astype(np.float32)
