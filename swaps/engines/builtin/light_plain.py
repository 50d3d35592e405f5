"""Simpler ways to match colours, for those who want them: one change for the whole face."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from swaps.engines.builtin.light import Relit
from swaps.engines.builtin.masks import Masks
from swaps.engines.builtin.source import WarpedSource
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import from_lab, to_lab, weighted_mean

Colour = Literal["class", "mean", "histogram", "white_balance"]


def relight_plainly(
    frame: TargetFrame, warped: WarpedSource, masks: Masks, colour: Colour
) -> Relit:
    """The source in the target's colours by one rule for every pixel."""
    source, target = to_lab(warped.image), to_lab(frame.grid)
    ours, theirs = weighted_mean(source, masks.weight), weighted_mean(target, masks.weight)
    ratio = float(theirs[0] / max(float(ours[0]), 1))
    flat = np.ones(masks.weight.shape, np.float32)
    if colour == "histogram":
        moved, gain = _by_histogram(source, target, masks.weight)
        return Relit(from_lab(moved), gain, flat, ratio)
    if colour == "white_balance":
        return Relit(_balanced(frame, warped), flat, flat, ratio)
    return Relit(from_lab(source + (theirs - ours)), flat, flat, ratio)


def _by_histogram(
    source: FloatArray, target: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Each channel's quantiles of skin onto the target's, and the slope of lightness."""
    on = weight > 0.3
    if on.sum() < 50:
        return source, np.ones(weight.shape, np.float32)
    steps = np.linspace(2, 98, 17)
    moved = np.empty_like(source)
    gain = np.ones(weight.shape, np.float32)
    for channel in range(3):
        have = np.percentile(source[..., channel][on], steps)
        want = np.percentile(target[..., channel][on], steps)
        have = np.maximum.accumulate(have + np.arange(len(steps)) * 1e-3)
        moved[..., channel] = _interpolated(source[..., channel], have, want)
        if channel == 0:
            up = _interpolated(source[..., 0] + 2, have, want)
            down = _interpolated(source[..., 0] - 2, have, want)
            gain = np.clip((up - down) / 4, 0.3, 1.3).astype(np.float32)
    return moved, gain


def _interpolated(
    values: FloatArray, have: NDArray[np.floating], want: NDArray[np.floating]
) -> FloatArray:
    """Piecewise linear from `have` to `want`, shifted beyond the ends."""
    inside = np.interp(values, have, want)
    below, above = np.minimum(values - have[0], 0), np.maximum(values - have[-1], 0)
    return (inside + below + above).astype(np.float32)


def _balanced(frame: TargetFrame, warped: WarpedSource) -> FloatArray:
    """The source's colours as the target's light would tint them, and as bright a picture.

    Grey-edge balance: van de Weijer, Gevers and Gijsenij, "Edge-based color constancy", IEEE TIP
    16(9), 2007.
    """

    def light(image: FloatArray) -> FloatArray:
        soft = cv2.GaussianBlur(image, (0, 0), 1.5)
        across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        edge = np.sqrt(across**2 + down**2)
        tint = (edge**5).mean(axis=(0, 1)) ** 0.2
        return tint / max(float(tint.mean()), 1e-3)

    factor = np.clip(light(frame.grid) / np.maximum(light(warped.image), 1e-3), 0.7, 1.4)
    return np.clip(warped.image * factor.astype(np.float32), 0, 255)
