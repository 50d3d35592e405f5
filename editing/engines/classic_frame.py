"""Where a classic edit is worked out, and what comes out of it.

An edit is prepared once in a *work frame*, a cut-out round the face reduced so that the face is at
most :data:`WORK_WIDTH_PX` wide. What is prepared is a :class:`Change`: light and colour to be
added and a flow to bend along. Both are enlarged to the photo and scaled to any share of what was
asked, so that the photo itself is never reduced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from models.faces.face import Face, FloatArray
from models.geometry import points as geometry
from models.pixels import blending, masks
from models.pixels.imaging import Box, Image, bounding_box, reduced_region

WORK_WIDTH_PX: Final = 800
FOREHEAD: Final = 0.62
"""Height of the forehead arc, in distances from eye line to chin."""
_MARGIN: Final = 0.27
"""Room round the face hull, in face widths; every change fades out within it."""
_FLOW_FADE: Final = (0.03, 0.22)
"""The flow is whole up to the first distance from the hull and gone at the second."""
_FLOW_WIDTH_PX: Final = 80
_SHARPNESS: Final = (5.0, 11.0)
"""Of :class:`models.faces.face.Quality`: out of focus at the first, sharp at the second."""
_STILL_PX: Final = 1 / 80
"""Steps under this are rounded away by ``cv2.remap``, which counts in 1/32 of a pixel."""
_RING: Final = 1.3
"""Size of the ring of fixed points, in sizes of the face hull."""

CONTROLS: Final = 64
"""Points that an edit may move: landmarks 0 to 59, then those of :func:`_cheeks`."""
LEFT_CHEEK: Final = 60
RIGHT_CHEEK: Final = 61
LEFT_OUTER_CHEEK: Final = 62
RIGHT_OUTER_CHEEK: Final = 63


@dataclass(frozen=True, eq=False)
class EditFrame:
    """A face cut out of its photo and reduced.

    Attributes:
        image: uint8 (h, w, 3) BGR.
        landmarks: float32 (68, 2) in `image`.
        width: jaw width in `image`, in pixels.
        yaw: see :class:`models.faces.face.Pose`.
        wears_glasses: whether a frame crosses the face.
        definition: 1 for a sharp photo, 0 for one in which a line would look drawn.
    """

    image: Image
    landmarks: FloatArray
    width: float
    yaw: float
    wears_glasses: bool
    definition: float = 1.0

    @property
    def size(self) -> masks.Size:
        """Height and width of `image`."""
        return self.image.shape[0], self.image.shape[1]

    def reduced(self, width: float) -> EditFrame:
        """The same frame with the face at most `width` px wide."""
        if width >= self.width:
            return self
        height, across = self.size
        image, matrix = reduced_region(self.image, (0, 0, across, height), width / self.width)
        points = geometry.transform_points(self.landmarks, matrix)
        return replace(self, image=image, landmarks=points, width=geometry.face_width(points))

    def axes(self) -> tuple[FloatArray, FloatArray]:
        """Unit vectors to the image-right along the eye line and down the face, float32 (2,)."""
        eyes = self.landmarks[geometry.RIGHT_EYE].mean(axis=0) - self.landmarks[
            geometry.LEFT_EYE
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

    def hull(self) -> np.ndarray:
        """uint8 (h, w), 255 on the face from chin to forehead."""
        outline = np.vstack([self.landmarks, geometry.forehead_arc(self.landmarks, FOREHEAD)])
        return masks.polygon_mask(outline, self.size)


def cut_edit_frame(photo: Image, face: Face) -> tuple[Box, EditFrame]:
    """The part of `photo`, uint8 (H, W, 3) BGR, that an edit of `face` may touch, and its frame.

    Raises:
        ValueError: the face has no landmarks.
    """
    if face.landmarks is None:
        raise ValueError("the classic edit needs 68 landmarks")
    width = geometry.face_width(face.landmarks)
    outline = np.vstack([face.landmarks, geometry.forehead_arc(face.landmarks, FOREHEAD)])
    box = bounding_box(outline, _MARGIN * width, photo)
    image, matrix = reduced_region(photo, box, WORK_WIDTH_PX / width)
    points = geometry.transform_points(face.landmarks, matrix)
    frame = EditFrame(
        image,
        points,
        geometry.face_width(points),
        face.pose.yaw,
        face.quality.glasses is True,
        float(masks.smoothstep(np.array([face.quality.sharpness], np.float32), *_SHARPNESS)[0]),
    )
    return box, frame


@dataclass(frozen=True, eq=False)
class Change:
    """An edit of one face, ready to be made by any share.

    Attributes:
        tone: float32 (h, w, 3) BGR, added to the frame at any size of it, or None.
        flow: float32 (h', w', 2), how far right and down every point moves, in widths and
            heights of the frame; 0 along its border wherever that lies inside the photo.
    """

    tone: FloatArray | None
    flow: FloatArray

    def applied(self, region: Image, share: float) -> Image:
        """A copy of `region`, the photo within the frame's box, uint8 (H, W, 3) BGR, edited."""
        edited = region.copy()
        if self.tone is not None:
            blending.add_delta(edited, self.tone * np.float32(share))
        height, width = region.shape[:2]
        scale = np.array([width, height], np.float32) * np.float32(-share)
        steps = self.flow * scale
        rows, columns = _support(steps)
        y1, y2 = (height * y // steps.shape[0] for y in (rows.start, rows.stop))
        x1, x2 = (width * x // steps.shape[1] for x in (columns.start, columns.stop))
        if y1 >= y2 or x1 >= x2:
            return edited
        places = cv2.resize(steps, (width, height), interpolation=cv2.INTER_LINEAR)[y1:y2, x1:x2]
        places += np.arange(x1, x2, dtype=np.float32)[None, :, None] * np.array([1, 0], np.float32)
        places += np.arange(y1, y2, dtype=np.float32)[:, None, None] * np.array([0, 1], np.float32)
        edited[y1:y2, x1:x2] = cv2.remap(
            edited, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return edited


def face_flow(frame: EditFrame, displacements: FloatArray) -> FloatArray:
    """The smooth flow that moves the face's points, as :class:`Change` wants it.

    A thin plate spline through the points, held by a ring of fixed ones and faded out beyond the
    face.

    Args:
        displacements: float32 (:data:`CONTROLS`, 2), right and down along the face's axes, in
            face widths.
    """
    small = frame.reduced(_FLOW_WIDTH_PX)
    height, width = small.size
    axes = np.stack(small.axes())
    moved = displacements @ axes * small.width
    points = np.vstack([small.landmarks[:60], _cheeks(small.landmarks)])
    arc = geometry.forehead_arc(small.landmarks, FOREHEAD)
    outline = np.vstack([small.landmarks[geometry.JAW], arc])
    centre = outline.mean(axis=0)
    ring = centre + (outline[::2] - centre) * _RING
    control = np.vstack([points + moved, arc, ring]).astype(np.float32)
    values = np.vstack([moved, np.zeros((len(arc) + len(ring), 2))]).astype(np.float32)
    flow = geometry.thin_plate_map(control, values, (height, width), step=3)
    outside = cv2.distanceTransform(255 - (small.hull() > 127) * np.uint8(255), cv2.DIST_L2, 5)
    low, high = (limit * small.width for limit in _FLOW_FADE)
    flow *= masks.smoothstep(outside.astype(np.float32), high, low)[..., None]
    return (flow / np.array([width, height], np.float32)).astype(np.float32)


def fixed_points() -> FloatArray:
    """Displacements that move nothing, float32 (:data:`CONTROLS`, 2)."""
    return np.zeros((CONTROLS, 2), np.float32)


def _cheeks(landmarks: FloatArray) -> FloatArray:
    """The apple of each cheek and a point further out, float32 (4, 2)."""
    return np.stack(
        [
            landmarks[[40, 41, 48, 3]].mean(axis=0),
            landmarks[[46, 47, 54, 13]].mean(axis=0),
            landmarks[[36, 48, 2, 3]].mean(axis=0),
            landmarks[[45, 54, 14, 13]].mean(axis=0),
        ]
    ).astype(np.float32)


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
