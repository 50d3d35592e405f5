"""Hair that greys with age, where the hair can be told from everything else.

Grey comes at the temples and the hairline first and as single strands: the light of each strand
decides how much it greys, so that the hair keeps its own drawing, and lengths far from the face
keep their colour. A hat, a wall of the hair's colour or a bald head is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from editing.engines.classic_frame import FOREHEAD
from models.faces.face import Face, FloatArray
from models.geometry import points as geometry
from models.pixels import masks
from models.pixels.imaging import Box, Image, bounding_box, reduced_region

WORK_WIDTH_PX: Final = 480
_SEARCH_WIDTH_PX: Final = 72
_MARGIN: Final = 0.55
"""Room round the face in which hair is looked for, in face widths."""
_RING: Final = (0.02, 0.15)
"""Distance from the face, in face widths, at which there is hair if there is any."""
_MIN_RING: Final = 0.3
"""Share of that ring, above the eyes, that has to be hair."""
_TEMPLE: Final = (0.05, -0.14, 0.1)
"""Where hair comes down beside the eyes: distance from the face, and from and to which height."""
_MIN_TEMPLE: Final = 0.3
"""Share of a temple that has to be hair, on the better side: a hat does not come down there."""
_MAX_UNDER_CHIN: Final = 0.4
"""Share of the throat that may have the hair's colour: more is a scarf, or a collar like hair."""
_FAR: Final = (0.3, 0.48)
"""Distance from the face over which grey fades out, before the margin ends."""
_ASIDE: Final = (0.7, 0.92)
"""The same to both sides, from the middle of the face: there the background is nearer."""
_LIKE_HAIR: Final = (22.0, 10.0, 12.0)
"""Reach of one head's hair in L*, a*, b* round its own colour."""
_HAIR_COLOURS: Final = ((2.0, 58.0), (-4.0, 18.0), (-6.0, 26.0))
"""L*, a* and b* that hair with something to grey can have."""

_GREY: Final = 66.0
"""L* of grey hair."""
_LIFT: Final = (0.55, 9.0)
"""Most that lightness rises: a share of itself and so much more. Out of black comes no light grey:
its strands do not show."""
_STRAND_FLOOR: Final = 2.0
"""Contrast in L* under which strands are not told from noise."""


@dataclass(frozen=True, eq=False)
class Hair:
    """Hair round one face.

    Attributes:
        box: the part of the photo it lies in.
        image: that part reduced, uint8 (h, w, 3) BGR.
        amount: how much of each pixel is hair that greys, float32 (h, w), 0 to 1.
        width: jaw width in `image`, in pixels.
    """

    box: Box
    image: Image
    amount: FloatArray
    width: float


def grey_tone(hair: Hair) -> FloatArray:
    """What greying at full strength adds to the hair's image, float32 (h, w, 3) BGR."""
    lab = cv2.cvtColor(hair.image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    lightness = lab[..., 0]
    even = masks.blurred(lightness, 0.02 * hair.width)
    strand = lightness - even
    spread = np.sqrt(masks.blurred(strand * strand, 0.04 * hair.width)) + np.float32(_STRAND_FLOOR)
    grey = np.float32(0.3) + np.float32(0.7) * masks.smoothstep(strand / spread, -0.9, 1.1)
    grey *= hair.amount
    change = np.zeros_like(lab)
    share, more = _LIFT
    most = np.float32(share) * even + np.float32(more)
    change[..., 0] = np.clip(np.float32(_GREY) - even, 0, most) * grey
    # Grey hair keeps a little warmth: without any it would look blue beside skin.
    change[..., 1] = -lab[..., 1] * grey * np.float32(0.8)
    change[..., 2] = (np.float32(1.5) - lab[..., 2]) * grey * np.float32(0.75)
    before, after = (cv2.cvtColor(part, cv2.COLOR_LAB2BGR) for part in (lab, lab + change))
    return (after - before) * np.float32(255)


def find_hair(photo: Image, face: Face) -> Hair | None:
    """The hair round `face` in `photo`, uint8 (H, W, 3) BGR, or None where it is not certain."""
    if face.landmarks is None:
        raise ValueError("hair is found by 68 landmarks")
    width = geometry.face_width(face.landmarks)
    outline = np.vstack([face.landmarks, geometry.forehead_arc(face.landmarks, FOREHEAD)])
    box = bounding_box(outline, _MARGIN * width, photo)
    search = _search(photo, box, face.landmarks, width)
    if search is None:
        return None
    image, matrix = reduced_region(photo, box, WORK_WIDTH_PX / width)
    points = geometry.transform_points(face.landmarks, matrix)
    amount = _refined(image, search, geometry.face_width(points))
    return Hair(box, image, amount, geometry.face_width(points))


def _search(photo: Image, box: Box, landmarks: FloatArray, width: float) -> FloatArray | None:
    """Where hair is, coarsely, float32 (h, w) from 0 to 1; None where that is not certain."""
    image, matrix = reduced_region(photo, box, _SEARCH_WIDTH_PX / width)
    points = geometry.transform_points(landmarks, matrix)
    size, unit = (image.shape[0], image.shape[1]), geometry.face_width(points)
    hull = masks.polygon_mask(np.vstack([points, geometry.forehead_arc(points, FOREHEAD)]), size)
    away = cv2.distanceTransform(255 - (hull > 127) * np.uint8(255), cv2.DIST_L2, 5) / unit
    u, v = _axes(points, size)
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    lab_8bit = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    colours = masks.skin_colour(lab_8bit, points, with_forehead=True)
    likeness = masks.skin_likeness(lab_8bit, colours)

    ring = (v < 0) & (away > _RING[0]) & (away < _RING[1])
    candidates = ring & (likeness < 0.4)
    if candidates.sum() <= _MIN_RING * ring.sum():
        return None
    colour = np.median(lab[candidates], axis=0)
    if any(
        not low <= value <= high for value, (low, high) in zip(colour, _HAIR_COLOURS, strict=True)
    ):
        return None
    distance = np.sqrt((((lab - colour) / np.array(_LIKE_HAIR, np.float32)) ** 2).sum(axis=2))
    seeds = candidates & (distance < 1)
    temples = (away > 0) & (away < _TEMPLE[0]) & (v > _TEMPLE[1]) & (v < _TEMPLE[2])
    alike = (distance < 1) & (likeness < 0.5)
    shares = [_share(alike, temples & side) for side in (u < 0, u > 0)]
    throat = (np.abs(u) < 0.12) & (v > _chin(points, v) + 0.05) & (v < _chin(points, v) + 0.2)
    if (
        _share(seeds, ring) < _MIN_RING
        or max(shares) < _MIN_TEMPLE
        or _share(distance < 1, throat) > _MAX_UNDER_CHIN
    ):
        return None

    labels = np.full(size, cv2.GC_PR_BGD, np.uint8)
    labels[(distance < 1.3) & (likeness < 0.8)] = cv2.GC_PR_FGD
    labels[seeds] = cv2.GC_FGD
    inside = masks.grown(hull, -0.05 * unit) > 127
    labels[inside & ((v > 0) | (likeness > 0.6))] = cv2.GC_BGD
    labels[v > _chin(points, v)] = cv2.GC_BGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    # Its colour models start from a random choice; equal photos must give equal edits.
    cv2.setRNGSeed(0)
    cv2.grabCut(image, labels, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)) & (distance < 2)
    count, parts = cv2.connectedComponents(found.astype(np.uint8))
    hair = np.isin(parts, [part for part in range(1, count) if seeds[parts == part].sum() > 8])
    fade = masks.smoothstep(away, _FAR[1], _FAR[0])
    # Down to the ears; lengths below keep their colour.
    high = masks.smoothstep(v, 0.35, 0.0) * masks.smoothstep(np.abs(u), _ASIDE[1], _ASIDE[0])
    return (hair * fade * high).astype(np.float32)


def _axes(points: FloatArray, size: masks.Size) -> tuple[FloatArray, FloatArray]:
    """How far right of and below the middle of the eyes each pixel lies, in face widths.

    Along the face's own axes; two float32 (h, w).
    """
    left, right = points[geometry.LEFT_EYE].mean(axis=0), points[geometry.RIGHT_EYE].mean(axis=0)
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    x, y = columns - (left[0] + right[0]) / 2, rows - (left[1] + right[1]) / 2
    unit = np.float32(geometry.face_width(points))
    return (x * along[0] + y * along[1]) / unit, (y * along[0] - x * along[1]) / unit


def _chin(points: FloatArray, v: FloatArray) -> float:
    """How far below the eyes the chin is, in face widths."""
    x, y = np.rint(points[geometry.CHIN]).astype(int)
    rows, columns = v.shape
    return float(v[min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)])


def _share(what: np.ndarray, where: np.ndarray) -> float:
    """The share of `where` that is `what`; 0 of nothing."""
    return float(what[where].mean()) if where.any() else 0.0


def _refined(image: Image, coarse: FloatArray, width: float) -> FloatArray:
    """`coarse` brought to the size of `image` along its edges, by a guided filter.

    He, Sun and Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
    """
    guide = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    mask = cv2.resize(coarse, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    side = (2 * round(0.03 * width) + 1,) * 2

    def mean(values: FloatArray) -> FloatArray:
        return cv2.blur(values, side)

    mean_guide, mean_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (
        mean(guide * guide) - mean_guide**2 + np.float32(1e-3)
    )
    offset = mean_mask - slope * mean_guide
    return np.clip(mean(slope) * guide + mean(offset), 0, 1).astype(np.float32)
