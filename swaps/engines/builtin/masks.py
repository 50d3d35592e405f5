"""Where the new face shows, what of the target stays, and which skin tells the colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.face_mesh import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    mouth_opening,
)
from models.pixels.masks import as_float, blurred, grown, polygon_mask
from swaps.engines.builtin import geometry
from swaps.engines.builtin.classes import Part, certain, face_share
from swaps.engines.builtin.covering import find_covering
from swaps.engines.builtin.source import WarpedSource
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import luminance, to_log

_BEARD_FROM: Final = 3.6
_BROW_HEIGHT: Final = -3.6
_EYES_DOWN: Final = -1.0
_LENS_DARK: Final = 0.5
_LEAST_GLASSES: Final = 0.012


@dataclass(frozen=True, eq=False)
class Masks:
    """All float32 (h, w) on the grid, 0 to 1, unless said otherwise.

    Attributes:
        shown: how much of the new face shows.
        support: what may change at all; a low band of the blend reaches no further.
        skin: where both faces show bare skin.
        weight: `skin` without beard and stray hair: what tells the colour.
        stray: hair over the skin of the new face.
        face: where detail of the two faces is compared.
        rims: float32 (H, W) at the work size, glasses of the target that stay; or None.
        beard_kept: whether the target's beard stays.
        open_share: share of the face in which the new one shows.
        source_covered, target_covered: share of each face from the eyes down that something
            lies over; glasses do not count.
    """

    shown: FloatArray
    support: FloatArray
    skin: FloatArray
    weight: FloatArray
    stray: FloatArray
    face: FloatArray
    rims: FloatArray | None
    beard_kept: bool
    open_share: float
    source_covered: float
    target_covered: float


def polygon(mesh: NDArray[Any], ids: Sequence[int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (h, w), 255 inside the hull of some vertices."""
    return polygon_mask(mesh[list(ids), :2].astype(np.float32), size)


def make_masks(frame: TargetFrame, warped: WarpedSource) -> Masks:
    """Every mask of one swap."""
    width = frame.width
    hull = warped.covered.astype(np.uint8) * np.uint8(255)
    skin = _shared_skin(frame, warped, hull)
    theirs, ours = frame.view.unwrapped, warped.beard
    beard_kept = theirs.full_beard and ours < 0.5 * theirs.beard
    weight, stray = _colour_weight(warped, skin, beard_kept)

    target_face, source_face = face_share(frame.classes), face_share(warped.classes)
    over_target, over_source = (
        find_covering(image, classes, warped.height, warped.covered, width)
        for image, classes in ((frame.grid, frame.classes), (warped.image, warped.classes))
    )
    target_face = target_face * (1 - over_target)
    source_face = source_face * (1 - over_source)
    rims = _kept_glasses(frame, warped)
    if rims is not None:
        small = cv2.resize(rims, frame.size[::-1], interpolation=cv2.INTER_AREA)
        target_face = np.maximum(
            target_face, worn_glasses(frame.classes, warped.height) * (1 - small)
        )
    bare = (worn_glasses(frame.classes, warped.height) > 0.4).sum() < 0.004 * width * width
    gate = source_face + worn_glasses(warped.classes, warped.height) if bare else source_face
    gate = np.minimum(np.minimum(target_face, gate), np.clip(warped.seen * 2.2, 0, 1))
    gate = np.minimum(gate, 1 - _fringe(warped, width))
    gate = cv2.erode(gate.astype(np.float32), np.ones((3, 3), np.uint8))
    core = blurred(as_float(grown(hull, -0.03 * width)), 0.02 * width)
    area = max(float(core.sum()), 1.0)
    shown = core * blurred(np.clip((gate - 0.3) / 0.5, 0, 1).astype(np.float32), 0.008 * width)
    shown = shown * (1 - _kept_mouth(frame, warped))
    if beard_kept:
        lips = as_float(grown(polygon(frame.mesh, OUTER_LIPS, frame.size), 0.012 * width))
        zone = np.clip((warped.height - _BEARD_FROM) / 1.2, 0, 1) * warped.covered * (1 - lips)
        shown = shown * (1 - blurred(zone.astype(np.float32), 0.012 * width))

    reach = blurred(as_float(grown(hull, 0.02 * width)), 0.02 * width)
    foreign = blurred((1 - np.clip(target_face * 1.4, 0, 1)).astype(np.float32), 0.01 * width)
    support = np.clip(reach * 1.04 - 0.04, 0, 1) * np.clip(1 - foreign, 0, 1)
    inner = as_float(grown(hull, -0.05 * width)) * np.clip(warped.seen * 2, 0, 1)
    face = inner * (face_share(frame.classes) > 0.6)
    return Masks(
        shown.astype(np.float32),
        support.astype(np.float32),
        skin,
        weight,
        stray,
        face.astype(np.float32),
        rims,
        beard_kept,
        float(shown.sum() / area),
        _covered_share(source_face, warped.classes, core, warped),
        _covered_share(target_face, frame.classes, core, warped),
    )


def _shared_skin(frame: TargetFrame, warped: WarpedSource, hull: NDArray[np.uint8]) -> FloatArray:
    width, size = frame.width, frame.size
    features = np.zeros(size, np.uint8)
    for mesh in (warped.mesh, frame.mesh):
        for ids in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS):
            features |= polygon(mesh, ids, size)
    off = 1 - as_float(grown(features, 0.015 * width))
    skin = (
        certain(warped.classes[..., Part.SKIN])
        * certain(frame.classes[..., Part.SKIN])
        * off
        * np.clip(warped.seen * 2, 0, 1)
        * as_float(grown(hull, -0.02 * width))
    )
    if skin.sum() < 0.01 * width * width:
        skin = as_float(grown(hull, -0.06 * width)) * off
    return skin.astype(np.float32)


def _colour_weight(
    warped: WarpedSource, skin: FloatArray, beard_kept: bool
) -> tuple[FloatArray, FloatArray]:
    """Skin without beard and stray hair, and where the stray hair is."""
    weight = skin
    if beard_kept:
        weight = weight * np.clip(5.0 - warped.height, 0.05, 1)
    level = luminance(to_log(warped.image) - warped.shade - warped.uneven)
    lit = skin > 0.3
    stray = np.zeros_like(skin)
    if lit.sum() > 100:
        usual = float(np.percentile(level[lit], 60))
        # Without a beard what is dark low in the face is shade, and counts.
        bearded = min(warped.beard / 0.3, 1.0)
        bright = np.clip(1 + (level - usual + 0.35) / 0.3, 0, 1)
        weight = weight * np.maximum(1 - bearded * (1 - bright), np.clip(2.0 - warped.height, 0, 1))
        stray = ((weight < 0.3) & lit).astype(np.float32)
        weight = cv2.erode(weight.astype(np.float32), np.ones((3, 3), np.uint8))
    return (weight.astype(np.float32) if weight.sum() > 60 else skin), stray


def worn_glasses(classes: FloatArray, height: FloatArray) -> FloatArray:
    """Probability of glasses (h, w); what the parser calls so below the nose is something else."""
    return (classes[..., Part.GLASSES] * np.clip(2.4 - height, 0, 1)).astype(np.float32)


def _covered_share(
    face: FloatArray, classes: FloatArray, core: FloatArray, warped: WarpedSource
) -> float:
    """Share of what is seen of a face from the eyes down that is not face."""
    area = core * (warped.height > _EYES_DOWN) * (warped.seen > 0.4)
    own = np.clip(certain(face) + worn_glasses(classes, warped.height), 0, 1)
    return float(((1 - own) * area).sum() / max(float(area.sum()), 1.0))


def _fringe(warped: WarpedSource, width: float) -> FloatArray:
    """Hair and hats of the new face above its brows, a little wider than the parser says."""
    hair = warped.classes[..., Part.HAIR] + warped.classes[..., Part.HAT]
    strands = np.clip((hair - 0.15) / 0.25, 0, 1).astype(np.float32)
    wide = cv2.dilate(strands, np.ones((3, 3), np.uint8), iterations=max(round(0.006 * width), 1))
    return wide * np.clip((_BROW_HEIGHT - warped.height) / 0.8, 0, 1)


def _kept_mouth(frame: TargetFrame, warped: WarpedSource) -> FloatArray:
    """Where the inside of the target's mouth stays, as far as the source's cannot fit it."""
    theirs, ours = mouth_opening(frame.view.mesh), warped.mouth_opening
    own = geometry.own_mouth_share(ours, theirs) * warped.expression
    fits = 0.5 < ours / max(theirs, 1e-3) < 2.2
    if theirs <= 0.08 or own >= 0.5 or fits:
        return np.zeros(frame.size, np.float32)
    inside = grown(polygon(frame.mesh, INNER_LIPS, frame.size), 0.004 * frame.width)
    return blurred(as_float(inside), 0.006 * frame.width)


def _kept_glasses(frame: TargetFrame, warped: WarpedSource) -> FloatArray | None:
    """Rims, and lenses where they are dark, float32 (H, W) at the work size."""
    glasses = worn_glasses(frame.classes, warped.height)
    if ((glasses > 0.4) & warped.covered).sum() <= _LEAST_GLASSES * frame.width**2:
        return None
    height, width = frame.work.shape[:2]
    face = frame.work_width

    def enlarged(image: FloatArray) -> FloatArray:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)

    worn = (enlarged(glasses) > 0.4).astype(np.uint8)
    inside = enlarged(warped.covered.astype(np.float32)) > 0.5
    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    lens = cv2.erode(worn, cross, iterations=max(int(0.022 * face), 2)) > 0
    grey = cv2.cvtColor(frame.work, cv2.COLOR_BGR2GRAY).astype(np.float32)
    skin = (enlarged(frame.classes[..., Part.SKIN]) > 0.7) & inside
    level = float(np.median(grey[skin])) if skin.any() else 128.0
    if lens.any() and float(np.median(grey[lens])) < _LENS_DARK * level:
        kept = worn.astype(np.float32)
    else:
        wide = int(0.07 * face) | 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
        thin = (cv2.morphologyEx(grey, cv2.MORPH_CLOSE, brush) - grey) / max(level, 1)
        eyes = np.zeros(frame.size, np.uint8)
        for ids in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW):
            eyes |= polygon(frame.mesh, ids, frame.size)
        eyes_near = enlarged(as_float(grown(eyes, 0.05 * frame.width))) > 0.5
        rim = (worn > 0) & ~lens
        dark = (thin > 0.3) & (worn > 0) & ~eyes_near
        count, labels = cv2.connectedComponents((rim | dark).astype(np.uint8))
        connected = np.zeros(count, bool)
        connected[np.unique(labels[rim])] = True
        connected[0] = False
        kept = connected[labels].astype(np.float32)
    return blurred(cv2.dilate(kept, np.ones((3, 3), np.uint8)), 0.004 * face)
