"""A smile drawn by geometry: corners of the mouth, cheeks, lower lids, and the light on them.

Movements are those of the head itself, in three dimensions, so that a turned head shows of them
what it would. Nothing is invented: a closed mouth smiles closed.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from editing.engines.builtin.drawing import curve, spot, stroke
from editing.engines.builtin.frame import EditFrame
from editing.engines.builtin.skin import SkinMap
from models.faces.face import FloatArray
from models.geometry import face_mesh
from models.pixels import masks

_CORNER: Final = (0.040, -0.044, 0.022)
"""How far a corner of the mouth goes out, down and back at strength 1, in face widths."""
_EARNEST: Final = 0.62
"""How far strength -1 goes the other way; corners can fall less than they can rise."""
_ALONG: Final = 1.7
"""Power with which the movement grows from the middle of the lips to their corners."""
_BEYOND: Final = 0.75
"""Reach of the movement beyond a corner, in half mouths."""
_ABOVE, _BELOW = 0.115, 0.115
"""Reach of it above and below the line of the lips, in face widths."""
_THINNER: Final = 0.26
"""Share of their height that lips lose as they are stretched."""
_APPLES: Final = (50, 280)
_APPLE: Final = (0.006, -0.024, -0.004)
_APPLE_REACH: Final = 0.085
_LIDS: Final = (145, 374)
_LID_RISE: Final = -0.008
_LID_REACH: Final = 0.05
_WINGS: Final = (129, 358)
_WING: Final = (0.007, -0.004, 0.0)
_BEHIND_GLASSES: Final = 0.35
"""Share of the movement of lids and cheeks that the frame of glasses lets pass unbent."""

_BROAD: Final = (0.40, 0.50)
"""Width of the mouth, in face widths, at which a smile is under way, and at which it is broad."""
_BROAD_LEFT: Final = 0.55
_OPEN: Final = (0.18, 0.55)
"""Opening of the mouth over which a smile bends ever less of it."""
_OPEN_LEFT: Final = 0.45
_TURNED: Final = (38.0, 65.0)
"""Degrees of yaw over which the far half of the mouth is no longer seen well enough."""
_TURNED_LEFT: Final = 0.5

_SHADING_WIDTH_PX: Final = 320
_FOLD: Final = -0.062
_CHEEK_LIGHT: Final = 0.05
_UNDER_LID: Final = -0.03
_SMOOTHED: Final = 0.75
"""Share of the folds that strength -1 takes away."""


def smile_room(frame: EditFrame, strength: float) -> float:
    """How much of a smile of `strength` this mouth has room for, above 0 to 1."""
    mesh = frame.mesh
    room = 1.0
    opening = np.array([face_mesh.mouth_opening(mesh)], np.float32)
    room *= 1 - (1 - _OPEN_LEFT) * float(masks.smoothstep(opening, *_OPEN)[0])
    yaw = np.array([abs(frame.yaw)], np.float32)
    room *= 1 - (1 - _TURNED_LEFT) * float(masks.smoothstep(yaw, *_TURNED)[0])
    if strength > 0:
        mouth = np.array([np.linalg.norm(mesh[291] - mesh[61]) / frame.width], np.float32)
        room *= 1 - (1 - _BROAD_LEFT) * float(masks.smoothstep(mouth, *_BROAD)[0])
    return room


def smile_moves(frame: EditFrame, strength: float) -> FloatArray:
    """Where the mesh's points go, as :func:`frame.head_flow` wants them."""
    amount = strength * smile_room(frame, strength) * (1.0 if strength > 0 else _EARNEST)
    head = face_mesh.place_head(frame.mesh).to_head(frame.mesh.astype(np.float64))
    place = (head / np.linalg.norm(head[454] - head[234])).astype(np.float32)
    left, right = place[61], place[291]
    middle = (place[13] + place[14]) / 2
    half = max(float(np.linalg.norm(right - left)) / 2, 1e-3)
    along = (place[:, 0] - (left[0] + right[0]) / 2) / np.float32(half)
    corner_line = left[1] + (right[1] - left[1]) * (along + 1) / 2
    bent = np.clip(along, -1, 1) ** 2
    line = middle[1] * (1 - bent) + corner_line * bent
    off = place[:, 1] - line

    grow = np.minimum(np.abs(along), 1) ** _ALONG
    grow *= np.exp(-((np.maximum(np.abs(along) - 1, 0) / _BEYOND) ** 2))
    reach = np.where(off < 0, _ABOVE, _BELOW)
    gap = np.abs(place[14, 1] - place[13, 1]) / 2 * (1 - bent)
    grow *= np.exp(-((np.maximum(np.abs(off) - gap, 0) / reach) ** 2))
    side = np.clip(along * 3, -1, 1)
    out, down, back = _CORNER
    moves = np.stack([side * out, np.full_like(side, down), np.full_like(side, back)], axis=1)
    moves *= grow[:, None]

    inner_top = _along_lip(place, along, face_mesh.INNER_LIPS[:11])
    inner_bottom = _along_lip(place, along, (308, *face_mesh.INNER_LIPS[11:], 78))
    height = np.where(off < 0, place[:, 1] - inner_top, place[:, 1] - inner_bottom)
    height = np.where(off < 0, np.minimum(height, 0), np.maximum(height, 0))
    on_lips = np.exp(-((height / 0.07) ** 2)) * np.clip(1 - along**2, 0, 1)
    moves[:, 1] -= _THINNER * height * on_lips

    behind = _BEHIND_GLASSES if frame.wears_glasses else 1.0
    for places, vector, spread in (
        (_APPLES, _APPLE, _APPLE_REACH),
        (_LIDS, (0.0, _LID_RISE, 0.0), _LID_REACH),
        (_WINGS, _WING, 0.045),
    ):
        for point, sign in zip(places, (-1, 1), strict=True):
            near = np.exp(-(((place - place[point]) ** 2).sum(axis=1)) / (spread**2))
            moves += near[:, None] * np.array([vector[0] * sign, *vector[1:]]) * behind
    # The rim of the face stays where hair and ears hold it.
    moves[list(face_mesh.OVAL)] *= 0.3
    return (moves * amount).astype(np.float32)


def smile_shading(frame: EditFrame, skin: SkinMap, strength: float) -> FloatArray:
    """What a smile of `strength`, -1 to 1, changes in light, float32 (h, w, 3) BGR.

    Cheeks that rise catch light and fold beside the mouth; a face that turns earnest loses its
    folds. It is soft, so it comes reduced.
    """
    small = frame.reduced(_SHADING_WIDTH_PX)
    bare = cv2.resize(skin.skin, small.size[::-1], interpolation=cv2.INTER_AREA)
    image = small.image.astype(np.float32)
    if strength > 0:
        room = smile_room(frame, strength)
        light = _relief(small) * bare * np.float32(strength * (0.45 + 0.55 * room))
        return image * light[..., None]
    return _unfolded(small, image, bare) * np.float32(-strength)


def _unfolded(frame: EditFrame, image: FloatArray, bare: FloatArray) -> FloatArray:
    """What takes the folds of a smile away, float32 (h, w, 3) BGR."""
    zone = np.zeros(frame.size, np.float32)
    for side, fold in _folds(frame):
        del side
        np.maximum(zone, stroke(fold, 0.03 * frame.width, frame.size), out=zone)
    weight = (bare + np.float32(1e-3))[..., None]
    sigma = 0.05 * frame.width
    even = masks.blurred(image * weight, sigma) / masks.blurred(weight[..., 0], sigma)[..., None]
    fine = image - masks.blurred(image, 0.006 * frame.width)
    lift = even + fine - image
    # Only the dark of a fold goes: lights beside it belong to the cheek.
    level = lift.mean(axis=2, keepdims=True)
    return (lift * (level > 0) * (zone * bare * np.float32(_SMOOTHED))[..., None]).astype(
        np.float32
    )


def _folds(frame: EditFrame) -> list[tuple[int, FloatArray]]:
    """From each wing of the nose round the corner of the mouth, in pixels, float32 (17, 2)."""
    along, down = (axis * frame.width for axis in frame.axes())
    mesh = frame.mesh[:, :2]
    folds = []
    for side, wing, corner in ((-1, 129, 61), (1, 358, 291)):
        out = along * np.float32(side)
        fold = curve(
            [
                mesh[wing] + out * 0.012 - down * 0.012,
                (mesh[wing] + mesh[corner]) / 2 + out * 0.045,
                mesh[corner] + out * 0.05 + down * 0.008,
            ]
        )
        folds.append((side, fold))
    return folds


def _relief(frame: EditFrame) -> FloatArray:
    """Relative light at strength 1, float32 (h, w): -0.1 is a tenth darker."""
    light = np.zeros(frame.size, np.float32)
    mesh, width = frame.mesh[:, :2], frame.width
    along, down = (axis * width for axis in frame.axes())
    weights = _side_weights(frame)
    for (side, fold), apple, lid in zip(
        _folds(frame), _APPLES, ([7, 163, 144, 145, 153], [249, 390, 373, 374, 380]), strict=True
    ):
        weight = weights[side]
        light += stroke(fold, 0.016 * width, frame.size) * np.float32(_FOLD * weight)
        beside = fold + along * np.float32(0.04 * side)
        light += stroke(beside, 0.022 * width, frame.size) * np.float32(-0.3 * _FOLD * weight)
        u, v = frame.coordinates(mesh[apple] - down * 0.01)
        light += spot(u, v, 0.06, 0.045) * np.float32(_CHEEK_LIGHT * weight)
        if not frame.wears_glasses:
            under = curve([mesh[point] + down * 0.035 for point in (lid[0], lid[2], lid[4])])
            light += stroke(under, 0.009 * width, frame.size) * np.float32(_UNDER_LID * weight)
    return light


def _side_weights(frame: EditFrame) -> dict[int, float]:
    """How much of the light on the image-left (-1) and image-right (1) cheek is seen."""
    far = float(np.clip(1 - abs(frame.yaw) / 50, 0.15, 1))
    return {-1: 1.0, 1: far} if frame.yaw > 0 else {-1: far, 1: 1.0}


def _along_lip(place: FloatArray, along: FloatArray, chain: tuple[int, ...]) -> FloatArray:
    """Height of an edge of the lips above or below every point, float32 (468,)."""
    edge = sorted((float(along[point]), float(place[point, 1])) for point in chain)
    return np.interp(along, [x for x, _ in edge], [y for _, y in edge]).astype(np.float32)
