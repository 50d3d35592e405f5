"""The new face drawn over the target's mesh, from one photo or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.face_mesh import CANONICAL, MIRROR, mouth_opening, smoothed, vertex_normals
from models.pixels.imaging import Image
from swaps.engines.builtin import geometry, raster
from swaps.engines.builtin.classes import Part, certain, face_share
from swaps.engines.builtin.raster import UV_POINTS
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import from_log, known_blur, log_of_8bit, to_log
from swaps.engines.builtin.topology import INSIDE, OFF_MIDDLE, ROUND_EYES, ROUND_MOUTH, STRAIGHT
from swaps.engines.builtin.view import FaceView

_MIRRORED_FROM: Final = 22.0
_MIRRORED_WHOLLY: Final = 36.0
_FILLED_UNDER: Final = 28.0
_ABOVE_MOUTH: Final = 1.0
_LEAST_FILL: Final = 0.02


@dataclass(frozen=True)
class Shape:
    """What of the source's geometry is taken.

    Attributes:
        amount: of its shape, 0 to 1.
        expression: 1 keeps the source's mouth and lids, 0 takes the target's.
    """

    amount: float = 0.95
    expression: float = 1.0


@dataclass(frozen=True, eq=False)
class Texture:
    """One source photo round the face, reduced to what the target can show.

    Attributes:
        fine: uint8 (H, W, 3) BGR for the work size.
        coarse: uint8 (h, w, 3) BGR for the grid.
        corner: x, y of its first pixel in the photo.
    """

    fine: Image
    coarse: Image
    corner: tuple[int, int]
    fine_scale: tuple[float, float]
    coarse_scale: tuple[float, float]

    def sampled(self, places: FloatArray, fine: bool) -> Image:
        """Pixels at `places` (H, W, 2) of the photo, uint8 (H, W, 3) BGR."""
        image, scale = (self.fine, self.fine_scale) if fine else (self.coarse, self.coarse_scale)
        x, y = (
            (places[..., axis] + np.float32(0.5 - self.corner[axis])) * np.float32(scale[axis])
            - np.float32(0.5)
            for axis in range(2)
        )
        return cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@dataclass(frozen=True, eq=False)
class Layer:
    """One look at the new face: a photo, straight or mirrored.

    Attributes:
        view: the face in its photo.
        order: int (468,), which vertex of the photo's mesh stands for which of the target's.
        confidence: float32 (468,), 0 to 1, how well this photo shows each vertex.
    """

    view: FaceView
    order: NDArray[np.intp]
    confidence: FloatArray


@dataclass(frozen=True, eq=False)
class WarpedSource:
    """The new face on the target's grid.

    Attributes:
        mesh: float64 (468, 3), where its vertices lie on the grid.
        covered: bool (h, w), where the mesh lies.
        image: float32 (h, w, 3) BGR, 0 to 255.
        classes: float32 (h, w, 10).
        shade, uneven: float32 (h, w, 3), the photo's own light in log.
        seen: float32 (h, w), how well the photos show it.
        normals: float32 (h, w, 3), z > 0 towards the viewer.
        height: float32 (h, w), y of the canonical head, down, in centimetres.
        places: one float32 (h, w, 2) a layer, positions in its photo.
        shares: one float32 (h, w) a layer; they add up to 1.
        offsets: one float32 (h, w, 3) a layer, added in log so that its light fits the first's.
        textures: one a layer.
        scale: pixels of the work size for a pixel of the first photo.
        filled: share of vertices that hair hides and the other half gives.
        beard: share of the beard's zone that is dark or hair, 0 to 1.
        mouth_opening: gap between the inner lips over the width of the mouth, in the first photo.
        expression: 1 where the source's mouth and lids are kept, 0 for the target's.
    """

    mesh: NDArray[np.float64]
    covered: NDArray[np.bool_]
    image: FloatArray
    classes: FloatArray
    shade: FloatArray
    uneven: FloatArray
    seen: FloatArray
    normals: FloatArray
    height: FloatArray
    places: tuple[FloatArray, ...]
    shares: tuple[FloatArray, ...]
    offsets: tuple[FloatArray, ...]
    textures: tuple[Texture, ...]
    scale: float
    filled: float
    beard: float
    mouth_opening: float
    expression: float


def warp_source(views: Sequence[FaceView], frame: TargetFrame, shape: Shape) -> WarpedSource:
    """Draws the face of `views`, the best photo first, over the mesh of `frame`."""
    target = frame.view
    main = views[0]
    flips = [_looks_the_other_way(view, target) for view in views]
    shapes = [geometry.head_shape(view.mesh, flip) for view, flip in zip(views, flips, strict=True)]
    own_mouth = geometry.own_mouth_share(mouth_opening(main.mesh), mouth_opening(target.mesh))
    mesh = geometry.placed_mesh(
        _mean_shape(shapes),
        frame.mesh,
        shape.amount,
        own_mouth * shape.expression,
        shape.expression,
    )
    drawn = raster.draw(mesh[:, :2], mesh[:, 2], frame.size)
    layers, filled = _layers(views, flips)
    base = drawn.spread(np.hstack([-vertex_normals(mesh.astype(np.float32)), CANONICAL[:, 1:2]]))
    known = drawn.covered.astype(np.float32)
    width = frame.width
    places, confidences, flats, textures = [], [], [], []
    work_scale = frame.work_width / width
    for layer in layers:
        positions = layer.view.mesh[layer.order, :2]
        spread = drawn.spread(
            np.hstack([positions, UV_POINTS[layer.order], layer.confidence[:, None]])
        )
        near = known_blur(spread[..., :2], known, max(width * 0.008, 1))
        far = known_blur(spread[..., :2], known, width * 0.05)
        places.append(np.where(drawn.covered[..., None], near, far).astype(np.float32))
        flats.append(known_blur(spread[..., 2:4], known, max(width * 0.01, 1)))
        confidences.append(cv2.GaussianBlur(spread[..., 4], (0, 0), max(width * 0.012, 1)))
        textures.append(_texture(layer.view, frame.work_width / layer.view.extent, work_scale))
    shares = _shares(confidences, _far_share(main) > 0 or filled > 0.3)

    images = [
        texture.sampled(place, fine=not frame.reduced)
        for texture, place in zip(textures, places, strict=True)
    ]
    classes = [
        layer.view.classes_at(place[..., 0], place[..., 1])
        for layer, place in zip(layers, places, strict=True)
    ]
    offsets = [np.zeros((*frame.size, 3), np.float32)]
    for index in range(1, len(layers)):
        both = (
            (np.minimum(confidences[0], confidences[index]) > 0.5)
            & (classes[0][..., Part.SKIN] > 0.5)
            & (classes[index][..., Part.SKIN] > 0.5)
        ).astype(np.float32)
        offset = np.zeros((*frame.size, 3), np.float32)
        if both.sum() > 50:
            rest = log_of_8bit(images[0]) - log_of_8bit(images[index])
            offset = np.clip(known_blur(rest, both, width * 0.12), -0.6, 0.6)
        offsets.append(offset)

    def mixed(parts: Sequence[FloatArray]) -> FloatArray:
        total = np.zeros_like(parts[0])
        for part, share in zip(parts, shares, strict=True):
            total += part * (share[..., None] if part.ndim == 3 else share)
        return total

    lit = [
        images[index].astype(np.float32)
        if index == 0
        else from_log(to_log(images[index].astype(np.float32)) + offsets[index])
        for index in range(len(layers))
    ]
    return WarpedSource(
        mesh=mesh,
        covered=drawn.covered,
        image=mixed(lit),
        classes=mixed(classes),
        shade=mixed(
            [
                _at(layer.view.unwrapped.shade, flat)
                for layer, flat in zip(layers, flats, strict=True)
            ]
        ),
        uneven=mixed(
            [
                _at(layer.view.unwrapped.uneven, flat)
                for layer, flat in zip(layers, flats, strict=True)
            ]
        ),
        seen=np.maximum.reduce(confidences),
        normals=base[..., :3],
        height=base[..., 3],
        places=tuple(places),
        shares=tuple(shares),
        offsets=tuple(offsets),
        textures=tuple(textures),
        scale=frame.work_width / main.extent,
        filled=filled,
        beard=main.unwrapped.beard,
        mouth_opening=mouth_opening(main.mesh),
        expression=shape.expression,
    )


def _looks_the_other_way(view: FaceView, target: FaceView) -> bool:
    return view.yaw * target.yaw < 0 and min(abs(view.yaw), abs(target.yaw)) > 4


def _mean_shape(shapes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of the faces' shapes; the first alone gives mouth and eyes, which move."""
    if len(shapes) == 1:
        return shapes[0]
    mean = np.mean(shapes, axis=0)
    moving = np.maximum.reduce([ROUND_MOUTH, *ROUND_EYES])[:, None]
    return mean * (1 - moving) + shapes[0] * moving


def _far_share(view: FaceView) -> float:
    """How far the far half of a turned face comes from the near one, 0 to 1."""
    return float(
        np.clip((abs(view.yaw) - _MIRRORED_FROM) / (_MIRRORED_WHOLLY - _MIRRORED_FROM), 0, 1)
    )


def _layers(views: Sequence[FaceView], flips: Sequence[bool]) -> tuple[list[Layer], float]:
    """The looks at the face, the main one first, and the share of vertices hair hides in it."""
    main = views[0]
    facing = main.normals[:, 2]
    side = -1 if facing[CANONICAL[:, 0] < -2].mean() < facing[CANONICAL[:, 0] > 2].mean() else 1
    far_share = _far_share(main)
    outwards = side * CANONICAL[:, 0]
    confidence = main.visible * (1 - far_share * np.clip(outwards + 0.2, 0, 1))
    if far_share > 0:
        near = np.maximum(confidence, far_share * 0.6 * (facing > 0))
        confidence = np.where(outwards < 0.25, near, confidence)
    uncovered = _uncovered(main)
    hidden = np.zeros(len(confidence), np.float32)
    if abs(main.yaw) < _FILLED_UNDER:
        upper = CANONICAL[:, 1] < _ABOVE_MOUTH
        hidden = np.where(upper & (uncovered[MIRROR] > uncovered + 0.3), 1 - uncovered, 0)
        hidden = (hidden * OFF_MIDDLE).astype(np.float32)
        hidden = np.maximum(hidden, smoothed(hidden, 2) * (hidden > 0.05))
    filled = float((hidden > 0.3).mean())
    confidence = (confidence * (1 - hidden)).astype(np.float32)

    def ordered(flip: bool) -> NDArray[np.intp]:
        return MIRROR if flip else STRAIGHT

    order = ordered(flips[0])
    others = [
        (view, flip, view.visible * _uncovered(view) * _sharpness(view, main))
        for view, flip in zip(views[1:], flips[1:], strict=True)
    ]
    if others:
        # Another photo may show what this one hides anywhere, not only above the mouth.
        best = np.maximum.reduce([shown[ordered(flip)] for _, flip, shown in others])
        mine = (confidence * uncovered)[order]
        confidence = np.where(best > mine + 0.3, mine, confidence[order])[np.argsort(order)]
        confidence = confidence.astype(np.float32)
    layers = [Layer(main, order, confidence[order])]
    if (confidence[INSIDE] < 0.5).mean() > _LEAST_FILL or hidden.max() > 0.3:
        layers += [
            Layer(view, ordered(flip), shown[ordered(flip)].astype(np.float32))
            for view, flip, shown in others
        ]
        mirrored = ordered(not flips[0])
        weaker = 0.5 if others else 1.0
        layers.append(Layer(main, mirrored, confidence[mirrored] * np.float32(weaker)))
    return layers, filled


def _uncovered(view: FaceView) -> FloatArray:
    """How surely each vertex of a face shows the face and no hair or object; float32 (468,)."""
    found = view.classes_at(view.mesh[None, :, 0], view.mesh[None, :, 1])[0]
    share = face_share(found) + found[:, Part.GLASSES]
    return (certain(share) * (view.visible > 0.3)).astype(np.float32)


def _sharpness(view: FaceView, main: FaceView) -> float:
    """How much of the main photo's detail another has room for, 0 to 1."""
    return float(np.clip(view.extent / main.extent, 0.2, 1.0))


def _shares(confidences: Sequence[FloatArray], competing: bool) -> list[FloatArray]:
    first = confidences[0]
    if len(confidences) == 1:
        return [np.ones_like(first)]
    rest = np.maximum.reduce(confidences[1:])
    if competing:
        share = np.clip(first / np.maximum(first + rest, 0.02) * 1.6 - 0.1, 0, 1)
    else:
        share = np.clip(first * 2, 0, 1)
    # Among the others the surest one shows almost alone: a mean of photos is blurred.
    powers = [confidence**4 + np.float32(1e-6) for confidence in confidences[1:]]
    total = np.add.reduce(powers)
    return [share, *((1 - share) * power / total for power in powers)]


def _texture(view: FaceView, scale: float, work_over_grid: float) -> Texture:
    """`scale`: pixels of the work size for a pixel of the photo."""
    x1, y1, x2, y2 = view.region(0.3)
    part = np.ascontiguousarray(view.image[y1:y2, x1:x2])
    fine = _area_reduced(part, scale * 1.3, under=0.8)
    coarse = _area_reduced(fine, scale / work_over_grid * 1.2 * part.shape[1] / fine.shape[1], 0.85)

    def factors(image: Image) -> tuple[float, float]:
        return image.shape[1] / part.shape[1], image.shape[0] / part.shape[0]

    return Texture(fine, coarse, (x1, y1), factors(fine), factors(coarse))


def _area_reduced(image: Image, scale: float, under: float) -> Image:
    if scale >= under:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _at(flat_image: FloatArray, places: FloatArray) -> FloatArray:
    return cv2.remap(
        flat_image,
        places[..., 0],
        places[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
