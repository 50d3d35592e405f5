"""Decoding, encoding and cutting of images."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face import FloatArray

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels, the end not included."""

JPEG_QUALITY: Final = 95


def decode_image(data: bytes) -> Image:
    """JPEG, PNG or WebP bytes as uint8 (H, W, 3) BGR, EXIF orientation applied.

    For bytes that are already trusted, such as a stored clean copy.

    Raises:
        ValueError: the bytes are not an image OpenCV can read.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise ValueError("not a readable image")
    return np.ascontiguousarray(decoded, dtype=np.uint8)


def encode_jpeg(image: Image, quality: int = JPEG_QUALITY) -> bytes:
    """uint8 (H, W, 3) BGR as JPEG bytes without chroma subsampling."""
    parameters = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, buffer = cv2.imencode(".jpg", image, parameters)
    return buffer.tobytes()


def bounding_box(points: FloatArray, margin: float, image: Image) -> Box:
    """The box round `points` (N, 2) with `margin` px to spare, cut to `image` (H, W, 3)."""
    height, width = image.shape[:2]
    x1, y1 = np.floor(points.min(axis=0) - margin).astype(int)
    x2, y2 = np.ceil(points.max(axis=0) + margin).astype(int)
    return max(int(x1), 0), max(int(y1), 0), min(int(x2), width), min(int(y2), height)


def reduced_region(image: Image, box: Box, scale: float) -> tuple[Image, FloatArray]:
    """The `box` of `image`, uint8 (H, W, 3), reduced by `scale`; never enlarged.

    Returns the region, a view of the image where nothing is reduced, and the affine matrix (2, 3)
    float32 from image pixels to its pixels.
    """
    x1, y1, x2, y2 = box
    region = image[y1:y2, x1:x2]
    if scale >= 1:
        return region, np.array([[1, 0, -x1], [0, 1, -y1]], np.float32)
    size = (max(round((x2 - x1) * scale), 1), max(round((y2 - y1) * scale), 1))
    reduced = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    sx, sy = size[0] / (x2 - x1), size[1] / (y2 - y1)
    matrix = [[sx, 0, (0.5 - x1) * sx - 0.5], [0, sy, (0.5 - y1) * sy - 0.5]]
    return reduced.astype(np.uint8, copy=False), np.array(matrix, np.float32)


def encode_png(image: Image) -> bytes:
    """uint8 (H, W, 3) BGR as PNG bytes: every pixel as it is."""
    _, buffer = cv2.imencode(".png", image)
    return buffer.tobytes()


def encode_webp(image: Image, quality: int = 85) -> bytes:
    """uint8 (H, W, 3) BGR as WebP bytes, for looking at, not for keeping."""
    _, buffer = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return buffer.tobytes()


def upright_patch(
    image: Image, centre: FloatArray, side: float, roll: float, patch_px: int
) -> tuple[Image, FloatArray]:
    """A square cut out of `image`, turned upright.

    Args:
        image: uint8 (H, W, 3) BGR.
        centre: (2,) middle of the square in image pixels.
        side: length of its sides in image pixels.
        roll: its tilt in degrees, positive clockwise on screen.
        patch_px: side of the result in pixels.

    Returns:
        The patch, uint8 (patch_px, patch_px, 3), its border replicated where it leaves the image,
        and the affine matrix (2, 3) float32 from image to patch pixels.
    """
    height, width = image.shape[:2]
    scale = patch_px / side
    # Only the circle round the square is read; reducing it by area first avoids aliasing.
    reach = side * 0.75
    x1, y1 = (max(int(c - reach), 0) for c in centre)
    x2 = min(int(centre[0] + reach) + 2, width)
    y2 = min(int(centre[1] + reach) + 2, height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        x1, y1, x2, y2 = 0, 0, width, height
    region = image[y1:y2, x1:x2]
    reduce_x = reduce_y = 1.0
    if scale < 0.5:
        size = (max(int((x2 - x1) * scale * 2), 2), max(int((y2 - y1) * scale * 2), 2))
        reduce_x, reduce_y = size[0] / (x2 - x1), size[1] / (y2 - y1)
        region = cv2.resize(region, size, interpolation=cv2.INTER_AREA)

    angle = np.radians(-roll)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.hstack([linear, (patch_px / 2 - linear @ centre)[:, None]])
    # From reduced region to image: pixel centres scale about -0.5.
    to_image = np.array(
        [
            [1 / reduce_x, 0, x1 + 0.5 / reduce_x - 0.5],
            [0, 1 / reduce_y, y1 + 0.5 / reduce_y - 0.5],
            [0, 0, 1],
        ]
    )
    patch = cv2.warpAffine(
        region,
        matrix @ to_image,
        (patch_px, patch_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return patch.astype(np.uint8, copy=False), matrix.astype(np.float32)
