"""Colour scales and blurs that know where they may read.

LAB here is float32 (H, W, 3) with L from 0 to 255 and a, b about 0; "log" is the natural logarithm
of linear light, float32 (H, W, 3) BGR, from about -5.5 (black) to 0 (white).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels.imaging import Image

LUMA: Final = np.array([0.0722, 0.7152, 0.2126], np.float32)
"""Weights of B, G and R in luminance (Rec. 709)."""
_GAMMA: Final = 2.2
_FLOOR: Final = 0.004
_LAB_SCALE: Final = np.array([2.55, 1, 1], np.float32)
_LOG_OF_8BIT: Final = np.log((np.arange(256) / 255.0) ** _GAMMA + _FLOOR).astype(np.float32)


def to_lab(bgr: FloatArray) -> FloatArray:
    """LAB of BGR, float32 (H, W, 3), 0 to 255."""
    unit = np.clip(bgr, 0, 255).astype(np.float32) * np.float32(1 / 255)
    return cv2.cvtColor(unit, cv2.COLOR_BGR2LAB) * _LAB_SCALE


def from_lab(lab: FloatArray) -> FloatArray:
    """The inverse of :func:`to_lab`."""
    bgr = cv2.cvtColor((lab / _LAB_SCALE).astype(np.float32), cv2.COLOR_LAB2BGR)
    return np.clip(bgr, 0, 1) * np.float32(255)


def to_log(bgr: FloatArray) -> FloatArray:
    """Log of BGR, float32 (H, W, 3), 0 to 255."""
    unit = np.clip(bgr * np.float32(1 / 255), 0, 1)
    return np.log(unit ** np.float32(_GAMMA) + np.float32(_FLOOR)).astype(np.float32)


def log_of_8bit(image: Image) -> FloatArray:
    """Log of BGR, uint8 (H, W, 3)."""
    return _LOG_OF_8BIT[image]


def from_log(log: FloatArray) -> FloatArray:
    """The inverse of :func:`to_log`."""
    light = np.clip(cv2.exp(log.astype(np.float32)) - np.float32(_FLOOR), 0, 1)
    return cv2.pow(light, 1 / _GAMMA) * np.float32(255)


def luminance(image: FloatArray) -> FloatArray:
    """Luminance (H, W) of linear light or log, float32 (H, W, 3) BGR."""
    return image @ LUMA


def weighted_mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Mean over (H, W) of `values` (H, W, C), float32 (C,)."""
    total = max(float(weight.sum()), 1e-3)
    return (np.einsum("hwc,hw->c", values, weight) / total).astype(np.float32)


def weighted_deviation(values: FloatArray, weight: FloatArray, cap: float) -> FloatArray:
    """Root mean square over (H, W) of `values` (H, W, C) held within `cap`, float32 (C,)."""
    total = max(float(weight.sum()), 1.0)
    held = np.clip(values, -cap, cap)
    return np.sqrt(np.einsum("hwc,hw->c", held * held, weight) / total).astype(np.float32)


def known_blur(values: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """Blur of `values` (H, W) or (H, W, C) that reads only where `weight` (H, W) is."""
    return _known_blur(values, weight, sigma)[0]


def known_blur_and_weight(
    values: FloatArray, weight: FloatArray, sigma: float
) -> tuple[FloatArray, FloatArray]:
    """:func:`known_blur`, and the blurred weight (H, W)."""
    return _known_blur(values, weight, sigma)


def _known_blur(
    values: FloatArray, weight: FloatArray, sigma: float
) -> tuple[FloatArray, FloatArray]:
    height, width = weight.shape
    flat = values.ndim == 2
    stack = values[..., None] if flat else values
    packed = np.dstack([stack * weight[..., None], weight]).astype(np.float32)
    # A wide blur loses nothing at half the size.
    halved = sigma >= 6 and min(height, width) > 32
    if halved:
        packed = cv2.resize(packed, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        sigma /= 2
    packed = cv2.GaussianBlur(packed, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
    if halved:
        packed = cv2.resize(packed, (width, height), interpolation=cv2.INTER_LINEAR)
    total = packed[..., -1]
    blurred = packed[..., :-1] / np.maximum(total, 1e-4)[..., None]
    return (blurred[..., 0] if flat else blurred), total
