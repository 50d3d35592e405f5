"""What of a face is skin that an edit may work on, and shapes to draw light with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from editing.engines.classic_frame import EditFrame
from models.faces import glasses
from models.faces.face import FloatArray
from models.geometry import points as geometry
from models.pixels import masks

_COARSE_WIDTH_PX: Final = 200
_STRAND_WIDTH_PX: Final = 400
_STRAND: Final = 0.022
"""Width up to which something dark that runs in from outside counts as a strand of hair."""
_STRAND_CONTRAST: Final = 9.0
"""Of a strand against the skin, in 8-bit levels of lightness."""
_STUBBLE_DARKER: Final = (0.05, 0.2)
"""Shade of a shaven cheek against a bare one: none at the first share, full at the second."""


@dataclass(frozen=True, eq=False)
class SkinMap:
    """What is where on a face. All float32 (h, w), 0 to 1.

    Attributes:
        skin: bare skin, without brows, eyes, lips, nostrils, hair, glasses or hands.
        stubble: where a beard grows or was shaven.
        lips: upper and lower lip.
        brows: both.
    """

    skin: FloatArray
    stubble: FloatArray
    lips: FloatArray
    brows: FloatArray


def map_skin(frame: EditFrame) -> SkinMap:
    """Tells the parts of the face in `frame`; nothing of it is reached outside the face hull."""
    coarse = frame.reduced(_COARSE_WIDTH_PX)
    size, width, points = coarse.size, coarse.width, coarse.landmarks
    lab = cv2.cvtColor(coarse.image, cv2.COLOR_BGR2LAB).astype(np.float32)
    hull = coarse.hull()
    likeness = masks.skin_likeness(lab, masks.skin_colour(lab, points, with_forehead=True))

    features = np.zeros(size, np.uint8)
    for part, margin in (
        (points[geometry.LEFT_BROW], 0.034),
        (points[geometry.RIGHT_BROW], 0.034),
        (points[geometry.LEFT_EYE], 0.03),
        (points[geometry.RIGHT_EYE], 0.03),
        (points[31:36], 0.016),
        (points[geometry.MOUTH], 0.018),
    ):
        features |= masks.grown(masks.polygon_mask(part, size), margin * width)
    soft_features = masks.blurred(masks.as_float(features), 0.008 * width)

    foreign = 1 - likeness
    entering = masks.reaching_in(foreign * (1 - soft_features), hull)
    below_nose = masks.smoothstep(coarse.coordinates(points[33])[1], 0.0, 0.04)
    entering = np.maximum(entering, foreign * below_nose)
    if frame.wears_glasses:
        entering = np.maximum(entering, glasses.eye_zone(points, size))
    inner = masks.blurred(masks.as_float(masks.grown(hull, -0.035 * width)), 0.015 * width)
    inner *= masks.smoothstep(masks.blurred(masks.as_float(hull), 0.01 * width), 0.5, 0.95)
    skin = inner * (1 - soft_features) * (1 - masks.blurred(entering, 0.01 * width))

    mouth = masks.polygon_mask(points[48:60], size)
    if geometry.mouth_opening(points) > 0.03:
        mouth[masks.polygon_mask(points[geometry.INNER_MOUTH], size) > 127] = 0
    brows = masks.polygon_mask(points[geometry.LEFT_BROW], size)
    brows |= masks.polygon_mask(points[geometry.RIGHT_BROW], size)
    brows = masks.grown(brows, 0.012 * width)

    full = frame.size[::-1]

    def enlarged(mask: FloatArray) -> FloatArray:
        large = cv2.resize(mask, full, interpolation=cv2.INTER_LINEAR)
        return np.clip(large, 0, 1).astype(np.float32)

    return SkinMap(
        skin=enlarged(skin) * (1 - _strands(frame)),
        stubble=enlarged(_stubble(coarse, lab[..., 0], skin)),
        lips=enlarged(masks.blurred(masks.as_float(mouth), 0.008 * width)),
        # The far brow of a turned head ends in hair.
        brows=enlarged(masks.blurred(masks.as_float(brows), 0.008 * width) * inner),
    )


def _stubble(frame: EditFrame, lightness: FloatArray, skin: FloatArray) -> FloatArray:
    """Where the lower face is evenly darker than the cheeks above it."""
    width, points = frame.width, frame.landmarks
    cheeks = masks.polygon_mask(points[[41, 31, 3, 2]], frame.size)
    cheeks |= masks.polygon_mask(points[[46, 35, 13, 14]], frame.size)
    bare = (cheeks > 127) & (skin > 0.5)
    if not bare.any():
        return np.zeros(frame.size, np.float32)
    level = max(float(np.median(lightness[bare])), 1.0)
    even = masks.blurred(lightness, 0.02 * width)
    darker = masks.smoothstep(1 - even / np.float32(level), *_STUBBLE_DARKER)
    low = masks.smoothstep(frame.coordinates(points[33])[1], -0.02, 0.05)
    return masks.blurred(darker * low, 0.015 * width)


def _strands(frame: EditFrame) -> FloatArray:
    """Thin dark lines that run over the forehead from outside it, float32 (h, w)."""
    small = frame.reduced(_STRAND_WIDTH_PX)
    width, points = small.width, small.landmarks
    lightness = cv2.cvtColor(small.image, cv2.COLOR_BGR2LAB)[..., 0]
    diameter = 2 * max(round(_STRAND * width), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    contrast = cv2.morphologyEx(lightness, cv2.MORPH_BLACKHAT, kernel).astype(np.float32)
    above = masks.smoothstep(small.coordinates(points[[19, 24]].mean(axis=0))[1], 0.0, -0.03)
    hull = masks.grown(small.hull(), -0.06 * width)
    dark = masks.smoothstep(contrast, 0.5 * _STRAND_CONTRAST, _STRAND_CONTRAST) * above
    strands = np.where(hull > 0, masks.reaching_in(dark, hull), dark)
    covered = masks.grown(strands, 0.012 * width)
    large = cv2.resize(
        masks.blurred(covered, 0.004 * width), frame.size[::-1], interpolation=cv2.INTER_LINEAR
    )
    return np.clip(large, 0, 1).astype(np.float32)


def curve(points: list[FloatArray]) -> FloatArray:
    """A smooth arc through three points, float32 (17, 2)."""
    start, middle, end = (np.asarray(point, np.float32) for point in points)
    handle = 2 * middle - (start + end) / 2
    t = np.linspace(0, 1, 17, dtype=np.float32)[:, None]
    return ((1 - t) ** 2 * start + 2 * t * (1 - t) * handle + t**2 * end).astype(np.float32)


def stroke(points: FloatArray, sigma: float, size: masks.Size) -> FloatArray:
    """A soft line along `points` (N, 2) that swells and fades, float32 (h, w) from 0 to 1.

    Args:
        sigma: half its width in pixels, as of a Gaussian.
    """
    # Drawn at a size at which the line is a few pixels wide, whatever the frame.
    reduction = max(sigma / 3.0, 1.0)
    small = (max(round(size[0] / reduction), 1), max(round(size[1] / reduction), 1))
    canvas = np.zeros(small, np.float32)
    scale = np.array([small[1] / size[1], small[0] / size[0]], np.float32)
    places = np.round(((points + 0.5) * scale - 0.5) * 16).astype(int)
    weights = np.sin(np.linspace(0, np.pi, len(points) + 1)[1:-1]) ** 0.7
    for start, end, weight in zip(places[:-1], places[1:], weights, strict=True):
        line = np.zeros(small, np.uint8)
        cv2.line(line, tuple(start.tolist()), tuple(end.tolist()), 255, 1, cv2.LINE_AA, 4)
        np.maximum(canvas, line * np.float32(weight / 255), out=canvas)
    soft = masks.blurred(canvas, max(sigma / reduction, 0.8))
    peak = float(soft.max())
    if peak > 0:
        soft /= peak
    return cv2.resize(soft, size[::-1], interpolation=cv2.INTER_LINEAR)


def soft_spot(frame: EditFrame, centre: FloatArray, across: float, down: float) -> FloatArray:
    """A Gaussian spot, float32 (h, w) from 0 to 1; `across` and `down` are in face widths."""
    u, v = frame.coordinates(centre)
    return np.exp(-0.5 * ((u / across) ** 2 + (v / down) ** 2)).astype(np.float32)
