"""Matching the colour, light and sharpness of one face to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels.masks import blurred

_CONTRAST: Final = (0.6, 1.2)
_CHROMA_GAIN: Final = (0.0, 1.3)
"""A chroma gain of 0 is what a grey target needs."""
_LOW_FREQUENCY_WEIGHT: Final = 0.9
_CHROMA_SIGMA: Final = 0.5
"""Blur for chroma over that for lightness: uneven colour shows sooner than uneven light, and says
less about who somebody is."""


def skin_statistics(lab: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and standard deviation of each channel, float32 (3,) each.

    Args:
        lab: float32 (H, W, 3).
        weight: float32 (H, W), 0 to 1; not all of it 0.
    """
    total = max(float(weight.sum()), 1e-6)
    mean = np.einsum("hwc,hw->c", lab, weight) / total
    variance = np.einsum("hwc,hw->c", (lab - mean) ** 2, weight) / total
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


@dataclass(frozen=True, eq=False)
class ColourMatch:
    """A change of colour from one skin to another.

    Attributes:
        source_mean: float32 (3,) LAB of the source's skin, goes to `target_mean`.
        target_mean: float32 (3,) LAB of the target's skin.
        contrast: slope of lightness at the skin's own lightness.
        chroma: factor on the distance of a and b from grey.
        light: float32 (H, W, 3) added last: the slow change of light over the target.
    """

    source_mean: FloatArray
    target_mean: FloatArray
    contrast: float
    chroma: float
    light: FloatArray

    def recoloured(self, lab: FloatArray) -> FloatArray:
        """`lab`, float32 (H, W, 3), changed; ``light`` is enlarged to its size."""
        height, width = lab.shape[:2]
        light = self.light
        if light.shape[:2] != (height, width):
            light = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)
        lightness, a, b = cv2.split(lab)
        channels = [self._toned(lightness)]
        for index, channel in ((1, a), (2, b)):
            shift = self.target_mean[index] - self.chroma * self.source_mean[index]
            channels.append(channel * np.float32(self.chroma) + np.float32(shift))
        return cv2.merge(channels) + light

    def _toned(self, lightness: FloatArray) -> FloatArray:
        """Lightness through a curve with 0, the skin's mean and 255 fixed to 0, mean and 255."""
        source, target = float(self.source_mean[0]), float(self.target_mean[0])
        offset = lightness - np.float32(source)
        result = np.full_like(lightness, target)
        for sign, source_room, target_room in (
            (-1, max(source, 1.0), max(target, 1.0)),
            (1, max(255 - source, 1.0), max(255 - target, 1.0)),
        ):
            # A parabola: the wanted slope at the skin, the end of the range at its end; a slope
            # of at most twice the mean one keeps it rising.
            slope = min(self.contrast, 1.8 * target_room / source_room)
            bend = (target_room - slope * source_room) / source_room**2
            part = cv2.max(offset * np.float32(sign), 0)
            result += np.float32(sign) * (part * np.float32(slope) + part * part * np.float32(bend))
        return result


def match_colour(
    source: FloatArray, target: FloatArray, weight: FloatArray, sigma: float
) -> ColourMatch:
    """The change that gives `source` the colour and the light of `target`.

    Lightness is bent about the skin's mean so that black and white stay what they are (eyes and
    teeth do not glow when a dark face goes onto a light one), its contrast follows the ratio of
    the deviations (after Reinhard et al., "Color transfer between images", IEEE CG&A 21(5),
    2001), and chroma is scaled about grey. Then the low frequencies of what is left are added,
    which carries side light over.

    Args:
        source: float32 (H, W, 3) LAB in OpenCV's 8-bit scale, aligned with the target.
        target: float32 (H, W, 3) LAB, same scale.
        weight: float32 (H, W), 0 to 1: where both show skin.
        sigma: blur in pixels over which light is taken to vary.
    """
    source_mean, _ = skin_statistics(source, weight)
    target_mean, _ = skin_statistics(target, weight)
    contrast = _local_contrast(target[..., 0], weight, sigma) / max(
        _local_contrast(source[..., 0], weight, sigma), 0.5
    )
    chroma = _chroma_gain(source_mean[1:] - 128, target_mean[1:] - 128)
    toned = ColourMatch(
        source_mean,
        target_mean,
        contrast=float(np.clip(contrast, *_CONTRAST)),
        chroma=chroma,
        light=np.zeros_like(source),
    )
    rest = target - toned.recoloured(source)
    light = np.dstack(
        [
            _smooth(rest[..., 0], weight, sigma),
            _smooth(rest[..., 1:], weight, _CHROMA_SIGMA * sigma),
        ]
    )
    return replace(toned, light=(np.float32(_LOW_FREQUENCY_WEIGHT) * light).astype(np.float32))


def _smooth(values: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """Blur of `values` (H, W) or (H, W, C) that reads only where `weight` (H, W) is."""
    spread = weight if values.ndim == 2 else weight[..., None]
    total = blurred(weight, sigma)
    # The small prior keeps the quotient calm where no skin is near.
    total = (total if values.ndim == 2 else total[..., None]) + np.float32(0.02)
    return blurred(values * spread, sigma) / total


def _local_contrast(lightness: FloatArray, weight: FloatArray, sigma: float) -> float:
    """Deviation of lightness from its own slow change."""
    offset = lightness - _smooth(lightness, weight, 0.5 * sigma)
    total = max(float(weight.sum()), 1e-6)
    return float(np.sqrt(float((offset * offset * weight).sum()) / total))


def _chroma_gain(source: FloatArray, target: FloatArray) -> float:
    ratio = float(np.linalg.norm(target)) / max(float(np.linalg.norm(source)), 1.0)
    return float(np.clip(ratio, *_CHROMA_GAIN))


def match_sharpness(
    image: FloatArray, reference: FloatArray, weight: FloatArray, sigma: float
) -> FloatArray:
    """`image` blurred or mildly sharpened until its fine detail is as strong as the reference's.

    Args:
        image: float32 (H, W, 3) BGR, 0 to 255.
        reference: float32 (H, W, 3) BGR, aligned.
        weight: float32 (H, W), 0 to 1: where the two are compared.
        sigma: size in pixels of the detail compared; noise is finer, features are coarser.
    """
    have, want = (_detail(_grey(picture), weight, sigma) for picture in (image, reference))
    ratio = want / max(have, 1e-3)
    if ratio < 0.9:
        return blurred(image, _blur_for(_grey(image), weight, sigma, want))
    if ratio > 1.15:
        amount = np.float32(min(0.6, 0.5 * (ratio - 1)))
        return image + amount * (image - blurred(image, sigma))
    return image


def _blur_for(grey: FloatArray, weight: FloatArray, sigma: float, want: float) -> float:
    """The blur that leaves as much detail as wanted, by bisection."""
    low, high = 0.0, 8 * sigma
    for _ in range(5):
        middle = (low + high) / 2
        if _detail(blurred(grey, middle), weight, sigma) > want:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _grey(image: FloatArray) -> FloatArray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _detail(grey: FloatArray, weight: FloatArray, sigma: float) -> float:
    # Clipping keeps single edges (lashes, glints) from outweighing the texture.
    fine = np.clip(grey - blurred(grey, sigma), -12, 12)
    total = max(float(weight.sum()), 1e-6)
    return float(np.sqrt(float((fine * fine * weight).sum()) / total))
