"""Hair that greys with age: by the parser's class and nowhere else.

Grey comes at the temples and the hairline first and as single strands: the light of each strand
decides how much it greys, so that the hair keeps its own drawing. Hair that is white, grey or dyed
in a colour that no hair has is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.faces.parsing import FaceClass, Parsing
from models.geometry import face_mesh
from models.geometry import points as geometry
from models.pixels import masks
from models.pixels.imaging import Box, Image, bounding_box, reduced_region

WORK_WIDTH_PX: Final = 480
_SURE: Final = (0.5, 0.7)
"""Probability of hair over which its grey sets in: between hair and ground the parser wavers."""
_SMALLEST: Final = 0.06
"""Hair over the face's own area under which there is too little to be sure."""
_TEMPLE: Final = (0.62, 0.1)
"""Distance from the face, in face widths, over which grey gets less, and what is left of it."""
_LENGTHS: Final = (0.45, 0.95)
"""Height below the eyes, in face widths, over which lengths keep their colour."""
_HAIR_COLOURS: Final = ((1.0, 66.0), (-4.0, 24.0), (-8.0, 38.0))
"""L*, a* and b* that hair with something to grey can have."""

_GREY: Final = 65.0
"""L* of grey hair."""
_LIFT: Final = (0.5, 8.0)
"""Most that lightness rises: a share of itself and so much more. Out of black comes no light grey:
its strands do not show."""
_THROUGH: Final = (20.0, 10.0)
"""Contrast in L* from which on something light is no strand, and to which it is."""
_RIM: Final = 0.014
"""Room kept from all that is no hair, in face widths."""
_STRAND_FLOOR: Final = 2.0
"""Contrast in L* under which strands are not told from noise."""
_COLOUR_LEFT: Final = (0.25, 0.35)
"""Share of a* and b* that grey hair keeps: without any it would look blue beside skin."""


@dataclass(frozen=True, eq=False)
class Hair:
    """Hair round one face.

    Attributes:
        box: the part of the photo it lies in.
        image: that part reduced, uint8 (h, w, 3) BGR.
        amount: how much of each pixel is hair that greys, float32 (h, w), 0 to 1.
        width: face width in `image`, in pixels.
    """

    box: Box
    image: Image
    amount: FloatArray
    width: float


def grey_tone(hair: Hair) -> FloatArray:
    """What greying at full strength adds to the hair's image, float32 (h, w, 3) BGR."""
    lab = cv2.cvtColor(hair.image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    lightness = lab[..., 0]
    # Light of the ground must not count as light of the hair beside it.
    weight = hair.amount + np.float32(1e-3)
    even = _within(lightness, weight, 0.02 * hair.width)
    strand = lightness - even
    spread = np.sqrt(_within(strand * strand, weight, 0.04 * hair.width)) + np.float32(
        _STRAND_FLOOR
    )
    # Between light strands grey would look like frost: there it comes evenly.
    floor = np.float32(0.3) + np.float32(0.4) * masks.smoothstep(even, 22.0, 45.0)
    light = masks.smoothstep(strand / spread, -0.9, 1.1)
    # Far lighter than the hair about it is what shows through its edge, not a strand.
    light *= masks.smoothstep(strand, *_THROUGH)
    grey = floor + (1 - floor) * light
    grey *= hair.amount
    change = np.zeros_like(lab)
    share, more = _LIFT
    most = np.float32(share) * even + np.float32(more)
    change[..., 0] = np.clip(np.float32(_GREY) - even, 0, most) * grey
    for channel, left in zip((1, 2), _COLOUR_LEFT, strict=True):
        change[..., channel] = -lab[..., channel] * grey * np.float32(1 - left)
    before, after = (cv2.cvtColor(part, cv2.COLOR_LAB2BGR) for part in (lab, lab + change))
    return (after - before) * np.float32(255)


def find_hair(photo: Image, mesh: FloatArray, parsing: Parsing) -> Hair | None:
    """The hair round the face with `mesh` (468, 3) in `photo`, uint8 (H, W, 3) BGR.

    None where there is too little, or none that could grey.
    """
    width = face_mesh.face_width(mesh)
    corners = np.array([[0, 0], [511, 0], [511, 511], [0, 511]], np.float32)
    square = geometry.transform_points(
        corners, cv2.invertAffineTransform(parsing.matrix).astype(np.float32)
    )
    box = bounding_box(square, 0.0, photo)
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    image, matrix = reduced_region(photo, box, WORK_WIDTH_PX / width)
    back = cv2.invertAffineTransform(matrix).astype(np.float32)
    size = (image.shape[0], image.shape[1])
    unit = width * float(matrix[0, 0])
    share = parsing.in_frame(parsing.share(FaceClass.HAIR), back, size)
    amount = masks.smoothstep(_refined(image, share, unit), *_SURE)
    # What the guided edges let out of the class is no hair.
    amount *= masks.smoothstep(share, 0.42, 0.6)
    inside = masks.blurred(masks.grown(amount, -_RIM * unit), 0.5 * _RIM * unit)
    amount = np.minimum(amount, inside).astype(np.float32)
    if amount.sum() < _SMALLEST * unit * unit:
        return None
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    colour = np.median(lab[amount > 0.8], axis=0) if (amount > 0.8).any() else None
    if colour is None or any(
        not low <= value <= high for value, (low, high) in zip(colour, _HAIR_COLOURS, strict=True)
    ):
        return None
    points = geometry.transform_points(mesh[:, :2], matrix)
    amount *= _where_grey_comes(points, size, unit)
    # Nothing greys on the rim of what was parsed.
    rim = np.ones(size, np.float32)
    rim = parsing.in_frame(_faded_square(), back, size) * rim
    return Hair(box, image, (amount * rim).astype(np.float32), unit)


def _where_grey_comes(points: FloatArray, size: masks.Size, unit: float) -> FloatArray:
    hull = masks.polygon_mask(points, size)
    away = cv2.distanceTransform(255 - (hull > 127) * np.uint8(255), cv2.DIST_L2, 5) / unit
    far, left = _TEMPLE
    near = 1 - np.float32(1 - left) * masks.smoothstep(away.astype(np.float32), 0.1, far)
    eyes = (
        points[list(face_mesh.LEFT_EYE)].mean(axis=0),
        points[list(face_mesh.RIGHT_EYE)].mean(axis=0),
    )
    across = (eyes[1] - eyes[0]) / max(float(np.linalg.norm(eyes[1] - eyes[0])), 1e-6)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    middle = (eyes[0] + eyes[1]) / 2
    below = ((rows - middle[1]) * across[0] - (columns - middle[0]) * across[1]) / unit
    low, high = _LENGTHS
    lengths = np.asarray(below, np.float32)
    return (near * masks.smoothstep(lengths, high, low)).astype(np.float32)


def _faded_square(side: int = 512, fade: float = 0.04) -> FloatArray:
    """1 inside the parser's square, 0 on its border, float32 (side, side)."""
    edge = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32) / np.float32(side)
    ramp = masks.smoothstep(edge, 0.004, fade)
    return np.minimum(ramp[None], ramp[:, None])


def _within(values: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of `values` that reads only where `weight` is, both float32 (h, w)."""
    blurred: FloatArray = masks.blurred(values * weight, sigma) / masks.blurred(weight, sigma)
    return blurred


def _refined(image: Image, coarse: FloatArray, width: float) -> FloatArray:
    """`coarse` brought to the edges of `image`, by a guided filter.

    He, Sun and Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
    """
    guide = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    side = (2 * round(0.02 * width) + 1,) * 2

    def mean(values: FloatArray) -> FloatArray:
        return cv2.blur(values, side)

    mean_guide, mean_mask = mean(guide), mean(coarse)
    slope = (mean(guide * coarse) - mean_guide * mean_mask) / (
        mean(guide * guide) - mean_guide**2 + np.float32(1e-3)
    )
    offset = mean_mask - slope * mean_guide
    return np.clip(mean(slope) * guide + mean(offset), 0, 1).astype(np.float32)
