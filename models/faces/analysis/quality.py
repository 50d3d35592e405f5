"""How much can be made of a face: size, sharpness, occlusion."""

from __future__ import annotations

import cv2
import numpy as np

from models.faces import glasses
from models.faces.face import FloatArray, Quality
from models.geometry import points as geometry
from models.pixels import masks
from models.pixels.imaging import Image, upright_patch

_WIDTH_PX = 128
"""Jaw width at which sharpness and occlusion are measured."""


def measure_quality(image: Image, landmarks: FloatArray) -> Quality:
    """Quality hints of the face with 68 `landmarks` (68, 2) in `image`, uint8 (H, W, 3) BGR."""
    width = geometry.face_width(landmarks)
    roll = geometry.roll_degrees(landmarks)
    centre = landmarks.mean(axis=0)
    patch, matrix = upright_patch(image, centre, 2.0 * max(width, 1.0), roll, 2 * _WIDTH_PX)
    points = geometry.transform_points(landmarks, matrix)
    hull = masks.polygon_mask(points, patch.shape[:2]) > 0
    grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    sharpness = float(laplacian[hull].std()) if hull.any() else 0.0
    large, matrix = upright_patch(image, centre, 1.5 * max(width, 1.0), roll, 384)
    return Quality(
        width_px=width,
        sharpness=sharpness,
        occlusion=_occlusion(patch, points),
        glasses=glasses.wears_glasses(large, geometry.transform_points(landmarks, matrix)),
    )


def _occlusion(patch: Image, points: FloatArray) -> float:
    """Share of cheeks, nose and chin outside the colours of this face's own skin."""
    lab = cv2.cvtColor(patch, cv2.COLOR_BGR2LAB).astype(np.float32)
    skin = masks.skin_likeness(lab, masks.skin_colour(lab, points))
    area = masks.bare_skin_mask(points, patch.shape[:2]) > 0.5
    return float((skin[area] < 0.5).mean()) if area.any() else 1.0
