"""Which photo shows a person best; told from stored faces alone, so that pages can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.faces.face import Face

_FULL_WIDTH_PX: Final = 160.0
_FULL_SHARPNESS: Final = 12.0
_LOWEST_WEIGHT: Final = 0.02


def source_weight(face: Face) -> float:
    """How much a photo of a person tells about them, above 0 to 1: large, sharp and frontal."""
    size = min(face.quality.width_px / _FULL_WIDTH_PX, 1.0)
    sharpness = min(face.quality.sharpness / _FULL_SHARPNESS, 1.0)
    frontal = 1.0 - 0.7 * min(abs(face.pose.yaw) / 55.0, 1.0)
    seen = 1.0 - 0.5 * (face.quality.occlusion or 0.0)
    return max(size * sharpness * frontal * seen, _LOWEST_WEIGHT)


def best_source(faces: Sequence[Face]) -> int:
    """Index of the face that makes the best source, by :func:`source_weight`.

    Raises:
        ValueError: there are no faces.
    """
    return max(range(len(faces)), key=lambda index: source_weight(faces[index]))
