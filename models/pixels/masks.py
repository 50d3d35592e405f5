"""Masks over a face: hulls, features, skin, stretch.

Masks are float32 (H, W) from 0 to 1 unless said otherwise. LAB images are float32 (H, W, 3) in
OpenCV's 8-bit scale: L 0 to 255, a and b 0 to 255 with grey at 128.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.geometry import points as geometry

Size = tuple[int, int]


class SkinColour(NamedTuple):
    """Robust colours of a face's skin: of both cheeks together, then of parts in their own light.

    Attributes:
        median: float32 (N, 3) of L, a, b.
        spread: float32 (N, 3), scaled median absolute deviation.
    """

    median: FloatArray
    spread: FloatArray


def polygon_mask(points: FloatArray, size: Size) -> np.ndarray:
    """uint8 (H, W), 255 inside the convex hull of `points` (N, 2), 0 outside."""
    mask = np.zeros(size, np.uint8)
    hull = cv2.convexHull(np.round(points * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, lineType=cv2.LINE_AA, shift=4)
    return mask


def as_float(mask: np.ndarray) -> FloatArray:
    """A mask of 0 to 255, uint8, as float32 from 0 to 1."""
    return mask.astype(np.float32) * np.float32(1 / 255)


def smoothstep(values: FloatArray, low: float, high: float) -> FloatArray:
    """0 at `low`, 1 at `high`, a smooth S between; falling when `low` exceeds `high`."""
    t = np.clip((values - low) * np.float32(1.0 / (high - low)), 0, 1).astype(np.float32)
    return t * t * (3 - 2 * t)


def blurred(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of a float32 image, borders replicated; nothing for a tiny `sigma`."""
    if sigma < 0.3:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def grown(mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` dilated by `radius` px, eroded when negative."""
    pixels = round(abs(radius))
    if pixels == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    operation = cv2.dilate if radius > 0 else cv2.erode
    return operation(mask, kernel, borderType=cv2.BORDER_REPLICATE)


def feature_mask(landmarks: FloatArray, size: Size, margin: float) -> FloatArray:
    """1 on brows, eyes, nose and mouth, each grown by `margin` px, with a soft rim."""
    mask = np.zeros(size, np.uint8)
    parts = (
        landmarks[geometry.LEFT_BROW],
        landmarks[geometry.RIGHT_BROW],
        landmarks[geometry.LEFT_EYE],
        landmarks[geometry.RIGHT_EYE],
        landmarks[geometry.NOSE],
        landmarks[geometry.MOUTH],
    )
    for part in parts:
        mask |= polygon_mask(part, size)
    soft = as_float(grown(mask, margin))
    return blurred(soft, margin * 0.4)


def bare_skin_mask(landmarks: FloatArray, size: Size) -> FloatArray:
    """1 where every face shows skin: cheeks, nose and chin without nostrils and mouth; hard rim.

    Stays below the eyes, so that glasses and fringes do not count as foreign.
    """
    width = geometry.face_width(landmarks)
    outline = np.vstack([landmarks[2:15], landmarks[28:30]])
    area = grown(polygon_mask(outline, size), -0.07 * width)
    features = np.zeros(size, np.uint8)
    for part in (landmarks[31:36], landmarks[geometry.MOUTH]):
        features |= polygon_mask(part, size)
    area[grown(features, 0.05 * width) > 0] = 0
    return as_float(area)


def skin_colour(lab: FloatArray, landmarks: FloatArray, with_forehead: bool = False) -> SkinColour:
    """Colours of the cheeks of the face with 68 `landmarks` (68, 2), and of its forehead if asked.

    A part counts only when it is near enough to the whole not to be hair or a hand's shadow.
    """
    size = (lab.shape[0], lab.shape[1])
    up = (landmarks[27] - landmarks[geometry.CHIN]) * np.float32(0.2)
    brows = landmarks[[18, 20, 23, 25]]
    areas = [np.vstack([brows + up * 0.45, brows[1:3] + up * 1.3])] if with_forehead else []
    for corners in ((41, 31, 48, 4, 2), (46, 35, 54, 12, 14)):
        cheek = landmarks[list(corners)]
        middle = cheek.mean(axis=0)
        areas.append(middle + (cheek - middle) * 0.6)
    samples = [lab[polygon_mask(area, size) > 127] for area in areas]

    colours = [_robust_colour(np.vstack(samples[-2:]))]
    for part in samples:
        colour = _robust_colour(part)
        near = np.abs(colour[0] - colours[0][0]) < np.array([75, 14, 18], np.float32)
        if near.all():
            colours.append(colour)
    return SkinColour(
        np.stack([median for median, _ in colours]), np.stack([spread for _, spread in colours])
    )


def _robust_colour(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    if len(samples) == 0:
        return np.array([128, 138, 142], np.float32), np.zeros(3, np.float32)
    median = np.median(samples, axis=0)
    spread = 1.4826 * np.median(np.abs(samples - median), axis=0)
    return median.astype(np.float32), spread.astype(np.float32)


def skin_likeness(lab: FloatArray, skin: SkinColour) -> FloatArray:
    """1 where `lab` is of the `skin` colour in light or shade, falling to 0 where it is not.

    Blond hair and wood can be of the colour of skin: colour alone does not tell them.
    """
    floor = np.array([34.0, 9.0, 10.0], np.float32)
    nearest = np.full(lab.shape[:2], np.inf, np.float32)
    for median, spread in zip(skin.median, skin.spread, strict=True):
        reach = np.maximum(floor, np.minimum(spread, 20) * np.array([2.2, 2.5, 2.5], np.float32))
        squared = ((lab - median) / reach) ** 2
        np.minimum(nearest, squared.sum(axis=2), out=nearest)
    return smoothstep(np.sqrt(nearest), 1.9, 1.1)


def reaching_in(foreign: FloatArray, inside: np.ndarray) -> FloatArray:
    """`foreign`, float32 (H, W), without the islands that touch no border of `inside`.

    Hair, a hat or a hand enter a face over its rim; a highlight or a wrinkle does not.

    Args:
        foreign: 1 where something is not skin.
        inside: uint8 (H, W), 255 inside the face.
    """
    solid = ((foreign > 0.3) | (inside == 0)).astype(np.uint8)
    count, labels = cv2.connectedComponents(solid, connectivity=4)
    entering = np.zeros(count, bool)
    entering[np.unique(labels[inside == 0])] = True
    entering[0] = False
    return np.where(entering[labels], foreign, 0).astype(np.float32)


def stretch_mask(warp: FloatArray) -> FloatArray:
    """0 where a map (H, W, 2) smears few source pixels over many, 1 where it does not."""
    dx = np.gradient(warp, axis=1)
    dy = np.gradient(warp, axis=0)
    area = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
    middle = area[
        area.shape[0] // 4 : -area.shape[0] // 4, area.shape[1] // 4 : -area.shape[1] // 4
    ]
    typical = max(float(np.median(middle)), 1e-6)
    return smoothstep((area / np.float32(typical)).astype(np.float32), 0.12, 0.3)
