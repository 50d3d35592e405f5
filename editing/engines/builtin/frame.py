"""Where an edit is worked out, and what comes out of it.

An edit is prepared once in a *work frame*, a cut-out round the face reduced so that the face is at
most :data:`WORK_WIDTH_PX` wide. What is prepared is a :class:`Change`: light and colour to be
added and a flow to bend along. Both are enlarged to the photo, which itself is never reduced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from models.faces.face import Face, FloatArray
from models.faces.parsing import FaceClass, Parsing
from models.geometry import face_mesh
from models.geometry import points as geometry
from models.pixels import blending, masks
from models.pixels.imaging import Box, Image, bounding_box, reduced_region

WORK_WIDTH_PX: Final = 800
_MARGIN: Final = 0.2
"""Room round the mesh, in face widths; every change fades out within it."""
_FLOW_FADE: Final = (0.02, 0.15)
"""The flow is whole up to the first distance from the mesh and gone at the second."""
_FLOW_WIDTH_PX: Final = 110
_FLOW_SIGMA: Final = 0.024
"""Reach of one mesh point's movement, in face widths."""
_FACING: Final = 0.12
"""How far a point's normal must turn to the viewer for it to count."""
_SHARPNESS: Final = (5.0, 11.0)
"""Of :class:`models.faces.face.Quality`: out of focus at the first, sharp at the second."""
_STILL_PX: Final = 1 / 80
"""Steps under this are rounded away by ``cv2.remap``, which counts in 1/32 of a pixel."""

IBUG: Final = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 81, 13, 311, 308, 402, 14, 178),
)
"""Mesh points nearest to the 68 of iBUG 300-W, in their order."""


@dataclass(frozen=True, eq=False)
class EditFrame:
    """A face cut out of its photo and reduced.

    Attributes:
        image: uint8 (h, w, 3) BGR.
        mesh: float32 (468, 3) in pixels of `image`; see :mod:`models.geometry.face_mesh`.
        to_photo: float32 (2, 3), from pixels of `image` to those of the photo.
        parsing: what every pixel is; None without a parser.
        wears_glasses: whether a frame crosses the face.
        definition: 1 for a sharp photo, 0 for one in which a line would look drawn.
    """

    image: Image
    mesh: FloatArray
    to_photo: FloatArray
    parsing: Parsing | None
    wears_glasses: bool
    definition: float = 1.0

    @property
    def size(self) -> masks.Size:
        """Height and width of `image`."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def width(self) -> float:
        """Width of the face in `image` as if seen from the front, in pixels."""
        return face_mesh.face_width(self.mesh)

    @property
    def landmarks(self) -> FloatArray:
        """float32 (68, 2), the mesh's points nearest to those of iBUG 300-W."""
        return self.mesh[list(IBUG), :2]

    @property
    def yaw(self) -> float:
        """Degrees; see :class:`models.faces.face.Pose`."""
        return face_mesh.place_head(self.mesh).pose.yaw

    def reduced(self, width: float) -> EditFrame:
        """The same frame with the face at most `width` px wide."""
        if width >= self.width:
            return self
        height, across = self.size
        image, matrix = reduced_region(self.image, (0, 0, across, height), width / self.width)
        return replace(
            self,
            image=image,
            mesh=_moved(self.mesh, matrix),
            to_photo=_after(self.to_photo, matrix),
        )

    def axes(self) -> tuple[FloatArray, FloatArray]:
        """Unit vectors to the image-right along the eye line and down the face, float32 (2,)."""
        eyes = self.mesh[face_mesh.RIGHT_EYE, :2].mean(axis=0) - self.mesh[
            face_mesh.LEFT_EYE, :2
        ].mean(axis=0)
        along = (eyes / max(float(np.linalg.norm(eyes)), 1e-6)).astype(np.float32)
        return along, np.array([-along[1], along[0]], np.float32)

    def coordinates(self, origin: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How far right of and below `origin` (2,) each pixel lies along the face's own axes.

        Two float32 (h, w) in face widths.
        """
        along, down = (axis / np.float32(self.width) for axis in self.axes())
        height, width = self.size
        x = np.arange(width, dtype=np.float32)[None] - origin[0]
        y = np.arange(height, dtype=np.float32)[:, None] - origin[1]
        return x * along[0] + y * along[1], x * down[0] + y * down[1]

    def part(self, *classes: FaceClass) -> FloatArray | None:
        """Soft mask of `classes`, float32 (h, w), 0 to 1; None without a parser."""
        if self.parsing is None:
            return None
        return self.parsing.in_frame(self.parsing.mask(*classes), self.to_photo, self.size)

    def hull(self) -> np.ndarray:
        """uint8 (h, w), 255 inside the mesh."""
        return masks.polygon_mask(self.mesh[:, :2], self.size)


def cut_edit_frame(
    photo: Image, face: Face, mesh: FloatArray, parsing: Parsing | None, wears_glasses: bool
) -> tuple[Box, EditFrame]:
    """The part of `photo`, uint8 (H, W, 3) BGR, that an edit of `face` may bend, and its frame."""
    width = face_mesh.face_width(mesh)
    box = bounding_box(mesh[:, :2], _MARGIN * width, photo)
    image, matrix = reduced_region(photo, box, WORK_WIDTH_PX / width)
    sharpness = np.array([face.quality.sharpness], np.float32)
    return box, EditFrame(
        image,
        _moved(mesh, matrix),
        cv2.invertAffineTransform(matrix).astype(np.float32),
        parsing,
        wears_glasses,
        float(masks.smoothstep(sharpness, *_SHARPNESS)[0]),
    )


@dataclass(frozen=True, eq=False)
class Change:
    """An edit of one face, ready to be made.

    Attributes:
        tone: float32 (h, w, 3) BGR, added to the frame at any size of it, or None.
        flow: float32 (h', w', 2), how far right and down every point moves, in widths and
            heights of the frame; 0 along its border wherever that lies inside the photo.
    """

    tone: FloatArray | None
    flow: FloatArray

    def applied(self, region: Image) -> Image:
        """A copy of `region`, the photo within the frame's box, uint8 (H, W, 3) BGR, edited."""
        edited = region.copy()
        if self.tone is not None:
            blending.add_delta(edited, self.tone)
        height, width = region.shape[:2]
        steps = self.flow * np.array([-width, -height], np.float32)
        rows, columns = _support(steps)
        y1, y2 = (height * y // steps.shape[0] for y in (rows.start, rows.stop))
        x1, x2 = (width * x // steps.shape[1] for x in (columns.start, columns.stop))
        if y1 >= y2 or x1 >= x2:
            return edited
        places = cv2.resize(steps, (width, height), interpolation=cv2.INTER_CUBIC)[y1:y2, x1:x2]
        still = (np.abs(places).max(axis=2) <= _STILL_PX)[..., None]
        places += np.arange(x1, x2, dtype=np.float32)[None, :, None] * np.array([1, 0], np.float32)
        places += np.arange(y1, y2, dtype=np.float32)[:, None, None] * np.array([0, 1], np.float32)
        bent = cv2.remap(edited, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        edited[y1:y2, x1:x2] = np.where(still, edited[y1:y2, x1:x2], bent)
        return edited


def head_flow(frame: EditFrame, moves: FloatArray) -> FloatArray:
    """The smooth flow that moves the mesh's points, as :class:`Change` wants it.

    Only what faces the viewer moves, each pixel as the points about it do; it fades out beyond the
    face.

    Args:
        frame: the face.
        moves: float32 (468, 3) in the head's own axes, face widths: what a turned head shows of
            them follows from its pose.
    """
    small = frame.reduced(_FLOW_WIDTH_PX)
    height, width = small.size
    head = face_mesh.place_head(small.mesh)
    shown = (moves @ head.rotation.T)[:, :2].astype(np.float32) * np.float32(small.width)
    facing = -face_mesh.vertex_normals(small.mesh)[:, 2]
    weights = masks.smoothstep(facing, 0.0, 2 * _FACING)
    total = np.zeros((height, width, 3), np.float32)
    places = np.rint(small.mesh[:, :2]).astype(int)
    inside = ((places >= 0) & (places < (width, height))).all(axis=1)
    values = np.concatenate([shown, np.ones((len(shown), 1), np.float32)], axis=1)
    values *= weights[:, None]
    np.add.at(total, (places[inside, 1], places[inside, 0]), values[inside])
    # Finer where points are dense, so that lips move apart from each other, and wide enough
    # elsewhere to leave no gaps.
    flow = np.zeros((height, width, 2), np.float32)
    for sigma in (8 * _FLOW_SIGMA, 3 * _FLOW_SIGMA, 1.5 * _FLOW_SIGMA, _FLOW_SIGMA):
        spread = masks.blurred(total, sigma * small.width)
        weight = spread[..., 2:]
        sure = weight / (weight + np.float32(2e-3))
        flow += sure * (spread[..., :2] / np.maximum(weight, 1e-6) - flow)
    flow = masks.blurred(flow, 0.5 * _FLOW_SIGMA * small.width)
    outside = cv2.distanceTransform(255 - (small.hull() > 127) * np.uint8(255), cv2.DIST_L2, 5)
    low, high = (limit * small.width for limit in _FLOW_FADE)
    flow *= masks.smoothstep(outside.astype(np.float32), high, low)[..., None]
    return (flow / np.array([width, height], np.float32)).astype(np.float32)


def _moved(mesh: FloatArray, matrix: FloatArray) -> FloatArray:
    """A mesh under an upright matrix, as :func:`reduced_region` gives it."""
    scale = float(np.sqrt(abs(matrix[0, 0] * matrix[1, 1])))
    flat = geometry.transform_points(mesh[:, :2], matrix)
    return np.column_stack([flat, mesh[:, 2] * scale]).astype(np.float32)


def _after(first: FloatArray, matrix: FloatArray) -> FloatArray:
    """From a reduced frame to the photo: `matrix` undone, then `first`."""
    back = np.vstack([cv2.invertAffineTransform(matrix), [0, 0, 1]])
    return (first.astype(np.float64) @ back).astype(np.float32)


def _support(steps: FloatArray) -> tuple[slice, slice]:
    """The rows and columns of `steps`, in pixels, that move anything, and their neighbours."""
    moving = np.abs(steps).max(axis=2) > _STILL_PX
    spans = []
    for axis, length in ((1, steps.shape[0]), (0, steps.shape[1])):
        places = np.flatnonzero(moving.any(axis=axis))
        if len(places) == 0:
            return slice(0, 0), slice(0, 0)
        spans.append(slice(max(int(places[0]) - 2, 0), min(int(places[-1]) + 3, length)))
    return spans[0], spans[1]


# What outlines of the mesh mean where no parser tells them apart.
OUTLINES: Final = {
    "brows": (face_mesh.LEFT_BROW, face_mesh.RIGHT_BROW),
    "eyes": (face_mesh.LEFT_EYE, face_mesh.RIGHT_EYE),
    "lips": (face_mesh.OUTER_LIPS,),
}
