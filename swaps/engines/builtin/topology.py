"""How far each vertex of the face mesh may move in a swap, and which lie round what."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.face_mesh import (
    CANONICAL,
    INNER_LIPS,
    LEFT_EYE,
    NEIGHBOURS,
    OUTER_LIPS,
    OVAL,
    POINTS,
    RIGHT_EYE,
    smoothed,
)

STRAIGHT: Final[NDArray[np.intp]] = np.arange(POINTS)
"""The order of vertices of a face that is not mirrored."""
INSIDE: Final = np.setdiff1d(STRAIGHT, OVAL)
CORNERS: Final = ((33, 133), (362, 263))
"""Corners of the eye on the image's left, then of the other."""
LIDS: Final = ((159, 145), (386, 374))
MOUTH_ANCHORS: Final = [0, 17, 61, 291]
NOSE: Final = (1, 2, 4, 5, 98, 327, 129, 358, 168, 6, 197, 195, 48, 278)
ROUND_LEFT_EYE: Final = (*LEFT_EYE, 70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
ROUND_RIGHT_EYE: Final = (*RIGHT_EYE, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)


def _inward() -> FloatArray:
    """How far a vertex follows the source's shape: 0 on the outline, 1 inside; float32 (468,)."""
    outline = list(OVAL)
    weight = np.ones(POINTS, np.float32)
    weight[outline] = 0
    weight[(weight == 1) & (NEIGHBOURS[:, outline] > 0).any(axis=1)] = 0.25
    weight = smoothed(weight, 3)
    weight[outline] = 0
    return weight


def _around(ids: tuple[int, ...], rings: int, rounds: int) -> FloatArray:
    """1 on `ids`, fading over the vertices round them; float32 (468,)."""
    mark = np.zeros(POINTS, np.float32)
    mark[list(ids)] = 1
    for _ in range(rings):
        mark = np.maximum(mark, (NEIGHBOURS @ mark > 0).astype(np.float32))
    mark = smoothed(mark, rounds)
    mark[list(ids)] = 1
    return mark


INWARD: Final = _inward()
ROUND_MOUTH: Final = _around(OUTER_LIPS + INNER_LIPS, 1, 4)
ROUND_EYES: Final = (_around(LEFT_EYE, 1, 3), _around(RIGHT_EYE, 1, 3))
OFF_MIDDLE: Final = (np.abs(CANONICAL[:, 0]) > 0.6).astype(np.float32)
