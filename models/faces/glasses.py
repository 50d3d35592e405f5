"""Telling glasses, and which pixels are their frame."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.geometry import points as geometry
from models.pixels import masks
from models.pixels.imaging import Image

_BRIDGE_EDGE: Final = 30.0
_BRIDGE_COVER: Final = 0.95
_SOLID_BRIDGE: Final = 0.2
_SOLID_SHARE: Final = 0.45
_PARTIAL_SHARE: Final = 0.3


def wears_glasses(patch: Image, landmarks: FloatArray) -> bool:
    """Whether a frame crosses the bridge of the nose from one eye to the other.

    Args:
        patch: uint8 (H, W, 3) BGR, an upright face of about 250 px jaw width.
        landmarks: float32 (68, 2) in the patch.
    """
    x1, y1, x2, y2 = _bridge(landmarks)
    height, width = patch.shape[:2]
    if x1 < 0 or y1 < 0 or x2 > width or y2 > height or x2 - x1 < 4 or y2 - y1 < 4:
        return False
    grey = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), (0, 0), 1.0)
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))[y1:y2, x1:x2] / 4
    # Almost every column between the eyes must have a strong horizontal edge.
    if np.percentile(edges.max(axis=0), 30) < _BRIDGE_EDGE:
        return False
    lab = cv2.cvtColor(patch, cv2.COLOR_BGR2LAB).astype(np.float32)
    skin = masks.skin_likeness(lab, masks.skin_colour(lab, landmarks))[y1:y2, x1:x2]
    return bool((skin < 0.5).any(axis=0).mean() >= _BRIDGE_COVER)


def frame_mask(image: Image, landmarks: FloatArray) -> FloatArray:
    """The dark frame of glasses that are known to be there, float32 (H, W), 1 on the frame.

    Args:
        image: uint8 (H, W, 3) BGR.
        landmarks: float32 (68, 2) of the face that wears them.
    """
    size = (image.shape[0], image.shape[1])
    width = geometry.face_width(landmarks)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cheeks = masks.bare_skin_mask(landmarks, size) > 0.5
    bridge = masks.polygon_mask(landmarks[[39, 42, 28]], size) > 0
    zone = _zone(landmarks, size) > 0
    face_zone = zone & (masks.polygon_mask(landmarks, size) > 0)
    if not cheeks.any() or not bridge.any() or not face_zone.any():
        return np.zeros(size, np.float32)
    skin_level = float(np.median(grey[cheeks]))
    darkest = float(np.percentile(grey[face_zone], 3))
    at_bridge = (float(np.percentile(grey[bridge], 8)) - darkest) / max(skin_level - darkest, 1.0)
    # Where the bridge is not dark, only part of the frame is, and a lower threshold keeps
    # wrinkles from passing for the rest of it.
    share = _SOLID_SHARE if at_bridge < _SOLID_BRIDGE else _PARTIAL_SHARE
    dark = (zone & (grey < darkest + share * (skin_level - darkest))).astype(np.uint8)
    eyes = masks.polygon_mask(landmarks[geometry.LEFT_EYE], size)
    eyes |= masks.polygon_mask(landmarks[geometry.RIGHT_EYE], size)
    dark[masks.grown(eyes, 0.035 * width) > 0] = 0
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    kept = np.zeros(count, bool)
    for index in range(1, count):
        kept[index] = statistics[index, cv2.CC_STAT_WIDTH] > 0.16 * width
    frame = masks.grown(kept[labels].astype(np.uint8) * np.uint8(255), 0.008 * width)
    return masks.blurred(masks.as_float(frame), 0.004 * width)


def eye_zone(landmarks: FloatArray, size: masks.Size) -> FloatArray:
    """The band in which glasses sit, float32 (H, W), soft at its rim."""
    width = geometry.face_width(landmarks)
    zone = masks.as_float(_zone(landmarks, size))
    return masks.blurred(zone, 0.02 * width)


def _zone(landmarks: FloatArray, size: masks.Size) -> np.ndarray:
    width = geometry.face_width(landmarks)
    left, right = (landmarks[part].mean(axis=0) for part in (geometry.LEFT_EYE, geometry.RIGHT_EYE))
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    down = np.array([-along[1], along[0]])
    middle = (left + right) / 2
    corners = [
        middle + along * across * width + down * drop * width
        for across, drop in ((-0.62, -0.17), (0.62, -0.17), (0.62, 0.32), (-0.62, 0.32))
    ]
    return masks.polygon_mask(np.array(corners, np.float32), size)


def _bridge(landmarks: FloatArray) -> tuple[int, int, int, int]:
    width = geometry.face_width(landmarks)
    return (
        int(landmarks[39, 0] + 0.02 * width),
        int(landmarks[27, 1] - 0.06 * width),
        int(landmarks[42, 0] - 0.02 * width),
        int(landmarks[28, 1] + 0.10 * width),
    )
