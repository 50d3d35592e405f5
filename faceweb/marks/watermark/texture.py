"""Where a picture hides a mark, and how the reader weighs what it finds there: one measure.

Units: grey levels 0..255, grid pixels (see ``pattern``).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_BLUR = 2.0
"""Sigma of the blur taken away: it evens out the fall of a photo's spectrum over the carriers."""

_WINDOW = 13
_CALM = 9
"""Side of the window whose calmest spot counts: the mark stays off smooth skin beside an edge."""

_BASE, _SLOPE, _MOST = 0.5, 0.4, 4.5
"""Strength of the mark on a flat ground, its rise with the texture's, and its upper limit."""

_FLOOR = 1.0
"""Least noise that the reader reckons with: rounding and compression, where the picture is flat."""


@dataclass(frozen=True)
class Texture:
    """A picture on its grid; all planes (h, w) float32."""

    detail: Array
    """Luma without its coarse part."""

    strength: Array
    """How strong the mark may be: standard deviation of what is added."""

    weight: Array
    """The matched filter's: expected mark over expected noise power."""

    @property
    def evidence(self) -> Array:
        """What is summed over all tiles to read the mark."""
        return self.detail * self.weight


def luma_on_grid(image: Array, side: float) -> Array:
    """The luma of an (H, W, 3) uint8 BGR picture on a grid of about side**2 pixels, float32."""
    height, width = image.shape[:2]
    ratio = side / (width * height) ** 0.5
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return cv2.resize(gray, size, interpolation=how).astype(np.float32)


def texture_of(luma: Array) -> Texture:
    """Detail, strength and weight of a luma plane."""
    detail = cv2.subtract(luma, cv2.GaussianBlur(luma, (0, 0), _BLUR))
    # A running sum of float32 can end a little below zero.
    power = np.maximum(cv2.blur(cv2.multiply(detail, detail), (_WINDOW, _WINDOW)), 0)
    calm = cv2.sqrt(cv2.erode(power, np.ones((_CALM, _CALM), np.uint8)))
    calm = cv2.blur(calm, (_CALM, _CALM))
    strength = np.clip(_BASE + _SLOPE * calm, 0, _MOST)
    return Texture(detail, strength, strength / (power + _FLOOR**2))


def detail_response(frequency: Array) -> Array:
    """How much of a wave is left in the detail; frequency in cycles per grid pixel."""
    return 1 - np.exp(-2 * (np.pi * _BLUR * frequency) ** 2)
