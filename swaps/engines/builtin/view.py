"""What the swap knows of one face: its photo, its mesh and the parser's classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.face import Face, FloatArray
from models.faces.parsing import BROWS, EARS, EYES, LIPS, SKIN, FaceClass, Parsing
from models.geometry.face_mesh import (
    CANONICAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    place_head,
    vertex_normals,
)
from models.pixels.imaging import Box, Image
from models.pixels.masks import polygon_mask
from swaps.engines.builtin import geometry, shading
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.raster import UV_RASTER
from swaps.engines.builtin.tones import LUMA, log_of_8bit

_UNWRAPPED_FACE_PX: Final = 200


@dataclass(frozen=True, eq=False)
class FaceView:
    """One face with all a swap reads of it. What depends on it alone is worked out once.

    Attributes:
        image: uint8 (H, W, 3) BGR, the whole photo.
        mesh: float32 (468, 3) in its pixels.
        classes: uint8 (h, w, 10), probabilities of each
            :class:`~swaps.engines.builtin.classes.Part`, 255 for certain.
        matrix: float32 (2, 3), from the photo to `classes`.
    """

    image: Image
    mesh: FloatArray
    classes: NDArray[np.uint8]
    matrix: FloatArray

    @cached_property
    def yaw(self) -> float:
        """Degrees, positive turned to the image's right edge."""
        return place_head(self.mesh).pose.yaw

    @cached_property
    def visible(self) -> FloatArray:
        """float32 (468,), how well the camera saw each vertex."""
        return geometry.visibility(self.mesh)

    @cached_property
    def normals(self) -> FloatArray:
        """float32 (468, 3), z > 0 towards the viewer."""
        return -vertex_normals(self.mesh)

    @cached_property
    def extent(self) -> float:
        """The longer side of the mesh in pixels."""
        return float(np.ptp(self.mesh[:, :2], axis=0).max())

    @cached_property
    def unwrapped(self) -> shading.Unwrapped:
        """The face laid flat, with its own light taken apart."""
        flat = UV_RASTER.spread(
            np.hstack([self.mesh[:, :2], self.visible[:, None], self.normals, CANONICAL[:, :2]])
        )
        (x1, y1, x2, y2), scale = self.region(0.25), min(1.0, _UNWRAPPED_FACE_PX / self.extent)
        part = self.image[y1:y2, x1:x2]
        if scale < 1:
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = cv2.remap(
            part,
            (flat[..., 0] - np.float32(x1)) * np.float32(scale),
            (flat[..., 1] - np.float32(y1)) * np.float32(scale),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return shading.unwrap(
            log_of_8bit(image),
            self.classes_at(flat[..., 0], flat[..., 1]),
            seen=flat[..., 2],
            normals=flat[..., 3:6],
            across=flat[..., 6],
            height=flat[..., 7],
            inside=UV_RASTER.covered,
        )

    def classes_at(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Probabilities at positions (H, W) of the photo, float32 (H, W, 10), 0 to 1."""
        m = self.matrix
        at_x = (m[0, 0] * x + m[0, 1] * y + m[0, 2]).astype(np.float32)
        at_y = (m[1, 0] * x + m[1, 1] * y + m[1, 2]).astype(np.float32)
        found = cv2.remap(
            self.classes, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return found.astype(np.float32) * np.float32(1 / 255)

    def region(self, margin: float) -> Box:
        """The part of the photo round the mesh, `margin` of its longer side wider."""
        height, width = self.image.shape[:2]
        low, high = self.mesh[:, :2].min(axis=0), self.mesh[:, :2].max(axis=0)
        reach = margin * self.extent
        x1, y1 = (max(int(np.floor(value - reach)), 0) for value in low)
        x2, y2 = (int(np.ceil(value + reach)) for value in high)
        x1, y1 = min(x1, width - 2), min(y1, height - 2)
        return x1, y1, max(min(x2, width), x1 + 2), max(min(y2, height), y1 + 2)


_GROUPS: Final = {
    Part.SKIN: SKIN,
    Part.BROW: BROWS,
    Part.EYE: EYES,
    Part.GLASSES: (FaceClass.GLASSES,),
    Part.LIP: LIPS,
    Part.MOUTH: (FaceClass.MOUTH,),
    Part.HAIR: (FaceClass.HAIR,),
    Part.HAT: (FaceClass.HAT,),
    Part.EAR: EARS,
    Part.NECK: (FaceClass.NECK,),
}
_DIM: Final = 60.0
_LIFT: Final = 0.45
_PLAIN_SIDE: Final = 512


def view_of(analyser: BuiltinAnalyser, image: Image, face: Face) -> FaceView:
    """The view of `face` in `image`, uint8 (H, W, 3) BGR; hull masks where there is no parser."""
    mesh = analyser.mesh(image, face)
    parsing = analyser.parse(_lifted(image, mesh), face)
    if parsing is None:
        return plain_view(image, mesh)
    return FaceView(image, mesh, grouped(parsing), parsing.matrix)


def grouped(parsing: Parsing) -> NDArray[np.uint8]:
    """The parser's 19 classes as uint8 (512, 512, 10) of :class:`Part`."""
    probabilities = parsing.probabilities
    side = probabilities.shape[1:]
    classes = np.empty((*side, len(_GROUPS)), np.uint8)
    for part, members in _GROUPS.items():
        total = probabilities[int(members[0])]
        for member in members[1:]:
            # No sum of shares exceeds 1 but for rounding.
            total = cv2.add(total, probabilities[int(member)])
        classes[..., part] = total
    return classes


def plain_view(image: Image, mesh: FloatArray) -> FaceView:
    """A view without a parser: everything in the mesh is skin but brows, eyes and lips."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    scale = _PLAIN_SIDE / (1.6 * float((high - low).max()))
    matrix = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
    matrix[:, 2] = _PLAIN_SIDE / 2 - scale * (low + high) / 2
    points = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    size = (_PLAIN_SIDE, _PLAIN_SIDE)
    classes = np.zeros((*size, len(_GROUPS)), np.uint8)
    classes[..., Part.SKIN] = polygon_mask(points.astype(np.float32), size)
    for part, groups in (
        (Part.BROW, (LEFT_BROW, RIGHT_BROW)),
        (Part.EYE, (LEFT_EYE, RIGHT_EYE)),
        (Part.LIP, (OUTER_LIPS,)),
        (Part.MOUTH, (INNER_LIPS,)),
    ):
        for ids in groups:
            mask = polygon_mask(points[list(ids)].astype(np.float32), size)
            classes = np.where(mask[..., None] > 127, np.uint8(0), classes)
            classes[..., part] = np.maximum(classes[..., part], mask)
    return FaceView(image, mesh, classes, matrix)


def _lifted(image: Image, mesh: FloatArray) -> Image:
    """`image` brightened where the face is in the dark, for the parser's eyes only."""
    height, width = image.shape[:2]
    places = np.round(mesh[:, :2]).astype(int)
    inside = ((places >= 0) & (places < [width, height])).all(axis=1)
    if not inside.any():
        return image
    pixels = image[places[inside, 1], places[inside, 0]]
    level = float(np.median(pixels @ LUMA))
    if level >= _DIM:
        return image
    exponent = max(np.log(_LIFT) / np.log(max(level, 4.0) / 255), 0.35)
    table = np.clip(255 * (np.arange(256) / 255) ** exponent, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)
