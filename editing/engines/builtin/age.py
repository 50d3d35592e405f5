"""Younger and older by frequency bands: what time does to skin, between pores and shadows.

Lightness (CIE L*, 0 to 100) is split by blurs that read skin alone. Wrinkles and folds live in two
bands between 0.005 and 0.055 face widths. Younger lifts their dark side and leaves the pores;
older deepens what is there, adds soft hollows where faces age, and fine broken lines too faint to
look drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from editing.engines.builtin.drawing import curve, spot, stroke
from editing.engines.builtin.frame import IBUG, EditFrame
from editing.engines.builtin.skin import SkinMap
from models.faces.face import FloatArray
from models.geometry import face_mesh
from models.geometry import points as geometry
from models.pixels import masks

_SIGMAS: Final = (0.005, 0.02, 0.055)
"""Blurs between the bands, in face widths."""
_LIMITS: Final = (5.0, 7.0)
"""Most that the fine and the broad band count for, in L*: deeper is a feature, not a wrinkle."""

_YOUNGER_DARK: Final = (0.95, 0.95)
_YOUNGER_LIGHT: Final = (0.45, 0.35)
_YOUNGER_COLOUR: Final = 0.5
_STUBBLE_SPARED: Final = 0.85

_OLDER_DARK: Final = (1.25, 0.85)
_OLDER_LIGHT: Final = (0.55, 0.25)
_OLDER_AT_FOLDS: Final = 0.5
"""How much more of the dark side is deepened where faces fold: what is there already, deeper."""
_OLDER_HOLLOW: Final = 0.3
"""Share of the broad shadows under eyes and beside the mouth that is added once more."""
_BROW_LIFT: Final = 40.0
_COHERENT: Final = 0.7
"""Share of the fine band's gain that only lines get; dots, freckles and noise get the rest."""

# Image-left point, image-right point, out and down in face widths at full strength.
_SAG: Final = (
    (4, 12, 0.006, 0.010),
    (5, 11, 0.008, 0.014),
    (6, 10, 0.006, 0.010),
    (17, 26, 0.000, 0.012),
    (18, 25, 0.000, 0.008),
    (19, 24, 0.000, 0.002),
    (36, 45, 0.000, 0.005),
    (37, 44, 0.000, 0.006),
    (38, 43, 0.000, 0.004),
    (48, 54, 0.000, 0.009),
    (50, 52, 0.000, 0.004),
    (51, 51, 0.000, 0.004),
    (56, 58, 0.000, -0.003),
    (57, 57, 0.000, -0.003),
    (31, 35, 0.005, 0.002),
    (33, 33, 0.000, 0.005),
)
_LIFT: Final = (
    (3, 13, -0.006, 0.000),
    (4, 12, -0.012, 0.000),
    (5, 11, -0.014, -0.002),
    (6, 10, -0.010, -0.004),
    (7, 9, -0.003, -0.003),
    (17, 26, 0.000, -0.006),
    (18, 25, 0.000, -0.005),
    (37, 44, 0.000, -0.006),
    (38, 43, 0.000, -0.006),
    (40, 47, 0.000, 0.003),
    (41, 46, 0.000, 0.003),
    (50, 52, 0.000, -0.003),
    (51, 51, 0.000, -0.003),
    (56, 58, 0.000, 0.004),
    (57, 57, 0.000, 0.004),
    (31, 35, -0.004, 0.000),
)

_MOVE_REACH: Final = 0.055
"""How far a moved point takes its neighbours along, in face widths."""

_CANVAS_PX: Final = 400
"""Pixels per face width of the patterns of fine lines."""
_CANVAS_SPAN: Final = (0.8, 1.6)
"""Height and width of the patterns in face widths."""


@dataclass(frozen=True, eq=False)
class _Bands:
    """L* of the skin by size of detail, float32 (h, w) each."""

    fine: FloatArray
    broad: FloatArray
    hollow: FloatArray
    coherence: FloatArray


def age_moves(frame: EditFrame, strength: float) -> FloatArray:
    """Where the mesh's points go, as :func:`frame.head_flow` wants them.

    Older: jowls, outer brows, lids, corners of the mouth and tip of the nose sink, lips thin.
    Younger: a slimmer jaw, larger eyes, fuller lips.
    """
    head = face_mesh.place_head(frame.mesh).to_head(frame.mesh.astype(np.float64))
    place = (head / np.linalg.norm(head[454] - head[234])).astype(np.float32)
    own = np.zeros((len(IBUG), 3), np.float32)
    for left, right, out, down in _SAG if strength > 0 else _LIFT:
        own[left] = (-out, down, 0)
        own[right] = (out, down, 0)
    distance = np.linalg.norm(place[:, None, :2] - place[list(IBUG)][None, :, :2], axis=2)
    near = np.exp(-((distance / _MOVE_REACH) ** 2))
    moves = near @ own / np.maximum(near.sum(axis=1, keepdims=True), 0.35)
    return (moves * abs(strength)).astype(np.float32)


def age_tone(frame: EditFrame, skin: SkinMap, strength: float) -> FloatArray:
    """What ageing by `strength`, -1 to 1, adds to the frame's image, float32 (h, w, 3) BGR."""
    image = frame.image.astype(np.float32) / 255
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    bands = _split(lab[..., 0], skin.skin, frame.width)
    amount = np.float32(abs(strength))
    change = (_older if strength > 0 else _younger)(frame, skin, lab, bands) * amount
    # Against the way back of the unchanged colour: where nothing changes the difference is 0.
    before, after = (cv2.cvtColor(part, cv2.COLOR_LAB2BGR) for part in (lab, lab + change))
    return (after - before) * np.float32(255)


def _younger(frame: EditFrame, skin: SkinMap, lab: FloatArray, bands: _Bands) -> FloatArray:
    """The change of L*, a*, b* at strength -1."""
    bare = skin.skin * (1 - np.float32(_STUBBLE_SPARED) * skin.stubble)
    lines = np.float32(0.6) + np.float32(0.4) * bands.coherence
    lift = -_side(bands.fine, -1, _LIMITS[0]) * np.float32(_YOUNGER_DARK[0]) * lines
    lift -= _side(bands.fine, 1, _LIMITS[0]) * np.float32(_YOUNGER_LIGHT[0])
    lift -= _side(bands.broad, -1, _LIMITS[1]) * np.float32(_YOUNGER_DARK[1])
    lift -= _side(bands.broad, 1, _LIMITS[1]) * np.float32(_YOUNGER_LIGHT[1])
    lift -= np.minimum(bands.hollow, 0) * _under_eyes(frame) * np.float32(0.8)
    change = np.zeros_like(lab)
    change[..., 0] = lift * bare
    smooth = [_skin_blur(lab[..., channel], skin.skin, 0.03 * frame.width) for channel in (1, 2)]
    for channel, even in zip((1, 2), smooth, strict=True):
        change[..., channel] = (even - lab[..., channel]) * bare * np.float32(_YOUNGER_COLOUR)
    change[..., 1] += skin.lips * np.float32(2.5)
    return change


def _older(frame: EditFrame, skin: SkinMap, lab: FloatArray, bands: _Bands) -> FloatArray:
    """The change of L*, a*, b* at strength 1."""
    noise = _noise_level(bands.fine, skin.skin)
    fine = _cored(bands.fine, noise)
    lines = np.float32(1 - _COHERENT) + np.float32(_COHERENT) * bands.coherence
    folds = _folds(frame)
    more = 1 + np.float32(_OLDER_AT_FOLDS) * folds
    deepen = _side(fine, -1, _LIMITS[0]) * np.float32(_OLDER_DARK[0]) * lines * more
    deepen += _side(fine, 1, _LIMITS[0]) * np.float32(_OLDER_LIGHT[0]) * lines
    deepen += _side(bands.broad, -1, _LIMITS[1]) * np.float32(_OLDER_DARK[1]) * more
    deepen += _side(bands.hollow, -1, _LIMITS[1]) * np.float32(_OLDER_HOLLOW) * folds
    deepen += _side(bands.broad, 1, _LIMITS[1]) * np.float32(_OLDER_LIGHT[1])
    deepen *= 1 - np.float32(0.6) * skin.stubble
    relief = _hollows(frame) + _fine_lines(frame) * (1 - np.float32(0.7) * skin.stubble)
    relief *= np.float32(frame.definition)
    change = np.zeros_like(lab)
    lightness = lab[..., 0]
    change[..., 0] = (deepen + relief * lightness) * skin.skin
    # Folds are shadows between lights: the skin as a whole does not get so much darker.
    darker = float((change[..., 0] * skin.skin).sum() / max(float(skin.skin.sum()), 1.0))
    change[..., 0] -= np.float32(0.85 * darker) * skin.skin

    mottle = _mottle(frame)
    change[..., 0] += mottle * np.float32(1.2) * skin.skin
    # In the dark the same step of colour shows far more.
    lit = np.clip(lightness / np.float32(60), 0, 1)
    change[..., 1] += (np.float32(0.4) - mottle) * skin.skin * lit
    change[..., 2] += np.float32(0.6) * skin.skin * lit
    # Lips pale towards skin; brows lose contrast and redness, and keep
    # their yellow: without it they would look blue.
    level = np.float32(np.median(lightness[skin.skin > 0.5])) if skin.skin.max() > 0.5 else 60
    change[..., 0] += (level - lightness) * skin.lips * np.float32(0.12)
    change[..., 0] += np.clip(level - lightness, 0, _BROW_LIFT) * skin.brows * np.float32(0.22)
    change[..., 1] -= np.maximum(lab[..., 1], 0) * (
        np.float32(0.22) * skin.lips + np.float32(0.1) * skin.brows
    )
    change[..., 2] += skin.lips * np.float32(0.5)
    return change


def _split(lightness: FloatArray, skin: FloatArray, width: float) -> _Bands:
    pores, lines, folds = (_skin_blur(lightness, skin, sigma * width) for sigma in _SIGMAS)
    shadows = _skin_blur(lightness, skin, 0.14 * width)
    fine = pores - lines
    return _Bands(fine, lines - folds, folds - shadows, _coherence(fine * skin, width))


def _skin_blur(values: FloatArray, skin: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of `values` that reads only where `skin` is, both float32 (h, w)."""
    height, width = values.shape
    reduction = max(int(sigma / 3), 1)
    size = (max(width // reduction, 1), max(height // reduction, 1))
    parts = [values * skin, skin]
    if reduction > 1:
        parts = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in parts]
    total, weight = (masks.blurred(part, sigma / reduction) for part in parts)
    # Where no skin is near the quotient is calm, and nothing reads it.
    blurred = (total + np.float32(1e-3) * np.float32(60)) / (weight + np.float32(1e-3))
    if reduction > 1:
        blurred = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return blurred.astype(np.float32, copy=False)


def _coherence(detail: FloatArray, width: float) -> FloatArray:
    """How much the detail runs in one direction, 0 for dots to 1 for lines, float32 (h, w).

    From the eigenvalues of the structure tensor (Bigun and Granlund, "Optimal orientation
    detection of linear symmetry", ICCV 1987).
    """
    scale = min(300.0 / width, 1.0)
    size = (max(round(detail.shape[1] * scale), 1), max(round(detail.shape[0] * scale), 1))
    small = cv2.resize(detail, size, interpolation=cv2.INTER_AREA) if scale < 1 else detail
    small = masks.blurred(small, 0.004 * width * scale)
    x, y = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    xx, yy, xy = (masks.blurred(part, 0.018 * width * scale) for part in (x * x, y * y, x * y))
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    coherence = masks.smoothstep(spread / (xx + yy + np.float32(0.05)), 0.2, 0.75)
    return cv2.resize(coherence, detail.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _side(band: FloatArray, sign: int, limit: float) -> FloatArray:
    """The dark (-1) or the light (1) side of a band, levelling off at `limit`."""
    one = np.minimum(band, 0) if sign < 0 else np.maximum(band, 0)
    return (np.float32(limit) * np.tanh(one / np.float32(limit))).astype(np.float32)


def _noise_level(band: FloatArray, skin: FloatArray) -> float:
    """Typical amplitude of a band over the skin: median of its magnitude."""
    bare = band[skin > 0.5]
    return float(np.median(np.abs(bare))) if bare.size else 0.0


def _cored(band: FloatArray, noise: float) -> FloatArray:
    """The band without what does not stand out from its noise."""
    magnitude = np.abs(band)
    return (band * magnitude / (magnitude + np.float32(noise + 1e-3))).astype(np.float32)


def _under_eyes(frame: EditFrame) -> FloatArray:
    """1 in the hollows under both eyes, soft."""
    _, down = (axis * frame.width for axis in frame.axes())
    spots = [
        _spot(frame, frame.landmarks[eye].mean(axis=0) + down * 0.085, 0.08, 0.03)
        for eye in ([36, 39, 40, 41], [42, 45, 46, 47])
    ]
    return np.maximum(spots[0], spots[1])


def _spot(frame: EditFrame, centre: FloatArray, across: float, down: float) -> FloatArray:
    """A Gaussian spot, float32 (h, w) from 0 to 1; `across` and `down` are in face widths."""
    return spot(*frame.coordinates(centre), across, down)


def _folds(frame: EditFrame) -> FloatArray:
    """Where faces fold with age, float32 (h, w) from 0 to 1, broad: no line of its own."""
    points, width, size = frame.landmarks, frame.width, frame.size
    along, down = (axis * width for axis in frame.axes())
    zones = np.zeros(size, np.float32)
    for side, wing, corner, jaw in ((-1, 31, 48, 5), (1, 35, 54, 11)):
        out = along * np.float32(side)
        beside = (points[wing] + points[corner]) / 2 + out * 0.05
        below = points[corner] * 0.5 + points[jaw] * 0.5
        for line in (
            [points[wing] + out * 0.03, beside, points[corner] + out * 0.05],
            [points[corner] + out * 0.02, (points[corner] + below) / 2, below],
        ):
            np.maximum(zones, stroke(curve(line), 0.035 * width, size), out=zones)
    brows = points[[19, 24]].mean(axis=0) - down * 0.13
    np.maximum(zones, _spot(frame, brows, 0.24, 0.06) * np.float32(0.5), out=zones)
    np.maximum(zones, _spot(frame, points[[21, 22]].mean(axis=0), 0.03, 0.05), out=zones)
    if not frame.wears_glasses:
        np.maximum(zones, _under_eyes(frame), out=zones)
    return zones


def _hollows(frame: EditFrame) -> FloatArray:
    """Relative light of folds and hollows that come with age, float32 (h, w), -0.1 a tenth darker.

    Every fold is broad and soft, and has the light of the bulge that makes it.
    """
    points, width, size = frame.landmarks, frame.width, frame.size
    along, down = (axis * width for axis in frame.axes())
    light = np.zeros(size, np.float32)
    for side, wing, corner, jaw, eye, cheek in (
        (-1, 31, 48, 5, [36, 41, 40, 39], [2, 3, 48]),
        (1, 35, 54, 11, [45, 46, 47, 42], [14, 13, 54]),
    ):
        out = along * np.float32(side)
        fold = curve(
            [
                points[wing] + out * 0.025 - down * 0.01,
                (points[wing] + points[corner]) / 2 + out * 0.045,
                points[corner] + out * 0.045 + down * 0.015,
            ]
        )
        light += _fold(fold, out, 0.012, 0.12, frame)
        marionette = curve(
            [
                points[corner] + out * 0.012 + down * 0.015,
                points[corner] + out * 0.018 + down * 0.06,
                points[corner] * 0.55 + points[jaw] * 0.45 + down * 0.035,
            ]
        )
        light += _fold(marionette, out, 0.012, 0.08, frame)
        bag = curve(
            [
                points[eye[0]] - out * 0.01 + down * 0.05,
                (points[eye[1]] + points[eye[2]]) / 2 + down * 0.068,
                points[eye[3]] + out * 0.01 + down * 0.055,
            ]
        )
        if not frame.wears_glasses:
            light += _fold(bag, -down, 0.009, 0.085, frame)
        hollow = points[cheek].mean(axis=0) + down * 0.01
        light -= _spot(frame, hollow, 0.07, 0.09) * np.float32(0.06)
    light -= _spot(frame, points[[21, 22]].mean(axis=0), 0.018, 0.035) * np.float32(0.02)
    return light


def _fold(
    line: FloatArray, bulge: FloatArray, sigma: float, depth: float, frame: EditFrame
) -> FloatArray:
    """A crease along `line` with a softer light on the side that `bulge` points to."""
    crease = stroke(line, sigma * frame.width, frame.size)
    aside = bulge / max(float(np.linalg.norm(bulge)), 1e-6) * (2.6 * sigma * frame.width)
    light = stroke(line + aside, 1.6 * sigma * frame.width, frame.size)
    return crease * np.float32(-depth) + light * np.float32(0.4 * depth)


def _fine_lines(frame: EditFrame) -> FloatArray:
    """Relative light of fine broken lines, float32 (h, w): forehead, corners and lids of eyes."""
    points, width = frame.landmarks, frame.width
    canvas = _lines_canvas()
    ratio = _CANVAS_PX / width
    # What is finer than a pixel of the frame must not alias into it.
    canvas = masks.blurred(canvas, 0.5 * ratio) if ratio > 1 else canvas
    light = np.zeros(frame.size, np.float32)

    brows = points[[19, 24]].mean(axis=0)
    u, v = frame.coordinates(brows)
    height = float(frame.coordinates(points[27])[1][0, 0] - v[0, 0])
    zone = masks.smoothstep(v, -0.02, -0.07) * masks.smoothstep(v, -0.36, -0.2)
    zone *= masks.smoothstep(np.abs(u), 0.40, 0.2)
    light += (
        _sampled(canvas, u, v + np.float32(0.25) * u * u - np.float32(height))
        * zone
        * np.float32(0.065)
    )

    for side, outer, eye in ((-1, 36, geometry.LEFT_EYE), (1, 45, geometry.RIGHT_EYE)):
        u, v = frame.coordinates(points[outer])
        u = u * np.float32(side)
        radius, angle = cv2.cartToPolar(u, v)
        angle = np.where(angle > np.pi, angle - 2 * np.pi, angle).astype(np.float32)
        zone = masks.smoothstep(radius, 0.025, 0.06) * masks.smoothstep(radius, 0.17, 0.08)
        zone *= masks.smoothstep(np.abs(angle), 1.0, 0.5)
        light += _sampled(canvas, radius + 0.3 * side, 0.13 * angle) * zone * np.float32(0.075)

        u, v = frame.coordinates(points[eye].mean(axis=0) - frame.axes()[1] * 0.1 * width)
        radius, angle = cv2.cartToPolar(u, v)
        zone = masks.smoothstep(radius, 0.13, 0.16) * masks.smoothstep(radius, 0.24, 0.18)
        zone *= masks.smoothstep(v, 0.08, 0.13)
        light += _sampled(canvas, 0.25 * angle - 0.4, radius - 0.1) * zone * np.float32(0.05)
    return light


def _sampled(canvas: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """The canvas at `x`, `y` in face widths from its middle."""
    height, width = canvas.shape
    return cv2.remap(
        canvas,
        (x * np.float32(_CANVAS_PX) + np.float32(width / 2)).astype(np.float32),
        (y * np.float32(_CANVAS_PX) + np.float32(height / 2)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )


@lru_cache(maxsize=1)
def _lines_canvas() -> FloatArray:
    """Lines that run right, each broken, bent and of its own depth: -1 dark to about 0.4 light."""
    random = np.random.default_rng(20)
    height, width = (round(span * _CANVAS_PX) for span in _CANVAS_SPAN)
    noise = random.standard_normal((height, width)).astype(np.float32)
    lines = np.zeros_like(noise)
    for thickness, share in ((1.6, 0.45), (3.2, 0.55)):
        band = cv2.GaussianBlur(noise, (0, 0), sigmaX=18 * thickness, sigmaY=thickness)
        band -= cv2.GaussianBlur(noise, (0, 0), sigmaX=18 * thickness, sigmaY=2.4 * thickness)
        lines += band / band.std() * np.float32(share)
    bend = masks.blurred(random.standard_normal((height, width)).astype(np.float32), 30)
    bend *= np.float32(5.0) / bend.std()
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    lines = cv2.remap(lines, x, y + bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    breaks = masks.blurred(random.standard_normal((height, width)).astype(np.float32), 22)
    breaks = masks.smoothstep(breaks / breaks.std(), -1.0, 1.2)
    dark = np.tanh(np.maximum(-lines - 0.4, 0))
    light = np.tanh(np.maximum(lines - 0.6, 0))
    canvas: FloatArray = ((0.4 * light - dark) * breaks).astype(np.float32)
    canvas.setflags(write=False)
    return canvas


@lru_cache(maxsize=1)
def _mottle_canvas() -> FloatArray:
    """Blotches of uneven skin, about -2 to 2."""
    random = np.random.default_rng(7)
    side = round(1.6 * _CANVAS_PX) // 4
    noise = random.standard_normal((side, side)).astype(np.float32)
    blotches = np.zeros_like(noise)
    for sigma in (2.0, 5.0):
        part = masks.blurred(noise, sigma)
        blotches += part / part.std()
    blotches /= blotches.std()
    blotches.setflags(write=False)
    return blotches


def _mottle(frame: EditFrame) -> FloatArray:
    canvas = _mottle_canvas()
    u, v = frame.coordinates(frame.landmarks[30])
    scale = np.float32(_CANVAS_PX / 4)
    middle = np.float32(canvas.shape[0] / 2)
    return cv2.remap(
        canvas,
        u * scale + middle,
        v * scale + middle,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
