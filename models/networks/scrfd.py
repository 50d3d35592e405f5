"""SCRFD: finds faces and their five points.

Guo et al., "Sample and computation redistribution for efficient face detection", ICLR 2022.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.pixels.imaging import Image

STRIDES: Final = (8, 16, 32)
ANCHORS: Final = 2
DEFAULT_SIZES: Final = (128, 640)
"""Sides the photo is shrunk to. The small one finds faces that fill the frame."""

_MEAN: Final = (127.5 / 255,) * 3
_STD: Final = (128.0 / 255,) * 3


class Detections(NamedTuple):
    """Faces found, best first.

    Attributes:
        boxes: float32 (N, 4), x1, y1, x2, y2 in pixels.
        scores: float32 (N,), 0 to 1.
        kps: float32 (N, 5, 2) in the order of ``Face.kps``.
    """

    boxes: FloatArray
    scores: FloatArray
    kps: FloatArray


class Scrfd:
    """insightface's detectors with five points, at one or several input sizes.

    Boxes, points and scores are those of insightface's own ``SCRFD`` class.

    Args:
        session: the loaded graph.
        sizes: sides of the square the photo is fitted into, each a multiple of 32. A graph with
            a fixed input ignores them.
        threshold: lowest score that counts as a face.
        overlap: intersection over union above which two boxes mean one face.

    Raises:
        ContractError: the graph has not the nine outputs of a detector with five points.
    """

    def __init__(
        self,
        session: Session,
        sizes: tuple[int, ...] = DEFAULT_SIZES,
        threshold: float = 0.5,
        overlap: float = 0.4,
    ) -> None:
        if len(session.get_outputs()) != 3 * len(STRIDES):
            raise ContractError("not a detector with boxes, scores and five points at 3 strides")
        self._session = session
        self._input = single_input(session)
        fixed = fixed_size(session.get_inputs()[0], (2, 3))
        self._sizes = (fixed[0],) if fixed else sizes
        self._threshold = threshold
        self._overlap = overlap

    def detect(self, image: Image) -> Detections:
        """Faces in `image`, uint8 (H, W, 3) BGR."""
        passes = [self._candidates(image, size) for size in self._sizes]
        boxes, scores, kps = (np.concatenate(parts) for parts in zip(*passes, strict=True))
        order = np.argsort(-scores, kind="stable")
        kept = order[_suppress(boxes[order], self._overlap)]
        return Detections(boxes[kept], scores[kept], kps[kept])

    def _candidates(self, image: Image, size: int) -> Detections:
        height, width = image.shape[:2]
        ratio = height / width
        fitted = (int(size / ratio), size) if ratio > 1 else (size, int(size * ratio))
        scale = fitted[1] / height
        framed = np.zeros((size, size, 3), np.uint8)
        framed[: fitted[1], : fitted[0]] = cv2.resize(image, fitted)
        tensor = ImageTensor(size, _MEAN, _STD).encode(framed[None])
        outputs = [part.reshape(-1, part.shape[-1]) for part in self._run(tensor)]

        boxes, scores, kps = [], [], []
        for level, stride in enumerate(STRIDES):
            score = outputs[level][:, 0]
            hits = np.flatnonzero(score >= self._threshold)
            centres = _anchor_centres(size, stride)[hits]
            sides = outputs[level + 3][hits] * stride
            offsets = outputs[level + 6][hits].reshape(-1, 5, 2) * stride
            scores.append(score[hits])
            boxes.append(np.hstack([centres - sides[:, :2], centres + sides[:, 2:]]))
            kps.append(centres[:, None] + offsets)
        return Detections(
            (np.concatenate(boxes) / scale).astype(np.float32),
            np.concatenate(scores).astype(np.float32),
            (np.concatenate(kps) / scale).astype(np.float32),
        )

    def _run(self, tensor: FloatArray) -> list[FloatArray]:
        return self._session.run({self._input: tensor})


@lru_cache(maxsize=16)
def _anchor_centres(size: int, stride: int) -> FloatArray:
    rows, columns = np.mgrid[: size // stride, : size // stride]
    centres = np.stack([columns, rows], axis=-1).reshape(-1, 2) * stride
    return np.repeat(centres, ANCHORS, axis=0).astype(np.float32)


def _suppress(boxes: FloatArray, overlap: float) -> list[int]:
    """Indices of boxes (N, 4), best first, that no better one covers; greedy.

    Sides count their last pixel, as in the detector's reference.
    """
    corner, far = boxes[:, :2], boxes[:, 2:]
    areas = (far - corner + 1).prod(axis=1)
    left = np.arange(len(boxes))
    kept = []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        shared = np.minimum(far[best], far[rest]) - np.maximum(corner[best], corner[rest]) + 1
        common = np.maximum(shared, 0).prod(axis=1)
        left = rest[common / (areas[best] + areas[rest] - common) <= overlap]
    return kept
