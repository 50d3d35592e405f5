"""The face mesh: 468 points, the triangles between them, and the head they stand for.

Topology, texture coordinates, the canonical face and the weights of its rigid fit are those of
MediaPipe's face geometry (``face_mesh.json``, Apache License 2.0, notice in the file).

A mesh is (468, 3): x and y in image pixels, z in the same scale, smaller towards the viewer. Left
and right are those of the image.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray, Pose

POINTS: Final = 468


def _read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    )
    return content


def _frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


_DATA: Final = _read()

CANONICAL: Final[FloatArray] = _frozen(
    np.array(_DATA["vertices"], np.float64) * (1.0, -1.0, -1.0), np.float32
)
"""The canonical face, float32 (468, 3) in centimetres, in the axes of a mesh: x to the image's
right, y down, z away from the viewer."""

TRIANGLES: Final[NDArray[np.int32]] = _frozen(_DATA["triangles"], np.int32)
"""int32 (898, 3), indices of points; counter-clockwise as the viewer sees a front side."""

UV: Final[FloatArray] = _frozen(_DATA["uv"], np.float32)
"""Texture coordinates, float32 (468, 2), 0 to 1, x to the right and y down."""

OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The outline, from the middle of the forehead by the image's right and the chin (152)."""
INNER_LIPS: Final = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
OUTER_LIPS: Final = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
LEFT_EYE: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
RIGHT_EYE: Final = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
LEFT_BROW: Final = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW: Final = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE_TIP: Final = 1
CHIN: Final = 152
LEFT_EYE_CORNER: Final = 33
RIGHT_EYE_CORNER: Final = 263

MIRROR: Final[NDArray[np.intp]] = _frozen(
    [np.argmin(((CANONICAL * (-1.0, 1.0, 1.0) - vertex) ** 2).sum(axis=1)) for vertex in CANONICAL],
    np.intp,
)
"""For each point the one on the other side of the face."""

_RIGID: Final = np.array([index for index, _ in _DATA["procrustes"]], np.intp)
_WEIGHTS: Final = np.array([[weight] for _, weight in _DATA["procrustes"]]) / sum(
    weight for _, weight in _DATA["procrustes"]
)


def _neighbours() -> FloatArray:
    shares = np.zeros((POINTS, POINTS), np.float32)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        shares[TRIANGLES[:, first], TRIANGLES[:, second]] = 1
        shares[TRIANGLES[:, second], TRIANGLES[:, first]] = 1
    shares /= shares.sum(axis=1, keepdims=True)
    shares.setflags(write=False)
    return shares


NEIGHBOURS: Final = _neighbours()
"""float32 (468, 468): for each point the share 1/n of each of its n neighbours."""


class HeadPlace(NamedTuple):
    """Where the canonical face must go to lie on a mesh: ``scale * rotation @ p + shift``.

    Attributes:
        scale: pixels per centimetre.
        rotation: float64 (3, 3).
        shift: float64 (3,), pixels.
    """

    scale: float
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]

    def to_head(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Points (N, 3) of the image in the frame of :data:`CANONICAL`, centimetres."""
        moved: NDArray[np.float64] = (points - self.shift) @ self.rotation / self.scale
        return moved

    def to_image(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The inverse of :meth:`to_head`."""
        moved: NDArray[np.float64] = points @ self.rotation.T * self.scale + self.shift
        return moved

    @property
    def pose(self) -> Pose:
        """Which way the head looks, in degrees; see :class:`models.faces.face.Pose`."""
        r = self.rotation
        return Pose(
            yaw=float(np.degrees(np.arctan2(r[2, 0], np.hypot(r[2, 1], r[2, 2])))),
            pitch=float(np.degrees(np.arctan2(r[2, 1], r[2, 2]))),
            roll=float(np.degrees(np.arctan2(r[1, 0], r[0, 0]))),
        )


def place_head(mesh: FloatArray) -> HeadPlace:
    """The rigid motion and scale that bring the canonical face closest to `mesh` (468, 3).

    Weighted Procrustes analysis over the points that expressions hardly move; Umeyama,
    "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI
    13(4), 1991.
    """
    a = CANONICAL[_RIGID].astype(np.float64)
    b = mesh[_RIGID].astype(np.float64)
    a_mean, b_mean = (_WEIGHTS * a).sum(axis=0), (_WEIGHTS * b).sum(axis=0)
    a, b = a - a_mean, b - b_mean
    u, sizes, vt = np.linalg.svd((b * _WEIGHTS).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((sizes * signs).sum() / max((_WEIGHTS * a * a).sum(), 1e-12))
    return HeadPlace(scale, rotation, b_mean - scale * rotation @ a_mean)


def vertex_normals(mesh: FloatArray) -> FloatArray:
    """Unit normals, float32 (468, 3), of `mesh` (468, 3) in its axes: z < 0 faces the viewer."""
    corners = mesh[TRIANGLES].astype(np.float64)
    faces = np.cross(corners[:, 2] - corners[:, 0], corners[:, 1] - corners[:, 0])
    normals = np.zeros((POINTS, 3))
    for corner in range(3):
        np.add.at(normals, TRIANGLES[:, corner], faces)
    normals *= _OUTWARDS
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-9)).astype(np.float32)


_OUTWARDS: float = 1.0
_OUTWARDS = -float(np.sign(vertex_normals(CANONICAL)[NOSE_TIP, 2]))


def smoothed(values: FloatArray, rounds: int) -> FloatArray:
    """A value per point, (468,) or (468, K), after `rounds` of Laplacian smoothing by halves."""
    for _ in range(rounds):
        values = (0.5 * values + 0.5 * (NEIGHBOURS @ values)).astype(np.float32)
    return values


def five_points(mesh: FloatArray) -> FloatArray:
    """Eye centres, nose tip and mouth corners, float32 (5, 2); see ``Face.kps``."""
    return np.stack(
        [
            mesh[LEFT_EYE, :2].mean(axis=0),
            mesh[RIGHT_EYE, :2].mean(axis=0),
            mesh[NOSE_TIP, :2],
            mesh[61, :2],
            mesh[291, :2],
        ]
    ).astype(np.float32)


def face_width(mesh: FloatArray) -> float:
    """Width of the face in pixels, temple to temple, as if seen from the front."""
    return float(np.linalg.norm(mesh[454] - mesh[234]))


def lid_openings(mesh: FloatArray) -> tuple[float, float]:
    """Opening over width of the image's left and right eye; about 0.1 shut, 0.3 open."""
    return _opening(mesh, 159, 145, 33, 133), _opening(mesh, 386, 374, 362, 263)


def mouth_opening(mesh: FloatArray) -> float:
    """Gap between the inner lips over the width of the mouth; 0 is closed."""
    return _opening(mesh, 13, 14, 61, 291)


def _opening(mesh: FloatArray, top: int, bottom: int, left: int, right: int) -> float:
    height = float(np.linalg.norm(mesh[top] - mesh[bottom]))
    return height / max(float(np.linalg.norm(mesh[left] - mesh[right])), 1e-6)


class Region(NamedTuple):
    """A square round a face, turned with it.

    Attributes:
        centre: float64 (2,), image pixels.
        side: pixels.
        roll: degrees, positive clockwise on screen.
    """

    centre: NDArray[np.float64]
    side: float
    roll: float


def face_region(mesh: FloatArray, margin: float = 1.5) -> Region:
    """The square round `mesh` (468, 3), `margin` times as large as the face's longer side."""
    across = mesh[RIGHT_EYE_CORNER, :2] - mesh[LEFT_EYE_CORNER, :2]
    angle = float(np.arctan2(across[1], across[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = mesh[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    return Region(
        ((low + high) / 2) @ turn, margin * float((high - low).max()), float(np.degrees(angle))
    )
