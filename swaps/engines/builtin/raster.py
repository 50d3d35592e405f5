"""Values at the vertices of the mesh, spread over the pixels of its triangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.face_mesh import CANONICAL, TRIANGLES, UV

UV_SIZE: Final = 160
"""Side of the unwrapped face in pixels."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Which triangle covers a pixel, and where in it the pixel lies.

    Attributes:
        size: height and width.
        rows, columns: int (N,) of the covered pixels.
        corners: int (N, 3), the vertices of each one's triangle.
        weights: float32 (N, 3), barycentric.
        covered: bool (H, W).
    """

    size: tuple[int, int]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    corners: NDArray[np.int32]
    weights: FloatArray
    covered: NDArray[np.bool_]

    def spread(self, values: NDArray[np.floating]) -> FloatArray:
        """`values` (468, C) over the image, float32 (H, W, C); 0 where no triangle lies."""
        at = values.astype(np.float32)
        result = np.zeros((*self.size, at.shape[1]), np.float32)
        corners, weights = self.corners, self.weights
        result[self.rows, self.columns] = (
            weights[:, :1] * at[corners[:, 0]]
            + weights[:, 1:2] * at[corners[:, 1]]
            + weights[:, 2:] * at[corners[:, 2]]
        )
        return result


def draw(
    points: NDArray[np.floating], depth: NDArray[np.floating], size: tuple[int, int]
) -> Raster:
    """Rasterises the mesh, nearest triangles last.

    Args:
        points: (468, 2) x, y in pixels.
        depth: (468,), smaller is nearer.
        size: height and width.
    """
    index = np.full(size, -1, np.int32)
    corners16 = np.round(points[TRIANGLES] * 16).astype(np.int32)
    for triangle in np.argsort(-depth[TRIANGLES].mean(axis=1)):
        cv2.fillConvexPoly(index, corners16[triangle], int(triangle), cv2.LINE_8, 4)
    covered = index >= 0
    rows, columns = np.nonzero(covered)
    corners = TRIANGLES[index[rows, columns]]
    first, second, third = (points[corners[:, k]] for k in range(3))
    along, across = second - first, third - first
    inside = np.stack([columns, rows], axis=1) - first
    area = along[:, 0] * across[:, 1] - across[:, 0] * along[:, 1]
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    # A pixel's middle may lie a little outside the triangle drawn over it.
    u = np.clip((inside[:, 0] * across[:, 1] - across[:, 0] * inside[:, 1]) / area, -0.5, 1.5)
    v = np.clip((along[:, 0] * inside[:, 1] - inside[:, 0] * along[:, 1]) / area, -0.5, 1.5)
    weights = np.stack([1 - u - v, u, v], axis=1).astype(np.float32)
    return Raster(size, rows, columns, corners, weights, covered)


UV_POINTS: Final = UV * (UV_SIZE - 1)
UV_RASTER: Final = draw(UV_POINTS, CANONICAL[:, 2], (UV_SIZE, UV_SIZE))
