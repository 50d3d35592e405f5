"""Putting one image into another without a seam.

Each blend returns the difference to be added to the target, which is 0 wherever the target is to
stay: that difference can be enlarged and added to a photo of any size.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels.imaging import Image
from models.pixels.masks import blurred

_DRIFT_SIGMA: Final = 0.06
_MAX_DRIFT: Final = 10.0


def alpha_delta(source: FloatArray, target: FloatArray, mask: FloatArray) -> FloatArray:
    """Plain cross-fade.

    Args:
        source: float32 (H, W, 3), 0 to 255.
        target: float32 (H, W, 3), 0 to 255.
        mask: float32 (H, W), 1 where the source shows.

    Returns:
        float32 (H, W, 3) to be added to `target`.
    """
    return (source - target) * mask[..., None]


def multiband_delta(
    source: FloatArray, target: FloatArray, mask: FloatArray, support: FloatArray, levels: int
) -> FloatArray:
    """Every frequency band faded over a width of its own size.

    Burt and Adelson, "A multiresolution spline with application to image mosaics", ACM TOG 2(4),
    1983. The pyramid is linear, so it is built once, of the difference of the two images.

    Args:
        source: float32 (H, W, 3), 0 to 255.
        target: float32 (H, W, 3), 0 to 255.
        mask: float32 (H, W), 1 where the source shows.
        support: float32 (H, W); the difference is 0 where this is 0, however far a low
            frequency reaches.
        levels: number of bands over the lowest.
    """
    smallest = min(mask.shape)
    levels = max(min(levels, int(np.log2(max(smallest, 2))) - 2), 0)
    band = (source - target) * support[..., None]
    weights = [mask]
    bands = []
    for _ in range(levels):
        lower = cv2.pyrDown(band)
        band -= cv2.pyrUp(lower, dstsize=(band.shape[1], band.shape[0]))
        bands.append(band)
        weights.append(cv2.pyrDown(weights[-1]))
        band = lower
    delta = band * weights[-1][..., None]
    for band, weight in zip(reversed(bands), reversed(weights[:-1]), strict=True):
        delta = cv2.pyrUp(delta, dstsize=(band.shape[1], band.shape[0]))
        delta += band * weight[..., None]
    delta *= support[..., None]
    return delta


def poisson_delta(source: FloatArray, target: FloatArray, mask: FloatArray) -> FloatArray:
    """Gradients of the source, border of the target.

    Perez, Gangnet and Blake, "Poisson image editing", ACM TOG 22(3), 2003, by OpenCV's
    ``seamlessClone``, faded by `mask` on top. What hair or shadow on the border does to the colour
    inside is held to a few levels. Arguments as in :func:`alpha_delta`.
    """
    source_8bit, target_8bit = _to_8bit(source), _to_8bit(target)
    region = np.where(mask > 0.05, np.uint8(255), np.uint8(0))
    # seamlessClone needs a free border round the region.
    region[:2], region[-2:], region[:, :2], region[:, -2:] = 0, 0, 0, 0
    x, y, width, height = cv2.boundingRect(region)
    if width < 8 or height < 8:
        return np.zeros_like(target)
    # It puts the middle of the region's bounding box, in whole pixels, at this point.
    middle = (x + width // 2, y + height // 2)
    cloned = cv2.seamlessClone(source_8bit, target_8bit, region, middle, cv2.NORMAL_CLONE)
    clone = cloned.astype(np.float32)
    sigma = _DRIFT_SIGMA * float(np.sqrt(width * height))
    eighth = (max(target.shape[1] // 8, 1), max(target.shape[0] // 8, 1))
    drift = cv2.resize(clone - source, eighth, interpolation=cv2.INTER_AREA)
    drift = blurred(drift, max(sigma / 8, 0.5))
    excess = drift - np.clip(drift, -_MAX_DRIFT, _MAX_DRIFT)
    clone -= cv2.resize(excess, (target.shape[1], target.shape[0]))
    return alpha_delta(clone, target, mask)


def add_delta(target: Image, delta: FloatArray) -> None:
    """Adds `delta`, float32 (h, w, 3), enlarged to the size of `target`, uint8, in place.

    A pixel whose difference rounds to 0 keeps its value.
    """
    height, width = target.shape[:2]
    # 1/16 steps in 16 bits hold the difference at half the memory of floats.
    fine = np.clip(np.rint(delta * 16), -8160, 8160).astype(np.int16)
    if fine.shape[:2] != (height, width):
        fine = cv2.resize(fine, (width, height), interpolation=cv2.INTER_CUBIC)
    rounded = (fine + np.int16(8)) >> np.int16(4)
    cv2.add(target, rounded, dst=target, dtype=cv2.CV_8U)


def _to_8bit(image: FloatArray) -> Image:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
