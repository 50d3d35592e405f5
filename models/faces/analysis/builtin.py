"""Faces by networks that lie inside ordinary packages: YuNet, the face mesh, BiSeNet, SFace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np

from models.faces import identity
from models.faces.face import Face, FloatArray, Quality
from models.faces.finder import Finder
from models.faces.hints import hints_of
from models.faces.parsing import Parsing, parse_face
from models.geometry import face_mesh
from models.networks.base import Session
from models.networks.face_mesh import FaceMesh
from models.networks.parser import ClassScores, SoftParser
from models.networks.sface import SFace
from models.networks.yunet import YuNet
from models.pixels.imaging import Image, upright_patch

_WEARS_GLASSES: Final = 0.08
_SHARPNESS_PX: Final = 128
"""Width of a face at which its sharpness is measured."""

_MESH_DOUBTS: Final = 0.3
_FINDER_IS_SURE: Final = 0.85
"""Faces of 25 px and up had mesh scores from 0.8; what was no face had 0.05."""


class NetworkMissing(Exception):
    """A network that is needed is not on this machine.

    Attributes:
        network: ``finder``, ``mesh``, ``parser`` or ``identity``.
    """

    def __init__(self, network: str) -> None:
        super().__init__(f"the {network} network is not here")
        self.network = network


class BuiltinAnalyser:
    """The analyser of the built-in engines; see :class:`models.faces.analysis.FaceAnalyser`.

    Any network may be absent. Without finder or mesh there are no faces; without the parser
    :meth:`parse` gives None; without the identity network :meth:`embed` raises.

    Args:
        finder: finds faces.
        mesh: places the mesh on each.
        parser: tells skin from hair, lips and the rest.
        recogniser: measures whose face it is.
    """

    name = identity.SFACE_ANALYSER

    def __init__(
        self,
        finder: YuNet | None,
        mesh: FaceMesh | None,
        parser: ClassScores | None = None,
        recogniser: SFace | None = None,
    ) -> None:
        self._finder = None if finder is None else Finder(finder)
        self._mesh = mesh
        self._parser = parser
        self._recogniser = recogniser

    @classmethod
    def from_folder(cls, folder: Path, open_session: Callable[[Path], Session]) -> Self:
        """The analyser of the files ``yunet.onnx``, ``mesh.onnx``, ``parser.onnx`` and
        ``sface.onnx`` in `folder`, as far as they are there.

        Raises:
            ContractError: a file is not the network its name says.
        """

        def session(name: str) -> Session | None:
            path = folder / f"{name}.onnx"
            return open_session(path) if path.is_file() else None

        finder, mesh, parser, recogniser = map(session, ("yunet", "mesh", "parser", "sface"))
        return cls(
            None if finder is None else YuNet(finder),
            None if mesh is None else FaceMesh(mesh),
            None if parser is None else SoftParser(parser),
            None if recogniser is None else SFace(recogniser),
        )

    @property
    def can_parse(self) -> bool:
        return self._parser is not None

    @property
    def can_identify(self) -> bool:
        return self._recogniser is not None

    def find_faces(self, image: Image) -> list[Face]:
        """The faces in `image`, uint8 (H, W, 3) BGR, largest first; none is an empty list.

        Raises:
            NetworkMissing: the finder or the mesh network is not here.
        """
        if self._finder is None:
            raise NetworkMissing("finder")
        mesh = self._mesh_network()
        faces = []
        for box, score, kps in zip(*self._finder.find(image), strict=True):
            fit = mesh.fit(image, kps)
            if fit.score < _MESH_DOUBTS and score < _FINDER_IS_SURE:
                continue
            faces.append(face_of(image, box, float(score), kps, fit.mesh))
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def mesh(self, image: Image, face: Face) -> FloatArray:
        """The mesh, float32 (468, 3), of `face`, by its five points where it has none yet.

        Raises:
            NetworkMissing: the mesh network is not here.
        """
        if face.mesh is not None:
            return face.mesh
        return self._mesh_network().fit(image, face.kps).mesh

    def parse(self, image: Image, face: Face) -> Parsing | None:
        """The classes round `face` in `image`, uint8 (H, W, 3) BGR; None without a parser.

        Raises:
            NetworkMissing: the face has no mesh and the mesh network is not here.
        """
        if self._parser is None:
            return None
        return parse_face(self._parser, image, self.mesh(image, face))

    def study(self, image: Image, face: Face) -> Face:
        """`face` with its hints, by one run of the parser; see :class:`FaceStudent`.

        Without a parser only what the mesh tells is known.

        Raises:
            NetworkMissing: the face has no mesh and the mesh network is not here.
        """
        mesh = self.mesh(image, face)
        hints = hints_of(image, mesh, self.parse(image, replace(face, mesh=mesh)))
        glasses = None if hints.glasses is None else hints.glasses > _WEARS_GLASSES
        quality = replace(face.quality, occlusion=hints.covered, glasses=glasses)
        return replace(face, mesh=mesh, hints=hints, quality=quality, studied=True)

    def embed(self, image: Image, face: Face) -> FloatArray:
        """SFace vector, float32 (128,), of `face` in `image`, uint8 (H, W, 3) BGR.

        Raises:
            NetworkMissing: the identity network is not here.
        """
        if self._recogniser is None:
            raise NetworkMissing("identity")
        return self._recogniser.embed(image, face.kps)

    def similarity(self, a: FloatArray, b: FloatArray) -> float:
        """Similarity of two vectors on ArcFace's scale; see :mod:`models.faces.identity`."""
        return identity.sface_similarity(a, b)

    def _mesh_network(self) -> FaceMesh:
        if self._mesh is None:
            raise NetworkMissing("mesh")
        return self._mesh


def face_of(image: Image, box: FloatArray, score: float, kps: FloatArray, mesh: FloatArray) -> Face:
    """A face of its parts, in `image`, uint8 (H, W, 3) BGR; see :class:`Face`."""
    height, width = image.shape[:2]
    limits = np.array([width, height, width, height], np.float32)
    return Face(
        box=np.clip(box, 0, limits).astype(np.float32),
        kps=kps.astype(np.float32),
        landmarks=None,
        score=score,
        pose=face_mesh.place_head(mesh).pose,
        quality=Quality(width_px=face_mesh.face_width(mesh), sharpness=sharpness(image, mesh)),
        mesh=mesh,
        hints=hints_of(image, mesh, None),
    )


def sharpness(image: Image, mesh: FloatArray) -> float:
    """Standard deviation of the Laplacian inside `mesh` (468, 3), the face scaled to 128 px."""
    region = face_mesh.face_region(mesh, 1.0)
    scale = _SHARPNESS_PX / max(face_mesh.face_width(mesh), 1.0)
    side = int(np.clip(round(region.side * scale), 32, 512))
    patch, matrix = upright_patch(
        image, region.centre.astype(np.float32), region.side, region.roll, side
    )
    oval = mesh[face_mesh.OVAL, :2] @ matrix[:, :2].T + matrix[:, 2]
    inside = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(oval).astype(np.int32), 1)
    laplacian = cv2.Laplacian(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    return float(laplacian[inside > 0].std()) if inside.any() else 0.0
