"""Putting an aligned crop back into its photo.

Only the rectangle round the crop is read and written, in place: the cost of a paste depends on
the size of the face and not on that of the photo.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.geometry.crops import Matrix, inverse, pixel_scale, reduce_by_area
from models.pixels.imaging import Image

Box = tuple[int, int, int, int]
EMPTY: Box = (0, 0, 0, 0)

_STRIP_ROWS: Final = 64
"""Rows blended at a time: what lies between the steps then stays in the processor's cache, which
halves the time of a face of 500 pixels."""


def paste_back(image: Image, crop: Image, mask: FloatArray, matrix: Matrix) -> Box:
    """Blends `crop` into `image` in place, by a mask that turns with the face.

    Every pixel where the warped mask is 0 keeps its value.

    Args:
        image: uint8 (H, W, 3) BGR, written to.
        crop: uint8 (S, S, 3) BGR.
        mask: float32 (S, S), 0 to 1, 1 where the crop shows; 0 along its rim.
        matrix: (2, 3) from image to crop pixels.

    Returns:
        x1, y1, x2, y2 of the rectangle that was written to, empty when the crop lies outside.
    """
    box = _box_of(mask, matrix, image.shape[:2])
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return EMPTY
    to_region = inverse(matrix)
    to_region[:, 2] -= (x1, y1)
    scale = 1 / pixel_scale(matrix)
    crop_to_region = to_region
    if scale < 1:
        crop, crop_to_region = reduce_by_area(crop, to_region, scale)
    # OpenCV warps four channels in half the time that it takes for three, to the same values.
    four = cv2.cvtColor(crop, cv2.COLOR_BGR2BGRA)
    framed, framed_to_region = _framed(mask), _behind_frame(to_region)
    for top in range(0, y2 - y1, _STRIP_ROWS):
        strip = image[y1 + top : min(y1 + top + _STRIP_ROWS, y2), x1:x2]
        shape = (strip.shape[1], strip.shape[0])
        drawn = cv2.warpAffine(
            four,
            _lowered(crop_to_region, top),
            shape,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        weight = cv2.warpAffine(
            framed, _lowered(framed_to_region, top), shape, flags=cv2.INTER_LINEAR
        )
        drawn = cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR)
        cv2.blendLinear(drawn, strip, weight, 1 - weight, dst=strip)
    return box


def paste_back_like_insightface(image: Image, crop: Image, matrix: Matrix) -> Box:
    """Blends `crop` into `image` in place, as ``INSwapper.get(paste_back=True)`` of insightface
    2.1 does, within 2 levels.

    That mask is a square eroded along the axes of the photo, by a share of its bounding box: it
    gets smaller as a head is tilted. :func:`paste_back` does not.

    Args:
        image: uint8 (H, W, 3) BGR, written to.
        crop: uint8 (S, S, 3) BGR.
        matrix: (2, 3) from image to crop pixels.

    Returns:
        x1, y1, x2, y2 of the rectangle that was written to, empty when the crop lies outside.
    """
    size = crop.shape[0]
    height, width = image.shape[:2]
    back = inverse(matrix)
    x1, y1, x2, y2 = _bounds(np.array([[-1, -1], [size, size]], np.float64), back, (height, width))
    if x2 <= x1 or y2 <= y1:
        return EMPTY
    white = _warped_into(np.full((size, size), 255, np.float32), back, (x1, y1, x2, y2))
    white[white > 20] = 255
    rows, columns = np.flatnonzero((white == 255).any(1)), np.flatnonzero((white == 255).any(0))
    if not len(rows):
        return EMPTY
    side = int(np.sqrt(float(rows[-1] - rows[0]) * float(columns[-1] - columns[0])))
    erosion, reach = max(side // 10, 10), max(side // 20, 5)

    # The blur reaches beyond the square; where the photo ends the filters must see its border.
    margin = max(reach + 1 - erosion // 2, 1)
    left, top = min(margin, x1), min(margin, y1)
    right, bottom = min(margin, width - x2), min(margin, height - y2)
    box = (x1 - left, y1 - top, x2 + right, y2 + bottom)
    mask = cv2.copyMakeBorder(white, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    mask = cv2.erode(mask, np.ones((erosion, erosion), np.uint8))
    mask = cv2.GaussianBlur(mask, (2 * reach + 1, 2 * reach + 1), 0)
    # A true division, as there: a product leaves a full mask a hair under 1, and the cut
    # to whole levels below would darken the face by one.
    mask /= 255

    drawn = _warped_into(crop, back, box)
    region = image[box[1] : box[3], box[0] : box[2]]
    weight = mask[..., None]
    blended = weight * drawn + (1 - weight) * region
    region[:] = blended.astype(np.uint8)
    return box


def _warped_into(image: np.ndarray, matrix: Matrix, box: Box) -> np.ndarray:
    shifted = matrix.copy()
    shifted[:, 2] -= box[:2]
    return cv2.warpAffine(image, shifted, (box[2] - box[0], box[3] - box[1]), borderValue=0.0)


def _box_of(mask: FloatArray, matrix: Matrix, size: tuple[int, int]) -> Box:
    """The pixels of the photo a mask can touch."""
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    if not width:
        return EMPTY
    return _bounds(
        np.array([[x - 1, y - 1], [x + width, y + height]], np.float64), inverse(matrix), size
    )


def _bounds(corners: np.ndarray, back: Matrix, size: tuple[int, int]) -> Box:
    """Whole pixels inside the photo round the rectangle between two `corners` (2, 2)."""
    (left, top), (right, bottom) = corners
    quad = np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
    points = quad @ back[:, :2].T + back[:, 2]
    height, width = size
    x1, y1 = np.floor(points.min(axis=0)).astype(int)
    x2, y2 = np.ceil(points.max(axis=0)).astype(int) + 1
    return max(int(x1), 0), max(int(y1), 0), min(int(x2), width), min(int(y2), height)


def _framed(mask: FloatArray) -> FloatArray:
    """The mask in a frame of zeros, so that it fades to nothing within its own grid."""
    return cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)


def _lowered(matrix: Matrix, rows: int) -> Matrix:
    """The same map into a rectangle that begins `rows` lower."""
    shifted = matrix.copy()
    shifted[1, 2] -= rows
    return shifted


def _behind_frame(matrix: Matrix) -> Matrix:
    shifted = matrix.copy()
    shifted[:, 2] -= matrix[:, :2].sum(axis=1)
    return shifted
