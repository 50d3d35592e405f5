"""The colour of one aligned crop matched to that of another."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels.colour import skin_statistics
from models.pixels.imaging import Image

_GAIN: Final = (0.8, 1.25)
_SAMPLE_PX: Final = 128


def matched_colour(crop: Image, reference: Image, mask: FloatArray) -> Image:
    """`crop` with the mean and deviation that `reference` has inside the mask, per LAB channel.

    Reinhard et al., "Color transfer between images", IEEE CG&A 21(5), 2001.

    Args:
        crop: uint8 (S, S, 3) BGR.
        reference: uint8 (S, S, 3) BGR, aligned with it.
        mask: float32 (S, S), 0 to 1: where the two are compared. All 0 changes nothing.
    """
    if not mask.any():
        return crop
    weight = _sample(mask)
    mean, deviation = skin_statistics(_lab(_sample(crop)), weight)
    want_mean, want_deviation = skin_statistics(_lab(_sample(reference)), weight)
    gain = np.clip(want_deviation / np.maximum(deviation, 0.5), *_GAIN).astype(np.float32)
    lab = _lab(crop) * gain + (want_mean - mean * gain)
    matched = np.clip(np.rint(lab), 0, 255).astype(np.uint8)
    return cv2.cvtColor(matched, cv2.COLOR_LAB2BGR).astype(np.uint8, copy=False)


def _lab(image: Image) -> FloatArray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)


def _sample(image: np.ndarray) -> np.ndarray:
    if image.shape[0] <= _SAMPLE_PX:
        return image
    return cv2.resize(image, (_SAMPLE_PX, _SAMPLE_PX), interpolation=cv2.INTER_AREA)
