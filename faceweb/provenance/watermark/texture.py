"""What hides the mark in a picture, and what the reader sees of it: one measure for both."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_NEAR = 2.0
"""Sigma of the blur taken away, in grid pixels: it evens out the fall of a photo's spectrum."""

_WINDOW = 13


def grid_luma(image: Array, side: float) -> Array:
    """The luma of a BGR picture on a grid of about side**2 pixels, float32 0..255."""
    height, width = image.shape[:2]
    ratio = side / (width * height) ** 0.5
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray.astype(np.float32) if ratio >= 1 else gray, size, interpolation=how).astype(np.float32)


def detail_of(luma: Array) -> tuple[Array, Array]:
    """The fine detail of a luma plane and its local strength (standard deviation)."""
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _NEAR)
    power = cv2.blur(detail * detail, (_WINDOW, _WINDOW))
    return detail, cv2.sqrt(np.maximum(power, 0))
