"""Finding every face of a photo, whatever its size: small and large, turned, cut by the border."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.scrfd import Detections
from models.networks.yunet import YuNet
from models.pixels.imaging import Image

THRESHOLD: Final = 0.6
_COARSE_PX: Final = 640
_FINE_FROM_PX: Final = 1280
"""Longer side up to which the coarse look sees faces of 40 px: at 20, which is enough."""
_FINE_SCALE: Final = 0.7
_TILE_PX: Final = 960
_TILE_OVERLAP_PX: Final = 160
_TURNED_PX: Final = 320
_TURNED_SCALE: Final = 0.2
_FRAME: Final = 0.15
"""Border round the turned and the framed copy, as a share of the longer side."""
_SAME_CENTRE: Final = 0.5
_SAME_AREA: Final = 0.35
"""Two answers mean one face whose centres lie nearer than this share of the larger width, or whose
boxes share more than this part of what they cover."""


class Finder:
    """Looks for faces with YuNet at several sizes, in tiles and on turned copies."""

    def __init__(self, network: YuNet, threshold: float = THRESHOLD) -> None:
        self._network = network
        self._threshold = threshold

    def find(self, image: Image) -> Detections:
        """The faces of `image`, uint8 (H, W, 3) BGR, best first, one answer each."""
        found = [*self._upright(image), *self._turned(image)]
        boxes, scores, kps = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = _distinct(boxes, scores)
        return Detections(boxes[kept], scores[kept], kps[kept])

    def _upright(self, image: Image) -> Iterator[Detections]:
        longest = max(image.shape[:2])
        yield self._look(image, min(_COARSE_PX / longest, 1.0))
        if longest > _FINE_FROM_PX:
            yield from self._tiles(image, _FINE_SCALE)

    def _turned(self, image: Image) -> Iterator[Detections]:
        longest = max(image.shape[:2])
        scales = [min(_TURNED_PX / longest, 1.0)]
        if longest * _TURNED_SCALE > _TURNED_PX:
            scales.append(_TURNED_SCALE)
        for scale in scales:
            small = _resized(image, scale)
            frame = round(_FRAME * max(small.shape[:2]))
            framed = cv2.copyMakeBorder(small, *[frame] * 4, cv2.BORDER_REPLICATE)
            height, width = framed.shape[:2]
            for quarter in range(4):
                turned = np.ascontiguousarray(np.rot90(framed, quarter)).astype(
                    np.uint8, copy=False
                )
                for found in self._tiles(turned, 1.0):
                    back = _moved(_unrotated(found, quarter, width, height), -frame, -frame)
                    yield Detections(back.boxes / scale, back.scores, back.kps / scale)

    def _tiles(self, image: Image, scale: float) -> Iterator[Detections]:
        """What tiles of the image reduced by `scale` show; they bound the memory that is used."""
        step = _TILE_PX - _TILE_OVERLAP_PX
        height, width = image.shape[:2]
        side = round(_TILE_PX / scale)
        for top in _starts(height * scale, step):
            for left in _starts(width * scale, step):
                x, y = round(left / scale), round(top / scale)
                part = image[y : y + side, x : x + side]
                yield _moved(self._look(part, scale), x, y)

    def _look(self, image: Image, scale: float) -> Detections:
        small = _resized(image, scale)
        found = self._network.candidates(small, self._threshold)
        factor = np.float32(image.shape[1] / small.shape[1])
        return Detections(found.boxes * factor, found.scores, found.kps * factor)


def _resized(image: Image, scale: float) -> Image:
    if scale >= 1:
        return image
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    # Between half and full size two neighbours are enough, and three times as fast.
    interpolation = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    return cv2.resize(image, size, interpolation=interpolation).astype(np.uint8, copy=False)


def _starts(length: float, step: int) -> range:
    """Where tiles begin along a side of `length` px, the last one reaching its end."""
    return range(0, max(int(np.ceil((length - _TILE_OVERLAP_PX) / step)), 1) * step, step)


def _moved(found: Detections, x: float, y: float) -> Detections:
    shift = np.array([x, y], np.float32)
    return Detections(found.boxes + np.tile(shift, 2), found.scores, found.kps + shift)


def _unrotated(found: Detections, quarter: int, width: int, height: int) -> Detections:
    """Answers on ``np.rot90(image, quarter)`` in the pixels of the image of this size."""

    def back(points: FloatArray) -> FloatArray:
        x, y = points[..., 0], points[..., 1]
        if quarter == 1:
            x, y = width - 1 - y, x
        elif quarter == 2:
            x, y = width - 1 - x, height - 1 - y
        elif quarter == 3:
            x, y = y, height - 1 - x
        return np.stack([x, y], axis=-1)

    corners = back(found.boxes.reshape(-1, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Detections(boxes, found.scores, back(found.kps))


def _distinct(boxes: FloatArray, scores: FloatArray) -> list[int]:
    """Indices of the best answer for each face, best first."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    widths = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        apart = np.linalg.norm(centres[rest] - centres[best], axis=1)
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        overlap = shared / np.maximum(areas[rest] + areas[best] - shared, 1e-6)
        near = apart < _SAME_CENTRE * np.maximum(widths[rest], widths[best])
        left = rest[~near & (overlap < _SAME_AREA)]
    return kept
