"""Aligned crops: where a face goes in a square, and how its pixels get there and back."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels.imaging import Image

Matrix = NDArray[np.float64]

ARCFACE_112: Final[FloatArray] = np.array(
    [
        (0.34191607, 0.46157411),
        (0.65653393, 0.45983393),
        (0.500225, 0.64050536),
        (0.37097589, 0.82469196),
        (0.63151696, 0.82325089),
    ],
    dtype=np.float32,
)
"""insightface's alignment for recognition: five points in the order of ``Face.kps`` as shares of
the crop's side. The templates of other networks are part of their cards in the manifest."""


def crop_matrix(kps: FloatArray, template: FloatArray, size: int) -> Matrix:
    """The similarity from image to crop pixels, float64 (2, 3), that fits five points best.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 13(4), 1991, in its planar closed form without reflection; in double precision,
    since at 24 megapixels the inverse magnifies single precision to a visible part of a pixel.

    Args:
        kps: (5, 2) image pixels, in the order of ``Face.kps``.
        template: (5, 2) where they go, as shares of the side.
        size: side of the crop in pixels.
    """
    return similarity(kps, template * np.float32(size))


def similarity(source: FloatArray, target: FloatArray) -> Matrix:
    """Least-squares rotation, scale and shift, float64 (2, 3), of points (N, 2) onto points."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s, t = source - source_mean, target - target_mean
    spread = max(float((s**2).sum()), 1e-12)
    a = float((s * t).sum()) / spread
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def pixel_scale(matrix: Matrix) -> float:
    """Crop pixels per image pixel."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def inverse(matrix: Matrix) -> Matrix:
    """The affine map (2, 3) back."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.hstack([linear, -linear @ matrix[:, 2:]])


def crop_face(image: Image, matrix: Matrix, size: int) -> Image:
    """The aligned crop, uint8 (size, size, 3) BGR, of `image`, uint8 (H, W, 3) BGR.

    Cubic where the face is enlarged; averaged over area first where it is shrunk, so that detail
    finer than the crop does not turn into false detail. The border is replicated.
    """
    scale = pixel_scale(matrix)
    region, offset = _region_under(image, matrix, size)
    to_crop = matrix.copy()
    to_crop[:, 2] += matrix[:, :2] @ offset
    if scale < 1:
        region, to_crop = reduce_by_area(region, to_crop, scale)
    crop = cv2.warpAffine(
        region, to_crop, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return crop.astype(np.uint8, copy=False)


def reduce_by_area(
    image: NDArray[np.uint8], matrix: Matrix, scale: float
) -> tuple[NDArray[np.uint8], Matrix]:
    """`image` shrunk by `scale` under 1, and `matrix` from the smaller image instead."""
    height, width = image.shape[:2]
    small_w, small_h = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(image, (small_w, small_h), interpolation=cv2.INTER_AREA)
    step = np.array([width / small_w, height / small_h])
    reduced = matrix.copy()
    # Pixel centres, not corners, carry the coordinates: x = (x' + 0.5) * step - 0.5.
    reduced[:, 2] += matrix[:, :2] @ (0.5 * step - 0.5)
    reduced[:, :2] = matrix[:, :2] * step
    return small.astype(np.uint8, copy=False), reduced


def split_tiles(crops: Image, size: int) -> Image:
    """Interleaved tiles, uint8 (N * T * T, size, size, 3), of crops (N, T * size, T * size, 3).

    Tile (i, j) holds every T-th pixel from row i and column j on, so that each tile shows the
    whole face and a swapper of `size` px can draw a crop T times as fine.

    Raises:
        ValueError: the crops' side is not a multiple of `size`.
    """
    count, side = crops.shape[:2]
    if side % size:
        raise ValueError(f"a side of {side} px is not a multiple of {size} px")
    times = side // size
    tiles = crops.reshape(count, size, times, size, times, 3).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(tiles.reshape(-1, size, size, 3))


def join_tiles(tiles: Image, times: int) -> Image:
    """The inverse of :func:`split_tiles`, `times` by `times` tiles per crop."""
    size = tiles.shape[1]
    grid = tiles.reshape(-1, times, times, size, size, 3).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(grid.reshape(-1, size * times, size * times, 3))


def _region_under(image: Image, matrix: Matrix, size: int) -> tuple[Image, FloatArray]:
    """The part of the image under the crop and a margin, and its top left corner (2,)."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    back = inverse(matrix)
    quad = corners @ back[:, :2].T + back[:, 2]
    margin = 4 + 4 / pixel_scale(matrix)
    x1, y1 = np.floor(quad.min(axis=0) - margin).astype(int)
    x2, y2 = np.ceil(quad.max(axis=0) + margin).astype(int)
    x1, x2 = int(np.clip(x1, 0, width - 1)), int(np.clip(x2, 1, width))
    y1, y2 = int(np.clip(y1, 0, height - 1)), int(np.clip(y2, 1, height))
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    return image[y1:y2, x1:x2], np.array([x1, y1], np.float64)
