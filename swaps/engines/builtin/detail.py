"""Detail finer than the grid, at the work size: the source's own, pores, sharpness and grain."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels.masks import blurred
from swaps.engines.builtin.tones import LUMA

_NOISE_SEED: Final = 1
_PORES_FROM: Final = 1.2


def with_pores(
    image: FloatArray, target: FloatArray, skin: FloatArray, scale: float, width: float
) -> FloatArray:
    """Pores and grain of the target's own skin where the source has too few pixels for any.

    Args:
        image: float32 (H, W, 3) BGR of the new face.
        target: float32 (H, W, 3) BGR of the old one.
        skin: float32 (H, W), where both show skin.
        scale: pixels for one pixel of the source.
        width: width of the face in pixels.
    """
    if scale <= _PORES_FROM:
        return image
    sigma = float(np.clip(0.55 * scale, 0.8, 0.009 * width))
    fine = target - cv2.GaussianBlur(target, (0, 0), sigma)
    energy = cv2.GaussianBlur(np.abs(_grey(fine)), (0, 0), 0.012 * width)
    on = skin > 0.5
    usual = float(np.median(energy[on])) if on.sum() > 200 else 0.0
    if usual <= 0.1:
        return image
    # Lines (nostrils, folds, lashes) stand out of the even texture of skin: they are left out.
    even = skin * np.clip((2.0 - energy / usual) / 0.7, 0, 1)
    amount = np.float32(0.9 * np.clip((scale - _PORES_FROM) / 0.8, 0, 1))
    most = np.float32(3.2 * usual)
    return image + most * np.tanh(fine / most) * (even * amount)[..., None]


def with_matched_detail(
    image: FloatArray, target: FloatArray, face: FloatArray, skin: FloatArray, width: float
) -> FloatArray:
    """`image` as sharp and as grainy as `target`; both float32 (H, W, 3) BGR.

    Sharpness is the fine band over the middle one, so that a face with more relief is not taken
    for a sharper photo.

    Args:
        image: the new face.
        target: the old one.
        face: float32 (H, W), where the two are compared.
        skin: float32 (H, W), where both show skin.
        width: width of the face in pixels.
    """
    size = max(0.006 * width, 1.0)
    grey, target_grey = _grey(image), _grey(target)
    # Bands of two pixels and more are measured as well at half the size.
    step = 2 if size >= 2 else 1
    small, target_small, small_face = (
        cv2.resize(picture, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        if step > 1
        else picture
        for picture in (grey, target_grey, face)
    )
    have, want = (
        _fine_share(picture, small_face, size / step) for picture in (small, target_small)
    )
    if have > 1.12 * want:
        sigma = step * _blur_for(small, small_face, size / step, 1.05 * want)
        image = blurred(image, sigma)
    elif have < 0.85 * want:
        amount = min(0.35, 0.4 * (want / max(have, 1e-3) - 1))
        image = image + np.float32(amount) * (image - blurred(image, size))
    on = skin > 0.5
    noise, target_noise = (_noise(picture, on) for picture in (_grey(image), target_grey))
    if target_noise > 1.1 * noise + 0.2:
        grain = np.random.default_rng(_NOISE_SEED).standard_normal(grey.shape, np.float32)
        grain -= blurred(grain, 1.0) * np.float32(0.5)
        level = min(float(np.sqrt(target_noise**2 - noise**2)) * 1.2, 6.0)
        image = image + (grain * np.float32(level))[..., None]
    return image


def _grey(image: FloatArray) -> FloatArray:
    return cv2.transform(image, LUMA[None])


def _fine_share(grey: FloatArray, weight: FloatArray, size: float) -> float:
    """Deviation of detail finer than `size` over that of detail up to twice as coarse."""
    total = max(float(weight.sum()), 1.0)

    def deviation(band: FloatArray, cap: float) -> float:
        held = np.clip(band, -cap, cap)
        return float(np.sqrt((weight * held * held).sum() / total))

    soft = blurred(grey, size)
    half = cv2.resize(soft, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    softer = cv2.resize(
        blurred(half, 2 * size), (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    return deviation(grey - soft, 40) / max(deviation(soft - softer, 60), 0.3)


def _blur_for(grey: FloatArray, weight: FloatArray, size: float, want: float) -> float:
    """The blur that leaves as fine a share as wanted, by bisection."""
    low, high = 0.0, 3 * size
    for _ in range(4):
        middle = (low + high) / 2
        if _fine_share(blurred(grey, middle), weight, size) > want:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _noise(grey: FloatArray, on: NDArray[np.bool_]) -> float:
    """Scaled median absolute deviation of single pixels from their neighbours."""
    if on.sum() <= 100:
        return 0.0
    return 1.48 * float(np.median(np.abs(grey - blurred(grey, 1.0))[on]))
