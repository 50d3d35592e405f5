"""One face carried onto another with geometry, colour and blending alone.

The work is done in a *work frame*: a cut-out of the target round its face, reduced so that the
face is at most :data:`WORK_WIDTH_PX` wide. What comes out is a difference to be added to the
target, so the photo itself is never resampled. Everything smooth (masks, light) is computed in a
smaller *coarse frame* still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from models.faces import glasses
from models.faces.face import Face, FloatArray
from models.geometry import points as geometry
from models.pixels import blending, colour, masks
from models.pixels.imaging import Box, Image, bounding_box, reduced_region

Blend = Literal["multiband", "poisson", "alpha"]
"""In frequency bands (best), by gradients, or by a plain fade."""

WORK_WIDTH_PX: Final = 640
_COARSE_WIDTH_PX: Final = 160
_MARGIN: Final = 0.22
"""Room round the face hull, in face widths; the blend fades out within it."""
_FOREHEAD: Final = 0.62
"""Height of the forehead arc, in distances from eye line to chin."""
_FOREHEAD_FADE: Final = (0.48, 0.28)
"""The target's own forehead shows above the first height and not below the second: hair, hats and
fringes meet there, and a forehead says little about who somebody is."""
_SHAPE_TRANSFER: Final = 0.8
"""How far the inner features move from the target's places to the source's."""
_SHAPE_YAW_LIMIT: Final = 20.0
_MOUTH_KEEP: Final = 0.10
"""The target's mouth stays when it is this much more open than the source's."""
_MOUTH_CARRY: Final = 0.08
"""The source's mouth comes along whole when it is this much more open than the target's."""
_MULTIBAND_LEVELS: Final = 5
_DETAIL_SIGMA: Final = 0.006
"""Size of the detail by which sharpness is judged, in face widths."""
_LIGHT_SIGMA: Final = 0.18
"""Blur over which the light on a face is taken to vary, in face widths."""


@dataclass(frozen=True, eq=False)
class WorkFrame:
    """The target's face, cut out and reduced.

    Attributes:
        box: x1, y1, x2, y2 of the cut-out in target pixels.
        image: uint8 (h, w, 3) BGR.
        landmarks: float32 (68, 2) of the target's face in this frame.
        width: its jaw width in this frame, in pixels.
        wears_glasses: whether the target wears glasses.
    """

    box: Box
    image: Image
    landmarks: FloatArray
    width: float
    wears_glasses: bool


@dataclass(frozen=True, eq=False)
class WarpedFace:
    """The source's face in the place of the target's.

    Attributes:
        image: uint8 (h, w, 3) BGR in the work frame.
        landmarks: float32 (68, 2) where the source's landmarks came to lie.
        warp: float32 (h', w', 2) the map to source pixels, in the coarse frame.
        covered: float32 (h', w') 1 where the source photo has pixels, in the coarse frame.
        keeps_mouth: whether the target's own mouth is to stay.
        wears_glasses: whether the source wears glasses.
    """

    image: Image
    landmarks: FloatArray
    warp: FloatArray
    covered: FloatArray
    keeps_mouth: bool
    wears_glasses: bool


def cut_work_frame(target: Image, face: Face) -> WorkFrame:
    """The work frame of `face`, whose landmarks are known, in `target`, uint8 (H, W, 3) BGR."""
    landmarks = known_landmarks(face)
    width = geometry.face_width(landmarks)
    outline = np.vstack([landmarks, geometry.forehead_arc(landmarks, _FOREHEAD)])
    box = bounding_box(outline, _MARGIN * width, target)
    image, to_frame = reduced_region(target, box, WORK_WIDTH_PX / width)
    inside = geometry.transform_points(landmarks, to_frame)
    return WorkFrame(box, image, inside, geometry.face_width(inside), face.quality.glasses is True)


def warp_source(source: Image, face: Face, frame: WorkFrame) -> WarpedFace:
    """Bends the source's `face` in `source`, uint8 (H, W, 3) BGR, to fit the work frame.

    A source that looks the other way is mirrored first. The jaw and the forehead go where the
    target's are; the features within keep most of the source's proportions.
    """
    image, points = _cut_source(source, known_landmarks(face), frame)
    target_pose = geometry.pose(frame.landmarks)
    if geometry.pose(points).yaw * target_pose.yaw < 0:
        image = cv2.flip(image, 1)
        points = geometry.mirrored_landmarks(points, image.shape[1])
    yaw_difference = abs(geometry.pose(points).yaw - target_pose.yaw)

    gap = geometry.mouth_opening(points) - geometry.mouth_opening(frame.landmarks)
    destination = _destination(points, frame.landmarks, yaw_difference, gap)
    control = np.vstack([destination, geometry.forehead_arc(frame.landmarks, _FOREHEAD)])
    values = np.vstack([points, geometry.forehead_arc(points, _FOREHEAD)])
    height, width = frame.image.shape[:2]
    warp = geometry.thin_plate_map(control, values, (height, width))
    warped = cv2.remap(image, warp, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8, copy=False
    )

    coarse = _coarse_size(frame)
    coarse_warp = cv2.resize(warp, coarse[::-1], interpolation=cv2.INTER_AREA)
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    inside = np.all((coarse_warp >= 0) & (coarse_warp <= limit), axis=2)
    return WarpedFace(
        image=warped,
        landmarks=destination,
        warp=coarse_warp,
        covered=inside.astype(np.float32),
        keeps_mouth=gap < -_MOUTH_KEEP,
        wears_glasses=face.quality.glasses is True,
    )


def swap_delta(frame: WorkFrame, warped: WarpedFace, blend: Blend) -> FloatArray:
    """The difference, float32 (h, w, 3) BGR, that puts the `warped` face into the work frame.

    It is 0 along the border of the frame wherever that border lies inside the photo.
    """
    height, width = frame.image.shape[:2]
    coarse = _Coarse.of(frame, warped)
    mask, support, skin = coarse.shown()
    match = colour.match_colour(coarse.source, coarse.target, skin, _LIGHT_SIGMA * coarse.width)

    lab = cv2.cvtColor(warped.image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    # Float LAB has L from 0 to 100 and a, b about 0; the coarse frame uses the 8-bit scale.
    lab *= np.array([2.55, 1, 1], np.float32)
    lab += np.array([0, 128, 128], np.float32)
    lab = match.recoloured(lab)
    lab -= np.array([0, 128, 128], np.float32)
    lab *= np.array([1 / 2.55, 1, 1], np.float32)
    source = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
    source *= 255
    np.clip(source, 0, 255, out=source)

    target = frame.image.astype(np.float32)
    full = (width, height)
    detail = max(_DETAIL_SIGMA * frame.width, 1.0)
    source = colour.match_sharpness(source, target, cv2.resize(skin, full), detail)
    mask = np.clip(cv2.resize(mask, full, interpolation=cv2.INTER_LINEAR), 0, 1)
    support = np.clip(cv2.resize(support, full, interpolation=cv2.INTER_LINEAR), 0, 1)
    frame_of_glasses = None
    if frame.wears_glasses and not warped.wears_glasses:
        # The new face goes behind the glasses of the target.
        frame_of_glasses = glasses.frame_mask(frame.image, frame.landmarks)[..., None]
        source += (target - source) * frame_of_glasses
    delta = _blended(source, target, mask, support, blend)
    if frame_of_glasses is not None:
        delta *= 1 - frame_of_glasses
    return delta


def _blended(
    source: FloatArray, target: FloatArray, mask: FloatArray, support: FloatArray, blend: Blend
) -> FloatArray:
    if blend == "multiband":
        return blending.multiband_delta(source, target, mask, support, _MULTIBAND_LEVELS)
    if blend == "poisson":
        return blending.poisson_delta(source, target, mask)
    return blending.alpha_delta(source, target, mask)


@dataclass(frozen=True, eq=False)
class _Coarse:
    """Both faces in LAB in the coarse frame, with what the masks are made from."""

    source: FloatArray
    target: FloatArray
    source_points: FloatArray
    target_points: FloatArray
    width: float
    warped: WarpedFace
    wears_glasses: bool

    @classmethod
    def of(cls, frame: WorkFrame, warped: WarpedFace) -> _Coarse:
        size = _coarse_size(frame)
        scale = np.array(
            [size[1] / frame.image.shape[1], size[0] / frame.image.shape[0]], np.float32
        )

        def lab(image: Image) -> FloatArray:
            small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            return cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32)

        return cls(
            source=lab(warped.image),
            target=lab(frame.image),
            source_points=((warped.landmarks + 0.5) * scale - 0.5).astype(np.float32),
            target_points=((frame.landmarks + 0.5) * scale - 0.5).astype(np.float32),
            width=frame.width * float(scale[0]),
            warped=warped,
            wears_glasses=frame.wears_glasses,
        )

    def shown(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Where the source shows, how far the blend may reach, and where both show bare skin."""
        size = (self.source.shape[0], self.source.shape[1])
        width = self.width
        outline = np.vstack(
            [
                self.target_points[geometry.JAW],
                geometry.forehead_arc(self.target_points, _FOREHEAD),
                self.target_points[17:27],
                self.source_points[17:27],
            ]
        )
        hull = masks.polygon_mask(outline, size)
        core = masks.as_float(masks.grown(hull, -0.05 * width))
        support = masks.as_float(masks.grown(hull, 0.03 * width))
        support = np.clip(masks.blurred(support, 0.03 * width) * 1.04 - 0.04, 0, 1)

        features = masks.feature_mask(self.source_points, size, 0.05 * width)
        old_features = masks.feature_mask(self.target_points, size, 0.03 * width)
        source_skin = masks.skin_likeness(
            self.source, masks.skin_colour(self.source, self.source_points)
        )
        target_skin = masks.skin_likeness(
            self.target, masks.skin_colour(self.target, self.target_points, with_forehead=True)
        )
        own = np.maximum(features, self._chin(size))
        if self.warped.wears_glasses:
            own = np.maximum(own, glasses.eye_zone(self.source_points, size))
        foreign_source = masks.reaching_in((1 - source_skin) * (1 - own), hull)
        own = np.maximum(np.maximum(features, old_features), 1 - self._above_mouth(size))
        if self.wears_glasses:
            own = np.maximum(own, glasses.eye_zone(self.target_points, size))
        foreign_target = masks.reaching_in((1 - target_skin) * (1 - own), hull)
        gate = 1 - np.maximum(foreign_source, foreign_target)
        gate = np.minimum(gate, masks.stretch_mask(self.warped.warp))
        gate = np.minimum(gate, self.warped.covered)
        gate = masks.grown(gate, -0.008 * width)

        mask = masks.blurred(core, 0.035 * width) * masks.blurred(gate, 0.015 * width)
        brows = masks.grown(self._brows(size), 0.03 * width).astype(np.float32) * np.float32(
            1 / 255
        )
        mask *= np.maximum(self._below_forehead(size), masks.blurred(brows, 0.025 * width))
        if self.warped.keeps_mouth:
            mouth = masks.polygon_mask(self.target_points[geometry.MOUTH], size)
            hole = masks.as_float(masks.grown(mouth, 0.03 * width))
            mask = mask * (1 - masks.blurred(hole, 0.015 * width))
        inner = masks.as_float(masks.grown(hull, -0.04 * width))
        no_features = 1 - np.maximum(features, old_features)
        skin = inner * source_skin * target_skin * no_features * self.warped.covered
        if float(skin.sum()) < 0.02 * float(inner.sum()):
            skin = inner * no_features
        return mask.astype(np.float32), support.astype(np.float32), skin.astype(np.float32)

    def _brows(self, size: masks.Size) -> np.ndarray:
        area = np.zeros(size, np.uint8)
        for points in (self.source_points, self.target_points):
            area |= masks.polygon_mask(points[geometry.LEFT_BROW], size)
            area |= masks.polygon_mask(points[geometry.RIGHT_BROW], size)
        return area

    def _below_forehead(self, size: masks.Size) -> FloatArray:
        """1 up to the brows, fading to 0 over the forehead."""
        eyes = self.target_points[36:48].mean(axis=0)
        height = self._along(size, eyes, self.target_points[geometry.CHIN])
        return masks.smoothstep(-height, *_FOREHEAD_FADE)

    @staticmethod
    def _along(size: masks.Size, start: FloatArray, end: FloatArray) -> FloatArray:
        """How far each pixel is on the way from `start`, 0, to `end`, 1."""
        axis = (end - start) / max(float(((end - start) ** 2).sum()), 1e-6)
        y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        return ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]).astype(np.float32)

    def _above_mouth(self, size: masks.Size) -> FloatArray:
        """1 over the upper face, fading to 0 at the height of the mouth."""
        eyes = self.target_points[36:48].mean(axis=0)
        mouth = self.target_points[geometry.MOUTH].mean(axis=0)
        return masks.smoothstep(self._along(size, eyes, mouth), 0.9, 0.5)

    def _chin(self, size: masks.Size) -> FloatArray:
        """1 between mouth and chin, where a beard belongs to the face."""
        area = masks.polygon_mask(
            np.vstack([self.source_points[[48, 54]], self.source_points[5:12]]), size
        )
        return masks.blurred(masks.as_float(area), 0.03 * self.width)


def _destination(
    points: FloatArray, target: FloatArray, yaw_difference: float, mouth_gap: float
) -> FloatArray:
    """Where the source's landmarks are to lie in the work frame, float32 (68, 2)."""
    fade = float(np.clip(1.2 - yaw_difference / _SHAPE_YAW_LIMIT, 0, 1))
    alpha = np.full((68, 1), _SHAPE_TRANSFER * fade, np.float32)
    alpha[geometry.JAW] = 0
    if mouth_gap > _MOUTH_CARRY:
        more = float(np.clip((mouth_gap - _MOUTH_CARRY) / 0.15, 0, 1))
        alpha[geometry.MOUTH] += (fade - alpha[geometry.MOUTH]) * more
    elif mouth_gap < -_MOUTH_KEEP:
        alpha[geometry.MOUTH] = 0
    fitted = geometry.transform_points(points, geometry.similarity_matrix(points, target))
    return (target + alpha * (fitted - target)).astype(np.float32)


def _cut_source(source: Image, landmarks: FloatArray, frame: WorkFrame) -> tuple[Image, FloatArray]:
    """The source's face with room round it, not much larger than it is needed."""
    width = geometry.face_width(landmarks)
    outline = np.vstack([landmarks, geometry.forehead_arc(landmarks, _FOREHEAD)])
    box = bounding_box(outline, 0.5 * width, source)
    image, to_cut = reduced_region(source, box, 1.1 * frame.width / width)
    return image, geometry.transform_points(landmarks, to_cut)


def _coarse_size(frame: WorkFrame) -> masks.Size:
    height, width = frame.image.shape[:2]
    scale = min(_COARSE_WIDTH_PX / frame.width, 1.0)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def known_landmarks(face: Face) -> FloatArray:
    """The 68 landmarks of `face`, float32 (68, 2).

    Raises:
        ValueError: it has none.
    """
    if face.landmarks is None:
        raise ValueError("the classic swap needs 68 landmarks")
    return face.landmarks
