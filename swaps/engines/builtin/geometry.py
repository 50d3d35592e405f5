"""Where each vertex of the new face lies in the target, and which of them the camera saw."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.face_mesh import MIRROR, place_head, smoothed, vertex_normals
from swaps.engines.builtin import raster
from swaps.engines.builtin.topology import (
    CORNERS,
    INWARD,
    LIDS,
    MOUTH_ANCHORS,
    ROUND_EYES,
    ROUND_MOUTH,
)

Points = NDArray[np.floating[Any]]

_DEPTH_SIZE: Final = 220
_OTHER_SIDE: Final = np.array([-1.0, 1.0, 1.0])


def visibility(mesh: Points) -> FloatArray:
    """How well the camera saw each vertex, float32 (468,), 0 to 1: by its normal and by depth."""
    facing = -vertex_normals(mesh.astype(np.float32))[:, 2]
    scale = (_DEPTH_SIZE - 20) / float(np.ptp(mesh[:, :2], axis=0).max())
    flat = (mesh[:, :2] - mesh[:, :2].min(axis=0)) * scale
    drawn = raster.draw(flat, mesh[:, 2], (_DEPTH_SIZE, _DEPTH_SIZE))
    depth = drawn.spread(mesh[:, 2:3] * scale)[..., 0]
    at = np.clip(np.round(flat).astype(int), 0, _DEPTH_SIZE - 1)
    in_front = mesh[:, 2] * scale - depth[at[:, 1], at[:, 0]] <= 9
    seen = (np.clip((facing - 0.12) / 0.38, 0, 1) * in_front).astype(np.float32)
    return np.minimum(seen, smoothed(seen, 2))


def own_mouth_share(source_opening: float, target_opening: float) -> float:
    """How far the source keeps the shape of its own mouth, 0 to 1.

    The target's shape smears lips and mixes teeth, so it is taken only where the two openings
    (inner gap over width) are too far apart for the source's to fit.
    """
    too_closed = np.clip((target_opening - source_opening - 0.35) / 0.25, 0, 1)
    too_open = np.clip((source_opening - target_opening - 0.6) / 0.3, 0, 1)
    return float(1 - max(too_closed, too_open))


def head_shape(mesh: Points, flipped: bool) -> NDArray[np.float64]:
    """A face's own shape in the frame of the canonical head, (468, 3) in centimetres.

    The far half of a turned face is a guess of the network, so both halves share what is known.
    """
    place = place_head(mesh.astype(np.float32))
    shape = place.to_head(mesh)
    turn = 0.5 * min(abs(place.pose.yaw) / 60, 1.0)
    shape = (1 - turn) * shape + turn * shape[MIRROR] * _OTHER_SIDE
    return shape[MIRROR] * _OTHER_SIDE if flipped else shape


def placed_mesh(
    source_shape: NDArray[np.float64],
    target_mesh: Points,
    shape: float,
    own_mouth: float,
    own_lids: float,
) -> NDArray[np.float64]:
    """The vertices of the new face in the target's image (468, 3).

    Args:
        source_shape: from :func:`head_shape`.
        target_mesh: (468, 3) in the target's pixels.
        shape: how much of the source's shape is taken, 0 to 1; none of it on the outline.
        own_mouth: 1 keeps the shape of the source's mouth, 0 takes the target's.
        own_lids: the same for how far the lids are open.
    """
    place = place_head(target_mesh.astype(np.float32))
    target_shape = place.to_head(target_mesh)
    placed = target_shape + shape * INWARD[:, None] * (source_shape - target_shape)

    source_middle = source_shape[MOUTH_ANCHORS].mean(axis=0)
    target_middle = target_shape[MOUTH_ANCHORS].mean(axis=0)
    wide = float(
        np.clip(_between(source_shape, 61, 291) / _between(target_shape, 61, 291), 0.8, 1.2)
    )
    theirs = (target_shape - target_middle) * [0.5 * wide + 0.5, 1, 1] + target_middle
    theirs += shape * 0.6 * (source_middle - target_middle) * [0, 1, 0.5]
    weight = ROUND_MOUTH[:, None] * (1 - own_mouth)
    placed = placed * (1 - weight) + theirs * weight

    if own_lids < 1:
        for near, corners, lids in zip(ROUND_EYES, CORNERS, LIDS, strict=True):
            middle = placed[list(corners), 1].mean()
            stretch = _between(target_shape, *lids) / _between(placed, *lids)
            moved = middle + (placed[:, 1] - middle) * float(np.clip(stretch, 0.2, 2.0))
            weight_y = near * (1 - own_lids)
            placed[:, 1] = placed[:, 1] * (1 - weight_y) + moved * weight_y
    return place.to_image(placed)


def _between(points: Points, first: int, second: int) -> float:
    return max(float(np.linalg.norm(points[first] - points[second])), 1e-3)
