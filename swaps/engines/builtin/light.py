"""The light and skin tone of the target on the new face, on the grid.

Two matches are made. The LAB one bends lightness about the skin's mean and adds the slow rest; it
keeps the new face's relief and so its identity. The quotient one divides the two faces' light in
log and fits it to the mesh's normals; it carries the target's light over better. The hybrid takes
the low band of the second and the detail of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.faces.face import FloatArray
from models.pixels.masks import blurred
from swaps.engines.builtin import shading
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.masks import Masks
from swaps.engines.builtin.source import WarpedSource
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import (
    from_lab,
    from_log,
    known_blur,
    known_blur_and_weight,
    luminance,
    to_lab,
    to_log,
    weighted_deviation,
    weighted_mean,
)

_SHADE_OUT: Final = 0.4
"""How much of its own shading the source loses before the LAB match, besides all unevenness."""
_SLOW: Final = 0.18
_HYBRID: Final = 0.08


@dataclass(frozen=True, eq=False)
class Relit:
    """The new face in the target's light.

    Attributes:
        image: float32 (h, w, 3) BGR, 0 to 255.
        gain: float32 (h, w), what finer luminance detail is multiplied by.
        chroma_gain: float32 (h, w), the same for colour.
        ratio: lightness of the target's skin over the source's.
    """

    image: FloatArray
    gain: FloatArray
    chroma_gain: FloatArray
    ratio: float


def relight(frame: TargetFrame, warped: WarpedSource, masks: Masks) -> Relit:
    """The hybrid of both matches."""
    matched = lab_match(frame, warped, masks)
    divided = quotient(frame, warped, masks)
    lab = to_lab(matched.image)
    slow = known_blur(to_lab(divided) - lab, masks.weight + 1e-3, _HYBRID * frame.width)
    return Relit(from_lab(lab + slow), matched.gain, matched.chroma_gain, matched.ratio)


def skin_share(frame: TargetFrame, warped: WarpedSource, masks: Masks) -> FloatArray:
    """Where the new face shows skin without stray hair or glasses, float32 (h, w), soft."""
    skin = np.clip(warped.classes[..., Part.SKIN] * 1.5 - 0.25, 0, 1).astype(np.float32)
    no_hair = 1 - np.clip(blurred(masks.stray, 1.5), 0, 1)
    bare = warped.classes[..., Part.GLASSES] < 0.4
    return (softened(skin, frame.width) * no_hair * bare).astype(np.float32)


def softened(mask: FloatArray, width: float) -> FloatArray:
    """`mask` with the soft rim every class has; `width` is that of the face."""
    return blurred(mask.astype(np.float32), max(0.006 * width, 0.7))


def evened(warped: WarpedSource, shade: float, uneven: float) -> FloatArray:
    """The source with a share of its own light divided out, float32 (h, w, 3) BGR."""
    light = np.float32(shade) * warped.shade + np.float32(uneven) * warped.uneven
    return from_log(to_log(warped.image) - light)


def lab_match(frame: TargetFrame, warped: WarpedSource, masks: Masks) -> Relit:
    """Tone curve, chroma and slow rest in LAB, with what may glow or stand out held down."""
    width, weight = frame.width, masks.weight
    source, target = to_lab(evened(warped, _SHADE_OUT, 1.0)), to_lab(frame.grid)
    source_mean, target_mean = weighted_mean(source, weight), weighted_mean(target, weight)
    ratio = float(target_mean[0] / max(float(source_mean[0]), 1))
    # A dark face has less contrast in L; a face that is lifted keeps less of its own.
    most = float(np.clip(1.15 * min(ratio, 1.0) ** 0.6, 0.4, 1.15))
    most *= float(np.clip(1 - 0.4 * (ratio - 1.15), 0.85, 1))
    relief = _relief(target, weight, _SLOW * width) / max(
        _relief(source, weight, _SLOW * width), 0.5
    )
    contrast = float(np.clip(relief, 0.4, most))
    chroma = float(
        np.clip(
            np.linalg.norm(target_mean[1:]) / max(float(np.linalg.norm(source_mean[1:])), 1), 0, 1.3
        )
    )
    curve = ToneCurve(float(source_mean[0]), float(target_mean[0]), contrast)
    # Chroma is scaled about grey, as lashes and teeth are grey, then shifted from skin to skin.
    colour = source[..., 1:] * chroma + (target_mean[1:] - chroma * source_mean[1:])
    moved = np.dstack([curve.applied(source[..., 0]), colour]).astype(np.float32)
    rest = target - moved
    slow = np.dstack(
        [
            _slow(rest[..., 0], weight, _SLOW * width),
            _slow(rest[..., 1:], weight, 0.5 * _SLOW * width),
        ]
    )
    moved = moved + np.float32(0.9) * slow
    chroma_gain = np.full(weight.shape, min(chroma, 1.0), np.float32)
    on = skin_share(frame, warped, masks)
    # Specks and pores of dark skin are strong against it and stay so when it is lifted.
    gain = curve.slope(source[..., 0]) * np.float32(1 - 0.25 * _lifted(ratio))
    moved, gain, chroma_gain = _limited(moved, target, gain, chroma_gain, on, masks, width, ratio)
    # Where skin comes up, brows, lashes and irises keep most of their own dark.
    lift = float(np.clip((np.log(ratio) - 0.1) / 0.5, 0, 1))
    bare = (warped.classes[..., Part.GLASSES] < 0.2).astype(np.float32)
    dark = np.clip((source_mean[0] - source[..., 0]) / max(0.4 * float(source_mean[0]), 8), 0, 1)
    eyes = softened(warped.classes[..., Part.EYE] * bare, width) * dark
    lips = softened(warped.classes[..., Part.LIP], width)
    own = 0.65 * softened(warped.classes[..., Part.BROW] * bare, width) + 0.5 * eyes + 0.3 * lips
    moved[..., 0] -= lift * own * np.clip(moved[..., 0] - source[..., 0], 0, 80)
    return Relit(from_lab(moved), gain, chroma_gain, ratio)


@dataclass(frozen=True)
class ToneCurve:
    """Lightness with 0, the skin's and 255 fixed to 0, the other skin's and 255.

    Attributes:
        source, target: lightness of the two skins, 0 to 255.
        contrast: slope at the skin.
    """

    source: float
    target: float
    contrast: float

    def applied(self, lightness: FloatArray) -> FloatArray:
        """`lightness` (...) through the curve: a parabola on each side of the skin."""
        offset = lightness - np.float32(self.source)
        result = np.full_like(lightness, self.target)
        for sign, room, wanted in (
            (-1, max(self.source, 1.0), max(self.target, 1.0)),
            (1, max(255 - self.source, 1.0), max(255 - self.target, 1.0)),
        ):
            # A slope of at most twice the mean one keeps the parabola rising.
            slope = min(self.contrast, 1.8 * wanted / room)
            bend = (wanted - slope * room) / room**2
            part = np.maximum(offset * np.float32(sign), 0)
            result += np.float32(sign) * (part * np.float32(slope) + part * part * np.float32(bend))
        return result

    def slope(self, lightness: FloatArray) -> FloatArray:
        """Its slope, which is the gain of fine detail, held to .3 to 1.25."""
        step = 2.0
        rise = self.applied(lightness + step) - self.applied(lightness - step)
        return np.clip(rise / (2 * step), 0.3, 1.25).astype(np.float32)


def _lifted(ratio: float) -> float:
    """0 where skin gets no lighter, 1 where it gets much lighter."""
    return float(np.clip((ratio - 1.15) / 0.5, 0, 1))


def _slow(values: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """Blur that reads only where `weight` is and falls to 0 away from it."""
    blur, total = known_blur_and_weight(values, weight, sigma)
    share = total / (total + np.float32(0.02))
    return blur * (share if values.ndim == 2 else share[..., None])


def _relief(lab: FloatArray, weight: FloatArray, sigma: float) -> float:
    """Deviation of lightness from its own slow change."""
    lightness = np.ascontiguousarray(lab[..., 0])
    offset = lightness - _slow(lightness, weight, 0.5 * sigma)
    return float(np.sqrt((offset * offset * weight).sum() / max(float(weight.sum()), 1e-6)))


def _limited(
    image: FloatArray,
    target: FloatArray,
    gain: FloatArray,
    chroma_gain: FloatArray,
    on: FloatArray,
    masks: Masks,
    width: float,
    ratio: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Skin with no more relief, blotches and shine than the target's own; LAB in and out."""
    weight = masks.weight
    spread = weight + np.float32(1e-3)
    image_rest = image - known_blur(image, spread, 0.10 * width)
    target_rest = target - known_blur(target, spread, 0.10 * width)
    image_middle = known_blur(image_rest, spread, 0.02 * width)
    target_middle = known_blur(target_rest, spread, 0.02 * width)
    have = weighted_deviation(image_middle, weight, 30)
    want = weighted_deviation(target_middle, weight, 30)
    lifted = _lifted(ratio)
    slack = 1.25 - 0.15 * lifted
    bands = np.ones(3, np.float32)
    bands[0] = np.clip(slack * want[0] / max(float(have[0]), 0.5), 0.5 - 0.15 * lifted, 1)
    colour_have, colour_want = float(np.linalg.norm(have[1:])), float(np.linalg.norm(want[1:]))
    bands[1:] = np.clip(1.25 * colour_want / max(colour_have, 0.3), 0.25, 1)
    least = np.array([5 - lifted, 2, 2], np.float32)
    limit = np.maximum((2.2 - lifted) * slack * want, least)
    held = limit * np.tanh(image_middle * bands / limit)
    # Dark skin shines: part of the target's own relief stays where skin gets darker.
    darkened = 0.2 * float(np.clip((0.9 - ratio) / 0.4, 0, 1))
    held[..., 0] += np.float32(darkened) * (target_middle[..., 0] - held[..., 0])
    result = image + on[..., None] * (held - image_middle)

    fine, target_fine = image_rest - image_middle, target_rest - target_middle
    colour_have = float(np.linalg.norm(weighted_deviation(fine, weight, 20)[1:]))
    colour_want = float(np.linalg.norm(weighted_deviation(target_fine, weight, 20)[1:]))
    calm = float(np.clip(1.3 * colour_want / max(colour_have, 0.3), 0.3, 1))
    result[..., 1:] += (on * np.float32(calm - 1))[..., None] * fine[..., 1:]
    chroma_gain = chroma_gain * (1 + on * np.float32(calm - 1))
    # Lines of lifted skin stay near what the other skin has.
    line_have, line_want = (weighted_deviation(part, weight, 20)[0] for part in (fine, target_fine))
    soft = float(np.clip(1.6 * line_want / max(float(line_have), 0.3), 0.4, 1))
    soft = 1 - lifted * (1 - soft)
    result[..., 0] += (on * np.float32(soft - 1)) * fine[..., 0]
    gain = gain * (1 + on * np.float32(soft - 1))

    bare = masks.skin > 0.5
    if bare.sum() > 50:
        top = float(np.percentile(target[..., 0][bare], 93)) + 3
        over = np.maximum(result[..., 0] - top, 0)
        result[..., 0] -= on * (over - 9 * np.tanh(over / 9))
    return result, gain.astype(np.float32), chroma_gain.astype(np.float32)


def quotient(frame: TargetFrame, warped: WarpedSource, masks: Masks) -> FloatArray:
    """The source times the quotient of the two lights, float32 (h, w, 3) BGR."""
    width, weight = frame.width, masks.weight
    source, target = to_log(evened(warped, 1.0, 1.0)), to_log(frame.grid)
    covered = warped.covered.astype(np.float32)

    basis = shading.harmonics(warped.normals)
    used = weight > 0.05
    difference = target - source
    fit = np.zeros_like(source)
    if used.sum() > 50:
        coefficients = shading.robust_fit(basis[used], difference[used], weight[used], ridge=0.02)
        fit = np.where(warped.covered[..., None], basis @ coefficients.astype(np.float32), 0)
    fit = known_blur(fit.astype(np.float32), covered, 3)
    rest, near = known_blur_and_weight(difference - fit, weight, 14)
    light = fit + np.clip(rest, -1, 1) * np.clip(near / 0.15, 0, 1)[..., None]
    base = known_blur(source, weight + np.float32(1e-3), 10)
    detail = source - base
    lum = luminance(detail)
    colour = detail - lum[..., None]
    up = luminance(light)

    on = skin_share(frame, warped, masks)
    lips = softened(warped.classes[..., Part.LIP], width)
    contrast, colour_contrast = _contrasts(source, target, weight)
    gain = on * np.where(lum > 0, contrast, max(contrast, 0.75)) + (1 - on)
    gain = gain * np.where(on > 0.5, np.clip(np.exp(-0.3 * up), 0.55, 1), 1)
    lip_gain = max(contrast, 0.6) * np.clip(np.exp(-0.4 * up), 0.4, 1)
    gain = gain + lips * (lum > 0) * (lip_gain - gain)
    skinny = softened(np.clip(warped.classes[..., Part.SKIN] * 1.5 - 0.25, 0, 1), width)
    colour_gain = skinny * colour_contrast * np.clip(np.exp(-0.8 * (up - 0.3)), 0.2, 1)
    colour_gain = colour_gain + 1 - skinny

    # Noise of a dark photo grows with the light: detail below a small level is cored away.
    level = np.clip(0.11 * up, 0, 0.22) * on
    fine = lum - blurred(lum, max(0.03 * width, 1))
    lum = lum - fine + np.sign(fine) * np.maximum(np.abs(fine) - level, 0)
    lum = lum + on * (np.where(lum > 0, 0.6 * np.tanh(lum / 0.6), lum) - lum)
    colour = colour + on[..., None] * (0.45 * np.tanh(colour / 0.45) - colour)
    result = base + light + (lum * gain)[..., None] + colour * colour_gain[..., None]

    bare = masks.skin > 0.5
    if bare.sum() > 50:
        top = float(np.percentile(luminance(target)[bare], 92))
        over = np.maximum(luminance(result) - top, 0)
        result = result - (on * (over - 0.18 * np.tanh(over / 0.18)))[..., None]
    brow = warped.classes[..., Part.BROW] * (warped.classes[..., Part.GLASSES] < 0.2)
    result = result - (0.35 * np.clip(up, 0, 1.5) * softened(brow, width))[..., None]
    return from_log(result)


def _contrasts(source: FloatArray, target: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """How much of the source's relief in luminance and in colour fits the target's."""
    total = max(float(weight.sum()), 1.0)

    def relief(log: FloatArray) -> float:
        lum = luminance(log)
        offset = np.minimum(np.abs(lum - known_blur(lum, weight, 6)), 0.5)
        return float(np.sqrt((weight * offset**2).sum() / total))

    def colour_relief(log: FloatArray) -> float:
        colour = log - luminance(log)[..., None]
        offset = np.minimum(np.abs(colour - known_blur(colour, weight, 6)), 0.3)
        return float(np.sqrt(np.einsum("hwc,hw->", offset**2, weight) / total))

    contrast = float(np.clip(relief(target) / max(relief(source), 0.02), 0.35, 1.0))
    colour = 1.3 * colour_relief(target) / max(colour_relief(source), 0.01)
    apart = abs(float(luminance(weighted_mean(target, weight) - weighted_mean(source, weight))))
    return contrast, float(np.clip(colour, 0.25, 1.1) * np.clip(1.3 - 0.3 * apart, 0.5, 1))
