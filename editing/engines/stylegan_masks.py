"""Where a StyleGAN edit may change a face, in the FFHQ frame."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels import crop_masks, masks

_ELLIPSE: Final = (0.5, 0.56, 0.27, 0.33)
"""Centre and radii of a face in the FFHQ frame, as shares of the crop: for want of landmarks."""
_MOUTH_REACH: Final = 0.35
"""How far round the mouth a smile may open it, as a share of the mouth's width."""


def face_mask(
    size: int, labels: NDArray[np.uint8] | None, landmarks: FloatArray | None
) -> FloatArray:
    """Where a face may change, float32 (size, size) from 0 to 1.

    Args:
        size: side of the crop in pixels.
        labels: the parser's class numbers, uint8 (h, w), if there is a parser.
        landmarks: (68, 2) in crop pixels, if the face has any; used without `labels`.
    """
    if labels is not None:
        return crop_masks.region_mask(labels, crop_masks.FACE_REGIONS, size)
    if landmarks is not None:
        return crop_masks.hull_mask(landmarks, size)
    x, y, across, down = _ELLIPSE
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    radius = np.hypot((columns - x) / across, (rows - y) / down).astype(np.float32)
    return masks.smoothstep(radius, 1.0, 0.8)


def mouth_mask(size: int, kps: FloatArray) -> FloatArray:
    """An ellipse round the mouth, as far as a smile opens it, float32 (size, size) from 0 to 1.

    Args:
        size: side of the crop in pixels.
        kps: (5, 2) in crop pixels, the mouth corners last.
    """
    left, right = kps[3], kps[4]
    centre, half = (left + right) / 2, float(np.linalg.norm(right - left)) / 2
    along = (right - left) / max(2 * half, 1e-6)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    offset = np.stack([columns, rows], axis=2) - centre
    u = offset @ along
    v = offset @ np.array([-along[1], along[0]], np.float32)
    across, down = half * (1 + _MOUTH_REACH), half * (0.5 + _MOUTH_REACH)
    radius = np.hypot(u / max(across, 1e-6), v / max(down, 1e-6)).astype(np.float32)
    return masks.smoothstep(radius, 1.0, 0.7)
