"""The frame of the FFHQ data set: cutting a face out the way its networks were trained on.

The frame is a square turned with the face. With the eye centres L and R and the mouth corners of
a face in pixels, y down, and e = R - L, m = (mouth centre - eye centre):

    x = (e.x + m.y, e.y - m.x), scaled to length max(2.0 |e|, 1.8 |m|);  y = (-x.y, x.x)
    centre = eye centre + 0.1 m;  corners = centre -x-y, -x+y, +x+y, +x-y

Source: Karras et al., "A style-based generator architecture for generative adversarial networks",
CVPR 2019, and the alignment published with its data set. The nose plays no part.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels.imaging import Image

Matrix = NDArray[np.float64]
"""Affine (2, 3) from image to crop pixels; pixel centres are at whole numbers in both."""

_EYE_REACH: Final = 2.0
_MOUTH_REACH: Final = 1.8
_DROP: Final = 0.1
_ROUNDING: Final = 1e-3


def ffhq_quad(kps: FloatArray) -> NDArray[np.float64]:
    """Corners of the frame, float64 (4, 2): upper left, lower left, lower right, upper right.

    Args:
        kps: (5, 2) eye centre on the image's left, on its right, nose tip, mouth corner on the
            image's left, on its right, in pixels.

    Raises:
        ValueError: the points span no frame, as when all are one.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = np.asarray(kps, np.float64)
    eyes = (left_eye + right_eye) / 2
    eye_to_eye = right_eye - left_eye
    eye_to_mouth = (left_mouth + right_mouth) / 2 - eyes
    x = np.array([eye_to_eye[0] + eye_to_mouth[1], eye_to_eye[1] - eye_to_mouth[0]])
    length = float(np.hypot(*x))
    if length < 1e-6:
        raise ValueError("eyes and mouth span no frame")
    x *= max(_EYE_REACH * np.hypot(*eye_to_eye), _MOUTH_REACH * np.hypot(*eye_to_mouth)) / length
    y = np.array([-x[1], x[0]])
    centre = eyes + _DROP * eye_to_mouth
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def ffhq_matrix(kps: FloatArray, size: int) -> Matrix:
    """The affine from image pixels to a crop of `size` px, for `kps` as in :func:`ffhq_quad`.

    The frame's corners are the outer edges of the crop: the centre of its first pixel lies half a
    crop pixel inside them.

    Raises:
        ValueError: the points span no frame.
    """
    upper_left, lower_left, _, upper_right = ffhq_quad(kps)
    to_image = np.stack([upper_right - upper_left, lower_left - upper_left], axis=1) / size
    linear = np.linalg.inv(to_image)
    return np.hstack([linear, (-0.5 - linear @ upper_left)[:, None]])


def scale_of(matrix: Matrix) -> float:
    """Crop pixels per image pixel."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def resized(matrix: Matrix, ratio: float) -> Matrix:
    """The affine to the same crop made `ratio` times as large."""
    scaled = matrix * ratio
    scaled[:, 2] += (ratio - 1) / 2
    return scaled


def cut_crop(image: Image, matrix: Matrix, size: int) -> Image:
    """The crop that `matrix` describes, uint8 (size, size, 3) BGR.

    A face larger than the crop is reduced by area, which avoids aliasing. Beyond the image its
    border is mirrored.
    """
    reduction = max(int(1 / scale_of(matrix) + _ROUNDING), 1)
    crop = cv2.warpAffine(
        image,
        resized(matrix, reduction),
        (size * reduction, size * reduction),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if reduction > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return crop.astype(np.uint8, copy=False)


def inside_mask(
    image_size: tuple[int, int], matrix: Matrix, size: int, feather: float
) -> FloatArray:
    """Where a crop shows the image and not its mirrored border.

    Args:
        image_size: (height, width) of the image.
        matrix: affine from image to crop pixels.
        size: side of the crop in pixels.
        feather: crop pixels over which the mask rises from the border inwards.

    Returns:
        float32 (size, size), 0 outside the image and on the crop's own rim, 1 well inside.
    """
    height, width = image_size
    corners = np.array(
        [[-0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5], [width - 0.5, -0.5]]
    )
    inside = np.zeros((size + 2, size + 2), np.uint8)
    outline = np.round((corners @ matrix[:, :2].T + matrix[:, 2] + 1) * 16)
    # OpenCV's fixed-point coordinates overflow for a crop of a tiny part of a vast image.
    outline = np.clip(outline, -(2**26), 2**26).astype(np.int32)
    cv2.fillConvexPoly(inside, outline, 1, lineType=cv2.LINE_8, shift=4)
    inside[[0, -1], :] = 0
    inside[:, [0, -1]] = 0
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
    ramp = np.clip((distance - 1) / max(feather, 1e-6), 0, 1).astype(np.float32)
    return ramp * ramp * (3 - 2 * ramp)


def add_delta(image: Image, delta: FloatArray, matrix: Matrix) -> Image:
    """A copy of `image` with a difference found in a crop added to it.

    The image itself is never resampled: where the delta is 0 every byte stays as it was.

    Args:
        image: uint8 (H, W, 3) BGR.
        delta: float32 (S, S, 3) BGR in 8-bit levels, 0 on the crop's rim.
        matrix: affine from image to crop pixels.
    """
    result = image.copy()
    x1, y1, x2, y2 = crop_bounds(image.shape[:2], delta, matrix)
    if x1 >= x2 or y1 >= y2:
        return result
    reduction = int(scale_of(matrix) + _ROUNDING)
    if reduction > 1:
        size = delta.shape[0]
        smaller = max(size // reduction, 1)
        delta = cv2.resize(delta, (smaller, smaller), interpolation=cv2.INTER_AREA)
        matrix = resized(matrix, smaller / size)
    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ [x1, y1]
    added = cv2.warpAffine(
        delta,
        local,
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    region = image[y1:y2, x1:x2]
    result[y1:y2, x1:x2] = np.clip(np.rint(region + added), 0, 255).astype(np.uint8)
    return result


def crop_bounds(
    image_size: tuple[int, ...], mask: FloatArray, matrix: Matrix
) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 in image pixels round all that :func:`add_delta` can reach.

    Args:
        image_size: (height, width) of the image.
        mask: (S, S) or (S, S, C), anything but 0 where something is added.
        matrix: affine from image to crop pixels.
    """
    flat = mask if mask.ndim == 2 else np.abs(mask).max(axis=2)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 0, 0
    # Reduction by area and the cubic kernel spread a pixel over this many of the crop's.
    reach = 3 * max(scale_of(matrix), 1.0)
    left, right = columns[0] - reach, columns[-1] + reach
    top, bottom = rows[0] - reach, rows[-1] + reach
    corners = np.array([[left, top], [left, bottom], [right, bottom], [right, top]])
    inverse = np.linalg.inv(matrix[:, :2])
    reached = (corners - matrix[:, 2]) @ inverse.T
    height, width = image_size[:2]
    low, high = np.floor(reached.min(axis=0)), np.ceil(reached.max(axis=0)) + 1
    return (
        int(np.clip(low[0], 0, width)),
        int(np.clip(low[1], 0, height)),
        int(np.clip(high[0], 0, width)),
        int(np.clip(high[1], 0, height)),
    )
