"""What of a face is skin that an edit may work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from editing.engines.builtin.frame import OUTLINES, EditFrame
from models.faces.face import FloatArray
from models.faces.parsing import BROWS, LIPS, SKIN, FaceClass
from models.geometry import face_mesh
from models.pixels import masks

_COARSE_WIDTH_PX: Final = 200
_STRAND_WIDTH_PX: Final = 400
_STRAND: Final = 0.022
"""Width up to which something dark that runs in from outside counts as a strand of hair."""
_STRAND_CONTRAST: Final = 9.0
"""Of a strand against the skin, in 8-bit levels of lightness."""
_STUBBLE_DARKER: Final = (0.05, 0.2)
"""Shade of a shaven cheek against a bare one: none at the first share, full at the second."""
_MARGINS: Final = {"brows": 0.018, "eyes": 0.024, "lips": 0.012}
"""Room that skin keeps from features, in face widths."""


@dataclass(frozen=True, eq=False)
class SkinMap:
    """What is where on a face. All float32 (h, w), 0 to 1.

    Attributes:
        skin: bare skin, without brows, eyes, lips, nostrils, hair, glasses or what covers it.
        stubble: where a beard grows or was shaven.
        lips: upper and lower lip.
        brows: both.
    """

    skin: FloatArray
    stubble: FloatArray
    lips: FloatArray
    brows: FloatArray


def map_skin(frame: EditFrame) -> SkinMap:
    """Tells the parts of the face in `frame`; nothing of it is reached outside the mesh."""
    coarse = frame.reduced(_COARSE_WIDTH_PX)
    size, width, points = coarse.size, coarse.width, coarse.landmarks
    lab = cv2.cvtColor(coarse.image, cv2.COLOR_BGR2LAB).astype(np.float32)
    hull = masks.polygon_mask(coarse.mesh[list(face_mesh.OVAL), :2], size)

    features = np.zeros(size, np.uint8)
    for name, outlines in OUTLINES.items():
        for outline in outlines:
            part = masks.polygon_mask(coarse.mesh[list(outline), :2], size)
            features |= masks.grown(part, _MARGINS[name] * width)
    features |= masks.grown(masks.polygon_mask(points[31:36], size), 0.016 * width)
    soft_features = masks.blurred(masks.as_float(features), 0.008 * width)

    inner = masks.blurred(masks.as_float(masks.grown(hull, -0.02 * width)), 0.015 * width)
    inner *= masks.smoothstep(masks.blurred(masks.as_float(hull), 0.01 * width), 0.5, 0.95)
    parsed = coarse.part(*SKIN)
    if parsed is None:
        likeness = masks.skin_likeness(lab, masks.skin_colour(lab, points, with_forehead=True))
        parsed = 1 - masks.reaching_in((1 - likeness) * (1 - soft_features), hull)
    bare = masks.blurred(masks.grown(parsed, -0.012 * width), 0.01 * width)
    skin = inner * (1 - soft_features) * bare

    brows = _part(coarse, BROWS, "brows", 0.006 * width)
    lips = _part(coarse, LIPS, "lips", 0.0)
    full = frame.size[::-1]

    def enlarged(mask: FloatArray) -> FloatArray:
        large = cv2.resize(mask, full, interpolation=cv2.INTER_LINEAR)
        return np.clip(large, 0, 1).astype(np.float32)

    return SkinMap(
        skin=enlarged(skin) * (1 - _strands(frame)),
        stubble=enlarged(_stubble(coarse, lab[..., 0], skin)),
        lips=enlarged(lips),
        # The far brow of a turned head ends in hair.
        brows=enlarged(brows * masks.smoothstep(masks.as_float(hull), 0.2, 0.9)),
    )


def _part(
    frame: EditFrame, classes: tuple[FaceClass, ...], outline: str, margin: float
) -> FloatArray:
    """Soft mask of a feature, by the parser or, without one, by the mesh."""
    parsed = frame.part(*classes)
    if parsed is None:
        mask = np.zeros(frame.size, np.uint8)
        for part in OUTLINES[outline]:
            mask |= masks.polygon_mask(frame.mesh[list(part), :2], frame.size)
        if outline == "lips" and face_mesh.mouth_opening(frame.mesh) > 0.03:
            inside = frame.mesh[list(face_mesh.INNER_LIPS), :2]
            mask[masks.polygon_mask(inside, frame.size) > 127] = 0
        parsed = masks.as_float(mask)
    return masks.blurred(masks.grown(parsed, margin), 0.008 * frame.width)


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
