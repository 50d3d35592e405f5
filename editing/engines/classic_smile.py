"""A smile drawn by geometry: corners of the mouth, cheeks, lower lids, and the light on them."""

from __future__ import annotations

from typing import Final

import numpy as np

from editing.engines.classic_frame import (
    LEFT_CHEEK,
    LEFT_OUTER_CHEEK,
    RIGHT_CHEEK,
    RIGHT_OUTER_CHEEK,
    EditFrame,
    fixed_points,
)
from editing.engines.classic_skin import curve, map_skin, soft_spot, stroke
from models.faces.face import FloatArray

CORNER_UP: Final = 0.050
"""How far the corners of the mouth rise at strength 1, in face widths."""
CORNER_OUT: Final = 0.042
_EARNEST: Final = 0.7
"""How far strength -1 goes the other way; corners can fall less than they can rise."""

# Image-left point, image-right point, out and up in face widths at strength 1.
_MOVES: Final = (
    (48, 54, CORNER_OUT, CORNER_UP),
    (49, 53, 0.026, 0.020),
    (59, 55, 0.026, 0.018),
    (50, 52, 0.010, 0.000),
    (58, 56, 0.011, 0.001),
    (31, 35, 0.006, 0.004),
    (LEFT_CHEEK, RIGHT_CHEEK, 0.010, 0.028),
    (LEFT_OUTER_CHEEK, RIGHT_OUTER_CHEEK, 0.012, 0.016),
    (40, 47, 0.000, 0.008),
    (41, 46, 0.000, 0.009),
)
_MIDDLE_OF_LIPS: Final = ((51, -0.004), (57, -0.002))
_NEAR_GLASSES: Final = (LEFT_CHEEK, LEFT_OUTER_CHEEK, 40, 41)
_BEHIND_GLASSES: Final = 0.4
"""Share of the movement of lids and cheeks that the frame of glasses lets pass unbent."""

_SHADING_WIDTH_PX: Final = 320
_FOLD: Final = -0.085
_CHEEK_LIGHT: Final = 0.045
_UNDER_LID: Final = -0.03


def smile_displacements(frame: EditFrame, strength: float) -> FloatArray:
    """Where the points of the face go, as :func:`classic_frame.face_flow` wants them."""
    moved = fixed_points()
    amount = strength if strength > 0 else strength * _EARNEST
    left, right = _side_weights(frame.yaw)
    for left_point, right_point, out, up in _MOVES:
        hidden = frame.wears_glasses and left_point in _NEAR_GLASSES
        scale = amount * (_BEHIND_GLASSES if hidden else 1.0)
        moved[left_point] = np.array([-out * left, -up]) * scale
        moved[right_point] = np.array([out * right, -up]) * scale
    for point, up in _MIDDLE_OF_LIPS:
        moved[point, 1] = -up * amount
    return moved


def smile_shading(frame: EditFrame, strength: float) -> FloatArray:
    """What a smile of `strength`, 0 to 1, adds in light, float32 (h, w, 3) BGR.

    Cheeks that rise catch light and fold beside the mouth. It is soft, so it comes reduced.
    """
    small = frame.reduced(_SHADING_WIDTH_PX)
    light = _relief(small) * map_skin(small).skin * np.float32(strength)
    return small.image.astype(np.float32) * light[..., None]


def _relief(frame: EditFrame) -> FloatArray:
    """Relative light at strength 1, float32 (h, w): -0.1 is a tenth darker."""
    light = np.zeros(frame.size, np.float32)
    points, width = frame.landmarks, frame.width
    along, down = (axis * width for axis in frame.axes())
    weights = _side_weights(frame.yaw)
    for side, wing, corner, cheek, lid, weight in (
        (-1, 31, 48, [40, 41, 48, 3], [36, 41, 40], weights[0]),
        (1, 35, 54, [46, 47, 54, 13], [45, 46, 47], weights[1]),
    ):
        fold = curve(
            [
                points[wing] + along * 0.03 * side - down * 0.015,
                (points[wing] + points[corner]) / 2 + along * 0.055 * side,
                points[corner] + along * 0.055 * side + down * 0.005,
            ]
        )
        light += stroke(fold, 0.014 * width, frame.size) * np.float32(_FOLD * weight)
        light += stroke(fold + along * 0.04 * side, 0.022 * width, frame.size) * np.float32(
            -0.3 * _FOLD * weight
        )
        apple = points[cheek].mean(axis=0) - down * 0.02
        light += soft_spot(frame, apple, 0.06, 0.045) * np.float32(_CHEEK_LIGHT * weight)
        if not frame.wears_glasses:
            under = curve([points[index] + down * 0.035 for index in lid])
            light += stroke(under, 0.009 * width, frame.size) * np.float32(_UNDER_LID * weight)
    return light


def _side_weights(yaw: float) -> tuple[float, float]:
    """How much of a sideways movement shows on the image-left and on the image-right cheek."""
    far = float(np.clip(1 - abs(yaw) / 42, 0.3, 1))
    return (1.0, far) if yaw > 0 else (far, 1.0)
