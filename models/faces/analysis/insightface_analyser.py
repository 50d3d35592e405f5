"""Faces by insightface's networks: SCRFD detector, ArcFace recogniser, 106 landmarks if present.

The networks are run directly, with the crops, scalings and defaults of insightface 2.1's
``FaceAnalysis``: the answers are the same, while importing that package alone costs a cold worker
more time than loading the networks does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np

from models.faces.analysis.quality import measure_quality
from models.faces.face import Face, FloatArray, Pose, Quality
from models.geometry import points as geometry
from models.networks.arcface import ArcFace
from models.networks.base import Session
from models.networks.landmarks106 import Landmarks106
from models.networks.scrfd import Scrfd
from models.pixels.imaging import Image, upright_patch

_WIDTH_OVER_SPAN: Final = 2.2
"""Jaw width over the larger of eye distance and eye-to-mouth distance: 1.9 to 2.3 on 16 faces."""
_YAW_OVER_NOSE: Final = 0.77
"""Yaw by the jaw over the nose's place between the eyes, on the same faces."""
_FRONTAL_NOSE_HEIGHT: Final = 0.58
_PATCH_PX: Final = 256

_DETECTORS: Final = ("det_*.onnx", "det.onnx", "scrfd*.onnx")
_RECOGNISERS: Final = ("w600k*.onnx", "glint*.onnx", "rec.onnx", "arcface*.onnx")
_LANDMARKS: Final = ("2d106det.onnx",)


class InsightFaceAnalyser:
    """The analyser of the neural engine; see :class:`models.faces.analysis.FaceAnalyser`."""

    name = "insightface"

    def __init__(
        self, detector: Scrfd, recogniser: ArcFace, landmarks: Landmarks106 | None = None
    ) -> None:
        self._detector = detector
        self._recogniser = recogniser
        self._landmarks = landmarks

    @classmethod
    def from_pack(cls, folder: Path, open_session: Callable[[Path], Session]) -> Self:
        """The analyser of a model pack, such as buffalo_l, by the file names packs use.

        Only the networks that are needed are opened: pose, age and sex are not.

        Raises:
            FileNotFoundError: the folder lacks a detector or a recogniser.
            ContractError: a file is not the network its name says.
        """
        detector = _first(folder, _DETECTORS)
        recogniser = _first(folder, _RECOGNISERS)
        if detector is None or recogniser is None:
            raise FileNotFoundError("the model pack needs a detector and a recogniser")
        landmarks = _first(folder, _LANDMARKS)
        return cls(
            Scrfd(open_session(detector)),
            ArcFace(open_session(recogniser)),
            None if landmarks is None else Landmarks106(open_session(landmarks)),
        )

    def find_faces(self, image: Image) -> list[Face]:
        """The faces in `image`, uint8 (H, W, 3) BGR, largest first; none is an empty list."""
        found = self._detector.detect(image)
        faces = [
            self._face(image, box, float(score), kps)
            for box, score, kps in zip(*found, strict=True)
        ]
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def embed(self, image: Image, face: Face) -> FloatArray:
        """Raw ArcFace embedding, float32 (D,), of `face` in `image`, uint8 (H, W, 3) BGR."""
        return self._recogniser.embed(image, face.kps)

    def similarity(self, a: FloatArray, b: FloatArray) -> float:
        """Cosine, -1 to 1, of two embeddings of any length."""
        return cosine(a, b)

    def _face(self, image: Image, box: FloatArray, score: float, kps: FloatArray) -> Face:
        height, width = image.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        landmarks = None if self._landmarks is None else self._landmarks.predict(image, box)
        if landmarks is None:
            pose, quality = pose_of(kps), quality_of(image, kps)
        else:
            pose, quality = geometry.pose(landmarks), measure_quality(image, landmarks)
        return Face(
            box=np.clip(box, 0, limits).astype(np.float32),
            kps=kps,
            landmarks=landmarks,
            score=score,
            pose=pose,
            quality=quality,
        )


def cosine(a: FloatArray, b: FloatArray) -> float:
    """Cosine of the angle between two vectors; 0 when one of them is zero."""
    length = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.clip(np.dot(a, b) / length, -1, 1)) if length else 0.0


def pose_of(kps: FloatArray) -> Pose:
    """Rough yaw, pitch and roll, in degrees, of five points (5, 2)."""
    across = kps[1] - kps[0]
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    upright = geometry.transform_points(kps, geometry.rotation_matrix(kps[0], -roll))
    left, right, nose = upright[0, 0], upright[1, 0], upright[2]
    eyes, mouth = upright[:2, 1].mean(), upright[3:, 1].mean()
    nearer = (nose[0] - left) - (right - nose[0])
    reach = max(abs(nose[0] - left) + abs(right - nose[0]), 1e-6)
    pitch = (nose[1] - eyes) / max(mouth - eyes, 1e-6) - _FRONTAL_NOSE_HEIGHT
    return Pose(
        yaw=geometry.YAW_DEGREES * float(np.clip(_YAW_OVER_NOSE * nearer / reach, -1, 1)),
        pitch=geometry.PITCH_DEGREES * float(np.clip(pitch, -0.8, 0.8)),
        roll=roll,
    )


def quality_of(image: Image, kps: FloatArray) -> Quality:
    """Size and sharpness of the face with five points `kps` (5, 2) in uint8 (H, W, 3) BGR."""
    eyes, mouth = kps[:2].mean(axis=0), kps[3:].mean(axis=0)
    span = max(np.linalg.norm(kps[1] - kps[0]), np.linalg.norm(mouth - eyes))
    width = max(float(_WIDTH_OVER_SPAN * span), 1.0)
    patch, _ = upright_patch(image, kps.mean(axis=0), 2 * width, pose_of(kps).roll, _PATCH_PX)
    laplacian = cv2.Laplacian(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    centre = slice(_PATCH_PX // 4, -_PATCH_PX // 4)
    return Quality(width_px=width, sharpness=float(laplacian[centre, centre].std()))


def _first(folder: Path, patterns: Iterable[str]) -> Path | None:
    matches = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(matches, None)
