"""Decoding, encoding and cutting of images."""

from __future__ import annotations

import struct
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from models.faces.face import FloatArray

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
    decoded = _decode_jpeg(data) if data.startswith(b"\xff\xd8\xff") else None
    if decoded is None and data:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("not a readable image")
    return np.ascontiguousarray(decoded, dtype=np.uint8)


def alpha_read(data: bytes) -> Image | None:
    """How opaque a PNG or WebP is, uint8 (H, W); None where nothing shines through.

    Raises:
        ValueError: the bytes are not an image OpenCV can read.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise ValueError("not a readable image")
    if decoded.ndim != 3 or decoded.shape[2] != 4 or int(decoded[..., 3].min()) == 255:
        return None
    return np.ascontiguousarray(decoded[..., 3], dtype=np.uint8)


def on_white(image: Image, alpha: Image | None) -> Image:
    """A picture as it is seen on a white ground.

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: uint8 (H, W), how opaque it is; None for fully.
    """
    if alpha is None:
        return image
    share = alpha[..., None].astype(np.uint16)
    blended = (image * share + 255 * (255 - share) + 127) // 255
    return blended.astype(np.uint8)


def _decode_jpeg(data: bytes) -> Image | None:
    """The fast way for the common JPEG; None for what OpenCV has to read.

    The same libjpeg-turbo without the copies that OpenCV makes. CMYK and 12 bits are left to
    OpenCV.
    """
    try:
        colours = simplejpeg.decode_jpeg_header(data, strict=True)[2]
        if colours not in {"YCbCr", "Gray", "RGB"}:
            return None
        image = simplejpeg.decode_jpeg(data, colorspace="BGR", fastdct=False, strict=True)
    except ValueError:
        return None
    return _upright(image, _jpeg_orientation(data))


def _jpeg_orientation(data: bytes) -> int:
    """EXIF orientation of JPEG bytes, 1 to 8; 1 where none can be read.

    EXIF 2.32, section 4.5.4 (APP1) and table 4 (tag 0x0112).
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            break
        segment = data[at + 4 : at + 2 + length]
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            return _tiff_orientation(segment[6:])
        at += 2 + length
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(count):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, start + 2 + 12 * entry)
            if (tag, kind) == (0x0112, 3):
                (value,) = struct.unpack_from(f"{order}H", tiff, start + 10 + 12 * entry)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _upright(image: Image, orientation: int) -> Image:
    """The stored pixels as they are to be seen."""
    if orientation in {5, 6, 7, 8}:
        image = cv2.transpose(image).astype(np.uint8, copy=False)
    # 0 turns top and bottom round, 1 left and right, -1 both.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if flip is None else cv2.flip(image, flip).astype(np.uint8, copy=False)


def encode_jpeg(image: Image, quality: int = JPEG_QUALITY) -> bytes:
    """uint8 (H, W, 3) BGR as JPEG bytes without chroma subsampling."""
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality, "BGR", colorsubsampling="444", fastdct=False
    )
    return encoded


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
