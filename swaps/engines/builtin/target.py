"""The part of the target that a swap works on, at the three sizes it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.pixels.imaging import Box, Image
from swaps.engines.builtin.view import FaceView

GRID_WIDTH: Final = 160
"""Everything is decided at this width of a face; larger sizes only add detail."""
WORK_WIDTH: Final = 640
"""The size at which detail is added and blended; beyond it the photo's own texture is kept."""
_MARGIN: Final = 0.3


@dataclass(frozen=True, eq=False)
class TargetFrame:
    """The crop round the face to be replaced.

    Attributes:
        view: the face in its photo.
        box: x1, y1, x2, y2 of the crop in the photo.
        work: uint8 (H, W, 3) BGR, the crop at no more than 640 px a face.
        work_width: width of the face in `work`.
        grid: float32 (h, w, 3) BGR, 0 to 255, the crop at no more than 160 px a face.
        width: width of the face in `grid`.
        mesh: float64 (468, 3) in pixels of `grid`.
        classes: float32 (h, w, 10) on the grid.
    """

    view: FaceView
    box: Box
    work: Image
    work_width: float
    grid: FloatArray
    width: float
    mesh: NDArray[np.float64]
    classes: FloatArray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the grid."""
        return self.grid.shape[0], self.grid.shape[1]

    @property
    def reduced(self) -> bool:
        """Whether the grid is smaller than the work size."""
        return self.grid.shape[:2] != self.work.shape[:2]


def cut_target(view: FaceView) -> TargetFrame:
    """The crop of `view` with .3 of its size on every side."""
    box = view.region(_MARGIN)
    x1, y1, x2, y2 = box
    crop = view.image[y1:y2, x1:x2]
    work = _reduced(crop, WORK_WIDTH / view.extent)
    work_width = view.extent * work.shape[0] / crop.shape[0]
    grid = _reduced(work, GRID_WIDTH / work_width)
    across = grid.shape[1] / crop.shape[1]
    down = grid.shape[0] / crop.shape[0]
    # Middles of pixels lie at whole numbers at every size.
    plane = (view.mesh[:, :2] + 0.5 - [x1, y1]) * [across, down] - 0.5
    mesh = np.column_stack([plane, view.mesh[:, 2] * (across + down) / 2])
    rows, columns = np.mgrid[0 : grid.shape[0], 0 : grid.shape[1]].astype(np.float32)
    classes = view.classes_at(
        (columns + 0.5) / np.float32(across) - 0.5 + x1, (rows + 0.5) / np.float32(down) - 0.5 + y1
    )
    return TargetFrame(
        view,
        box,
        work,
        work_width,
        grid.astype(np.float32),
        view.extent * (across + down) / 2,
        mesh,
        classes,
    )


def _reduced(image: NDArray[Any], scale: float) -> NDArray[Any]:
    if scale >= 1:
        return image.copy()
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
