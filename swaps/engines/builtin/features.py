"""Lips, brows, teeth and eye whites in the target's colours; photos in one hue."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.light import softened
from swaps.engines.builtin.masks import Masks
from swaps.engines.builtin.source import WarpedSource
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import LUMA, from_log, luminance, to_log, weighted_mean

_ONE_HUE: Final = 0.07
"""Chroma in log: lips and skin of a toned or grey photo lie closer than this."""


def recolour_features(
    image: FloatArray, frame: TargetFrame, warped: WarpedSource, masks: Masks
) -> FloatArray:
    """`image`, float32 (h, w, 3) BGR of the relit face, with its features recoloured."""
    target, result = to_log(frame.grid), to_log(image)
    source = result
    skin, their_skin = (weighted_mean(log, masks.weight) for log in (source, target))
    bare = masks.skin > 0.5
    bright = float(np.percentile(luminance(target)[bare], 90)) if bare.any() else -0.3
    result = result + _lips(source, target, skin, their_skin, frame, warped)
    result = result + _eye_whites(source, target, their_skin, frame, warped)
    result = result + _brows(source, target, skin, their_skin, frame, warped)
    result = result + _teeth(source, their_skin, bright, frame, warped)
    return np.clip(from_log(result), 0, 255)


def target_hue(frame: TargetFrame) -> FloatArray | None:
    """The one hue of a grey or toned photo, float32 (3,) in log; None for a photo in colour."""
    log = to_log(frame.grid)
    colour = log - luminance(log)[..., None]
    skin = frame.classes[..., Part.SKIN] > 0.6
    lips = frame.classes[..., Part.LIP] > 0.6
    if skin.sum() <= 60 or lips.sum() <= 10:
        return None
    apart = np.abs(np.median(colour[lips], axis=0) - np.median(colour[skin], axis=0)).max()
    if apart >= _ONE_HUE or float(colour[skin].std(axis=0).mean()) >= _ONE_HUE:
        return None
    return np.median(colour[skin], axis=0).astype(np.float32)


def in_one_hue(image: FloatArray, hue: FloatArray) -> FloatArray:
    """`image`, float32 (h, w, 3) BGR, with `hue` for every colour."""
    lum = luminance(to_log(image))
    return np.clip(from_log(lum[..., None] + hue), 0, 255)


def _colour_of(log: FloatArray) -> FloatArray:
    return log - luminance(log)[..., None]


def _lips(
    source: FloatArray,
    target: FloatArray,
    skin: FloatArray,
    their_skin: FloatArray,
    frame: TargetFrame,
    warped: WarpedSource,
) -> FloatArray:
    ours = (warped.classes[..., Part.LIP] > 0.6).astype(np.float32)
    theirs = (frame.classes[..., Part.LIP] > 0.6).astype(np.float32)
    if ours.sum() <= 20 or theirs.sum() <= 20:
        return np.zeros_like(source)
    offset = weighted_mean(source, ours) - skin
    their_offset = weighted_mean(target, theirs) - their_skin
    colour = offset - offset @ LUMA
    their_colour = their_offset - their_offset @ LUMA
    loud = float(np.linalg.norm(colour) - np.linalg.norm(their_colour))
    amount = float(np.clip(0.45 + 0.5 * loud, 0.3, 0.85))
    mask = cv2.dilate(warped.classes[..., Part.LIP], np.ones((3, 3), np.uint8))
    mask = softened(np.clip(mask * 1.5 - 0.25, 0, 1), frame.width)
    # Each pixel moves by how much of a lip its hue makes it: teeth, rims and skin inside the
    # parser's lips stay what they are.
    away = _colour_of(source) - (skin - skin @ LUMA)
    lipness = np.clip((away @ colour) / max(float(colour @ colour), 1e-3), 0, 1.1)
    clear = float(np.clip((np.linalg.norm(colour) - 0.06) / 0.12, 0, 1))
    lipness = clear * lipness + (1 - clear) * np.minimum(mask, 1)
    lipness = cv2.GaussianBlur(lipness.astype(np.float32), (0, 0), 0.8)
    move = (their_offset - offset) * amount
    move_lum = float(move @ LUMA)
    by_hue = (move - move_lum) * lipness[..., None]
    by_light = move_lum * np.minimum(lipness * 1.3, 1)
    change = (by_hue + by_light[..., None]) * mask[..., None]
    # A gleam on dark lips must not glow: no brighter than the target's, softly.
    top = float(np.percentile(luminance(target)[theirs > 0], 95)) + 0.1
    over = np.maximum(luminance(source + change) - top, 0) * mask
    return change - (over - 0.15 * np.tanh(over / 0.15))[..., None]


def _eye_whites(
    source: FloatArray,
    target: FloatArray,
    their_skin: FloatArray,
    frame: TargetFrame,
    warped: WarpedSource,
) -> FloatArray:
    eyes, their_eyes = (image[..., Part.EYE] > 0.6 for image in (warped.classes, frame.classes))
    if eyes.sum() <= 12:
        return np.zeros_like(source)
    have = _brightest(source, eyes, 75)
    if their_eyes.sum() > 12:
        want = _brightest(target, their_eyes, 75)
    else:
        want = np.minimum(have, float(their_skin @ LUMA) + 0.3)
    move = want - have
    lum = float(move @ LUMA)
    change = np.clip(lum, -1.2, 0.35) * 0.7 + np.clip(move - lum, -0.3, 0.3) * 0.6
    # Lightening is for the white alone: iris and lashes keep their dark.
    lum_of = luminance(source)
    dark, white = float(np.percentile(lum_of[eyes], 15)), float(have @ LUMA)
    whiteness = np.clip((lum_of - dark) / max(white - dark, 0.2), 0, 1) if lum > 0 else 1.0
    mask = np.clip(warped.classes[..., Part.EYE] * 1.5 - 0.25, 0, 1) * whiteness
    return change.astype(np.float32) * softened(mask, frame.width)[..., None]


def _brows(
    source: FloatArray,
    target: FloatArray,
    skin: FloatArray,
    their_skin: FloatArray,
    frame: TargetFrame,
    warped: WarpedSource,
) -> FloatArray:
    """Brows in the hue of the target's, and half as much darker where its own are.

    A source with tinted hair or light has others, and fair brows do not fit dark hair.
    """
    ours = (warped.classes[..., Part.BROW] > 0.6).astype(np.float32)
    theirs = (frame.classes[..., Part.BROW] > 0.6).astype(np.float32)
    if ours.sum() <= 20 or theirs.sum() <= 20:
        return np.zeros_like(source)
    have, want = weighted_mean(source, ours), weighted_mean(target, theirs)
    change = np.clip((want - want @ LUMA) - (have - have @ LUMA), -0.5, 0.5) * 0.7
    fair = float((want - their_skin) @ LUMA) - float((have - skin) @ LUMA)
    mask = np.clip(warped.classes[..., Part.BROW] * 1.5 - 0.25, 0, 1)
    mask = softened(mask, frame.width)
    # Hair is darkened more than the skin between it.
    level = luminance(source)
    hairs = np.clip((float(skin @ LUMA) - level) / max(float((skin - have) @ LUMA), 0.1), 0, 1.5)
    darker = np.float32(0.5 * np.clip(fair, -0.8, 0)) * hairs
    return (change.astype(np.float32) + darker[..., None]) * mask[..., None]


def _teeth(
    source: FloatArray,
    their_skin: FloatArray,
    bright: float,
    frame: TargetFrame,
    warped: WarpedSource,
) -> FloatArray:
    """Teeth no brighter than the target's light allows, with a little of its hue."""
    mouth = warped.classes[..., Part.MOUTH] > 0.5
    if mouth.sum() <= 12:
        return np.zeros_like(source)
    have = _brightest(source, mouth, 80)
    lum = float(have @ LUMA)
    down = float(np.clip(max(bright + 0.3, -0.75) - lum, -0.8, 0))
    tint = 0.35 * (their_skin - their_skin @ LUMA)
    change = down + np.clip(tint - (have - lum), -0.4, 0.4) * 0.8
    mask = np.clip(warped.classes[..., Part.MOUTH] * 1.5 - 0.25, 0, 1)
    return change.astype(np.float32) * softened(mask, frame.width)[..., None]


def _brightest(log: FloatArray, where: np.ndarray, percentile: float) -> FloatArray:
    """Mean of the brightest pixels of a part, float32 (3,)."""
    lum = luminance(log)
    bright = where & (lum >= np.percentile(lum[where], percentile))
    return log[bright].mean(axis=0)
