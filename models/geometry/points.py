"""Landmarks, poses and warps.

Landmarks follow the iBUG 300-W order of 68 points: jaw 0-16, brows 17-26, nose 27-35,
eyes 36-47, mouth 48-67. Left and right are those of the image.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray, Pose

JAW: Final = slice(0, 17)
LEFT_BROW: Final = slice(17, 22)
RIGHT_BROW: Final = slice(22, 27)
NOSE: Final = slice(27, 36)
LEFT_EYE: Final = slice(36, 42)
RIGHT_EYE: Final = slice(42, 48)
MOUTH: Final = slice(48, 68)
INNER_MOUTH: Final = slice(60, 68)
CHIN: Final = 8

_MIRROR_ORDER: Final = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        *(45, 44, 43, 42, 47, 46),
        *(39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        *range(67, 64, -1),
    ]
)
_FRONTAL_NOSE_HEIGHT: Final = 0.58

YAW_DEGREES: Final = 55.0
PITCH_DEGREES: Final = 110.0
"""Degrees per unit of the ratios that flat points give, measured on turned heads in 3-D."""


def five_points(landmarks: FloatArray) -> FloatArray:
    """Eye centres, nose tip and mouth corners, float32 (5, 2), of 68 landmarks (68, 2)."""
    return np.stack(
        [
            landmarks[LEFT_EYE].mean(axis=0),
            landmarks[RIGHT_EYE].mean(axis=0),
            landmarks[30],
            landmarks[48],
            landmarks[54],
        ]
    ).astype(np.float32)


def face_width(landmarks: FloatArray) -> float:
    """Jaw width in pixels, ear to ear (points 0 and 16)."""
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))


def roll_degrees(landmarks: FloatArray) -> float:
    """Tilt of the eye line in degrees, positive clockwise on screen."""
    dx, dy = landmarks[RIGHT_EYE].mean(axis=0) - landmarks[LEFT_EYE].mean(axis=0)
    return float(np.degrees(np.arctan2(dy, dx)))


def pose(landmarks: FloatArray) -> Pose:
    """Rough yaw, pitch and roll, in degrees, of 68 landmarks (68, 2)."""
    roll = roll_degrees(landmarks)
    upright = transform_points(landmarks, rotation_matrix(landmarks[27], -roll))
    bridge = upright[27:30, 0].mean()
    to_left = bridge - upright[0:3, 0].mean()
    to_right = upright[14:17, 0].mean() - bridge
    across = max(abs(to_left) + abs(to_right), 1e-6)
    yaw = float(np.clip((to_left - to_right) / across, -1, 1))
    eyes = upright[36:48, 1].mean()
    mouth = upright[[48, 54], 1].mean()
    nose_height = (upright[30, 1] - eyes) / max(mouth - eyes, 1e-6)
    pitch = float(np.clip(nose_height - _FRONTAL_NOSE_HEIGHT, -0.8, 0.8))
    return Pose(yaw=YAW_DEGREES * yaw, pitch=PITCH_DEGREES * pitch, roll=roll)


def rotation_matrix(centre: FloatArray, degrees: float) -> FloatArray:
    """Affine (2, 3) float32 that turns points about `centre`, positive clockwise on screen."""
    x, y = float(centre[0]), float(centre[1])
    return cv2.getRotationMatrix2D((x, y), -degrees, 1.0).astype(np.float32)


def transform_points(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """Points (N, 2) under an affine matrix (2, 3), float32 (N, 2)."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def similarity_matrix(source: FloatArray, target: FloatArray) -> FloatArray:
    """Least-squares rotation, scale and shift from `source` to `target`, both (N, 2).

    Returns the affine matrix (2, 3) float32. Umeyama, "Least-squares estimation of transformation
    parameters between two point patterns", IEEE TPAMI 13(4), 1991, in its planar closed form;
    reflection is never part of the answer.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s = (source - source_mean).astype(np.float64)
    t = (target - target_mean).astype(np.float64)
    spread = max(float((s**2).sum()), 1e-12)
    a = float((s * t).sum()) / spread
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    shift = target_mean - linear @ source_mean
    return np.hstack([linear, shift[:, None]]).astype(np.float32)


def mirrored_landmarks(landmarks: FloatArray, width: int) -> FloatArray:
    """The 68 landmarks (68, 2) of the image of `width` px flipped left to right."""
    flipped = landmarks[_MIRROR_ORDER].copy()
    flipped[:, 0] = width - 1 - flipped[:, 0]
    return flipped


def mouth_opening(landmarks: FloatArray) -> float:
    """Inner height of the mouth over its inner width; 0 is closed."""
    height = np.linalg.norm(landmarks[61:64].mean(axis=0) - landmarks[65:68].mean(axis=0))
    width = np.linalg.norm(landmarks[64] - landmarks[60])
    return float(height / max(float(width), 1e-6))


def forehead_arc(landmarks: FloatArray, height: float, count: int = 9) -> FloatArray:
    """Points (count, 2) on an arc from temple to temple over the brows.

    The arc is half an ellipse on the jaw's ends; its top lies `height` times the distance
    from the eye line to the chin above the eye line.
    """
    eyes = landmarks[36:48].mean(axis=0)
    up = (eyes - landmarks[CHIN]) * height
    left, right = landmarks[0], landmarks[16]
    middle, half = (left + right) / 2, (right - left) / 2
    rise = eyes + up - middle
    angles = np.linspace(np.pi, 0, count + 2)[1:-1]
    arc = middle + np.cos(angles)[:, None] * half + np.sin(angles)[:, None] * rise
    return arc.astype(np.float32)


def thin_plate_map(
    control: FloatArray, values: FloatArray, size: tuple[int, int], step: int = 16
) -> FloatArray:
    """A dense map float32 (H, W, 2) that carries each `control` point to its value.

    Thin plate spline through the points (Bookstein, "Principal warps", IEEE TPAMI 11(6), 1989),
    evaluated on a grid of `step` px and interpolated between, which on faces differs from the
    exact spline by well under a pixel.

    Args:
        control: (N, 2) points in the frame of the map.
        values: (N, 2) where each control point maps to, in any other frame.
        size: (height, width) of the map in pixels.
        step: spacing of the exact evaluation in pixels.
    """
    height, width = size
    scale = float(np.ptp(control, axis=0).max()) or 1.0
    centre = control.mean(axis=0)
    points = (control.astype(np.float64) - centre) / scale
    count = len(points)
    affine = np.hstack([np.ones((count, 1)), points])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _radial(points, points) + 1e-6 * np.eye(count)
    system[:count, count:] = affine
    system[count:, :count] = affine.T
    right_side = np.zeros((count + 3, 2))
    right_side[:count] = values
    weights = np.linalg.solve(system, right_side)

    columns = max(-(-(width - 1) // step), 1) + 1
    rows = max(-(-(height - 1) // step), 1) + 1
    grid_x, grid_y = np.meshgrid(np.arange(columns) * step, np.arange(rows) * step)
    grid = (np.stack([grid_x.ravel(), grid_y.ravel()], axis=1) - centre) / scale
    coarse = _radial(grid, points) @ weights[:count]
    coarse += weights[count] + grid @ weights[count + 1 :]
    coarse_map = coarse.reshape(rows, columns, 2).astype(np.float32)
    # Grid node (i, j) lies exactly on pixel (i * step, j * step), so the zoom is an affine warp
    # without the half-pixel shift of a resize.
    zoom = np.array([[1 / step, 0, 0], [0, 1 / step, 0]], dtype=np.float32)
    return cv2.warpAffine(
        coarse_map,
        zoom,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _radial(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    return squared * np.log(np.maximum(squared, 1e-12))
