"""MediaPipe's face mesh network: 468 points of a face in three dimensions.

Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", CVPR
workshop on computer vision for AR and VR, 2019.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from models.faces.face import FloatArray
from models.geometry import face_mesh
from models.networks.base import ContractError, Session, single_input
from models.pixels.imaging import Image, upright_patch

SIZE_PX: Final = 192
_MORE_PASSES: Final = 2
_LEVEL_DEGREES: Final = 8.0
_VALUES: Final = 3 * face_mesh.POINTS
_START_SPREAD: Final = (2.4, 2.2)
"""Face over eye distance, and over the distance from eyes to mouth."""


class MeshFit(NamedTuple):
    """A mesh and how sure the network is that there is a face.

    Attributes:
        mesh: float32 (468, 3); see :mod:`models.geometry.face_mesh`.
        score: 0 to 1.
    """

    mesh: FloatArray
    score: float


class FaceMesh:
    """Fits the mesh to a face whose five points are known.

    Args:
        session: the graph, images (1, 192, 192, 3) RGB 0 to 1 in, 1404 values and a score out.

    Raises:
        ContractError: the graph is another.
    """

    def __init__(self, session: Session) -> None:
        sizes = [
            int(np.prod([size for size in output.shape if isinstance(size, int)]))
            for output in session.get_outputs()
        ]
        if sorted(sizes) != [1, _VALUES]:
            raise ContractError("not the face mesh: it has other outputs")
        self._session = session
        self._input = single_input(session)
        self._points, self._score = sizes.index(_VALUES), sizes.index(1)

    def fit(self, image: Image, kps: FloatArray, passes: int = 2) -> MeshFit:
        """The mesh of one face.

        Args:
            image: uint8 (H, W, 3) BGR.
            kps: (5, 2), as in ``Face.kps``.
            passes: each but the first starts from the mesh before it. While a pass finds the face
                tilted otherwise than it was thought to be, up to two more follow.
        """
        region = region_of(kps)
        done = 0
        while True:
            fit = self._once(image, region)
            done += 1
            seen = face_mesh.face_region(fit.mesh)
            tilted = abs((seen.roll - region.roll + 180) % 360 - 180)
            if done >= passes + (_MORE_PASSES if tilted > _LEVEL_DEGREES else 0):
                return fit
            region = seen

    def _once(self, image: Image, region: face_mesh.Region) -> MeshFit:
        patch, matrix = upright_patch(
            image, region.centre.astype(np.float32), region.side, region.roll, SIZE_PX
        )
        tensor = patch[None, :, :, ::-1].astype(np.float32) / np.float32(255)
        outputs = self._session.run({self._input: tensor})
        points = outputs[self._points].reshape(face_mesh.POINTS, 3).astype(np.float64)
        linear = matrix[:, :2].astype(np.float64)
        mesh = np.empty((face_mesh.POINTS, 3), np.float32)
        mesh[:, :2] = (points[:, :2] - matrix[:, 2]) @ np.linalg.inv(linear).T
        mesh[:, 2] = points[:, 2] * region.side / SIZE_PX
        logit = float(outputs[self._score].reshape(-1)[0])
        return MeshFit(mesh, float(1 / (1 + np.exp(-np.clip(logit, -50, 50)))))


def region_of(kps: FloatArray) -> face_mesh.Region:
    """A square round the face with five points `kps` (5, 2), from which a first fit succeeds."""
    eyes, mouth = kps[:2].mean(axis=0), kps[3:].mean(axis=0)
    across, up = kps[1] - kps[0], eyes - mouth
    apart, height = float(np.linalg.norm(across)), float(np.linalg.norm(up))
    # On a profile the eyes lie on each other and only the line to the mouth tells the tilt.
    tilt = np.arctan2(across[1], across[0]) if apart > 0.5 * height else np.arctan2(up[0], -up[1])
    size = max(apart * _START_SPREAD[0], height * _START_SPREAD[1], 4.0)
    centre = (0.55 * eyes + 0.45 * mouth).astype(np.float64)
    return face_mesh.Region(centre, 1.5 * size, float(np.degrees(tilt)))
