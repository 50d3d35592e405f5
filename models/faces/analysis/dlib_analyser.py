"""Faces by dlib: histogram-of-gradients detector, 68 landmarks, 128-d descriptor."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

import cv2
import dlib
import numpy as np

from models.faces import identity
from models.faces.analysis.landmarks import DlibLandmarks, LandmarkFit, LandmarkPredictor
from models.faces.analysis.quality import measure_quality
from models.faces.face import Face, FloatArray
from models.geometry import points as geometry
from models.pixels.imaging import Image, upright_patch
from models.store.weights_path import bundled_weights


class _Candidate(NamedTuple):
    """A square that may hold a face, in image pixels; roll in degrees clockwise."""

    centre: FloatArray
    side: float
    roll: float
    score: float


class DlibAnalyser:
    """The analyser that needs no download; see :class:`models.faces.analysis.FaceAnalyser`.

    The detector looks at the image scaled to 640 and 1280 px, which finds upright faces from about
    60 px jaw width in a photo of that size. Only when that finds nothing, the image is
    framed (a face that fills the photo lacks the margin the detector wants) and turned in twelve
    steps.
    """

    name = "dlib"

    _SCALES_PX: Final = (640, 1280)
    _MAX_ENLARGEMENT: Final = 2.0
    _SWEEP_PX: Final = 480
    _SWEEP_STEP: Final = 30
    _FRAME: Final = 0.25
    """Frame round the image in the sweep, as a share of its longer side."""
    _MIN_SCORE: Final = 0.0
    _MAX_SPREAD: Final = 0.018
    """Of :class:`LandmarkFit`: at most 0.009 on the faces measured, 0.025 and up on false ones."""

    def __init__(self, landmarks: LandmarkPredictor | None = None) -> None:
        self._landmarks = landmarks or DlibLandmarks()
        self._detector_lock = threading.Lock()
        self._descriptor_lock = threading.Lock()
        self._detector: Any = None
        self._descriptor: Any = None

    def find_faces(self, image: Image) -> list[Face]:
        """The faces in `image`, uint8 (H, W, 3) BGR, largest first; none is an empty list."""
        faces = self._faces(image, self._detect_upright(image))
        if not faces:
            faces = self._faces(image, self._detect_turned(image))
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def with_landmarks(self, image: Image, face: Face) -> Face:
        """`face` with 68 landmarks, where another analyser found its five points only.

        Args:
            image: uint8 (H, W, 3) BGR.
            face: a face in it; one that has landmarks comes back as it is.

        Raises:
            ValueError: they cannot be made out.
        """
        if face.landmarks is not None:
            return face
        eyes, mouth = face.kps[:2].mean(axis=0), face.kps[3:].mean(axis=0)
        reach = max(np.linalg.norm(mouth - eyes), np.linalg.norm(face.kps[1] - face.kps[0]))
        # The square the trees know best, from the points: within 1 % of the jaw on 11 faces.
        centre, side = eyes + 0.55 * (mouth - eyes), 2.2 * float(reach)
        fit = self._landmarks.predict(image, centre, side, face.pose.roll)
        if not self._is_plausible(fit):
            raise ValueError("the landmarks of this face cannot be made out")
        return replace(face, landmarks=fit.points, pose=geometry.pose(fit.points))

    def embed(self, image: Image, face: Face) -> FloatArray:
        """dlib descriptor, float32 (128,), of `face` in `image`, uint8 (H, W, 3) BGR.

        Raises:
            ValueError: the face has no landmarks.
        """
        if face.landmarks is None:
            raise ValueError("the dlib descriptor needs 68 landmarks")
        points = face.landmarks
        centre = points.mean(axis=0)
        side = 2.5 * max(geometry.face_width(points), float(np.ptp(points, axis=0).max()) * 0.8)
        patch, matrix = upright_patch(image, centre, side, face.pose.roll, 400)
        inside = geometry.transform_points(points, matrix)
        corners = (*inside.min(axis=0), *inside.max(axis=0))
        shape = dlib.full_object_detection(
            dlib.rectangle(*(round(float(c)) for c in corners)),
            [dlib.point(round(float(x)), round(float(y))) for x, y in inside],
        )
        chip = dlib.get_face_chip(cv2.cvtColor(patch, cv2.COLOR_BGR2RGB), shape, 150, 0.25)
        with self._descriptor_lock:
            if self._descriptor is None:
                weights = bundled_weights("dlib_face_recognition_resnet_model_v1.dat")
                self._descriptor = dlib.face_recognition_model_v1(str(weights))
            return np.array(self._descriptor.compute_face_descriptor(chip), dtype=np.float32)

    def similarity(self, a: FloatArray, b: FloatArray) -> float:
        """Similarity 0 to 1 of two descriptors; see :mod:`models.faces.identity`."""
        return identity.dlib_similarity(a, b)

    def warm_up(self) -> None:
        """Loads detector, landmarks and descriptor."""
        blank = np.zeros((64, 64, 3), np.uint8)
        self._run_detector(blank)
        fit = self._landmarks.predict(blank, np.array([32, 32], np.float32), 32.0, 0.0)
        self.embed(blank, _face(blank, fit, 0.0))

    def _detect_upright(self, image: Image) -> list[_Candidate]:
        longest = max(image.shape[:2])
        found: list[_Candidate] = []
        done = 0.0
        for size in self._SCALES_PX:
            scale = min(size / longest, self._MAX_ENLARGEMENT)
            if scale == done:
                break
            done = scale
            interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
            for box, score in self._run_detector(small):
                centre = np.array([box[0] + box[2], box[1] + box[3]], np.float32) / (2 * scale)
                found.append(_Candidate(centre, (box[2] - box[0]) / scale, 0.0, score))
        return _merged(found)

    def _detect_turned(self, image: Image) -> list[_Candidate]:
        height, width = image.shape[:2]
        scale = min(self._SWEEP_PX / max(height, width), 1.0)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = round(self._FRAME * max(small.shape[:2]))
        framed = cv2.copyMakeBorder(small, *[frame] * 4, cv2.BORDER_REPLICATE)
        rows, columns = framed.shape[:2]
        middle = np.array([columns / 2, rows / 2], np.float32)
        found = []
        for roll in range(0, 360, self._SWEEP_STEP):
            turn = geometry.rotation_matrix(middle, -roll)
            cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
            size = (int(rows * sin + columns * cos), int(rows * cos + columns * sin))
            turn[:, 2] += np.array(size, np.float32) / 2 - middle
            turned = cv2.warpAffine(framed, turn, size, flags=cv2.INTER_LINEAR)
            back = cv2.invertAffineTransform(turn)
            for box, score in self._run_detector(turned):
                middle_of_box = np.array(
                    [[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]], np.float32
                )
                centre = (geometry.transform_points(middle_of_box, back)[0] - frame) / scale
                found.append(_Candidate(centre, (box[2] - box[0]) / scale, float(roll), score))
        return _merged(found)

    def _run_detector(self, image: np.ndarray) -> Iterable[tuple[tuple[int, int, int, int], float]]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        with self._detector_lock:
            if self._detector is None:
                self._detector = dlib.get_frontal_face_detector()
            boxes, scores, _ = self._detector.run(grey, 0, self._MIN_SCORE)
        return [
            ((box.left(), box.top(), box.right(), box.bottom()), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _faces(self, image: Image, candidates: list[_Candidate]) -> list[Face]:
        faces: list[Face] = []
        for candidate in candidates:
            fit = self._landmarks.predict(image, candidate.centre, candidate.side, candidate.roll)
            if self._is_plausible(fit):
                faces.append(_face(image, fit, candidate.score))
        return faces

    def _is_plausible(self, fit: LandmarkFit) -> bool:
        points = fit.points
        width = geometry.face_width(points)
        if fit.spread > self._MAX_SPREAD or width < 1:
            return False
        five = geometry.five_points(points)
        upright = geometry.transform_points(
            five, geometry.rotation_matrix(five[0], -geometry.roll_degrees(points))
        )
        eyes_apart = (upright[1, 0] - upright[0, 0]) / width
        mouth_below = (upright[3:, 1].mean() - upright[:2, 1].mean()) / width
        return 0.2 < eyes_apart < 0.8 and 0.2 < mouth_below < 1.0


def _merged(candidates: list[_Candidate]) -> list[_Candidate]:
    """The strongest of each group of candidates that mean one face."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: c.score, reverse=True):
        if all(
            np.linalg.norm(candidate.centre - other.centre) > 0.5 * max(candidate.side, other.side)
            for other in kept
        ):
            kept.append(candidate)
    return kept


def _face(image: Image, fit: LandmarkFit, score: float) -> Face:
    points = fit.points
    height, width = image.shape[:2]
    outline = np.vstack([points, geometry.forehead_arc(points, 0.62)])
    limits = np.array([width, height], np.float32)
    box = np.concatenate(
        [np.clip(outline.min(axis=0), 0, limits), np.clip(outline.max(axis=0), 0, limits)]
    )
    return Face(
        box=box.astype(np.float32),
        kps=geometry.five_points(points),
        landmarks=points,
        score=score,
        pose=geometry.pose(points),
        quality=measure_quality(image, points),
    )
