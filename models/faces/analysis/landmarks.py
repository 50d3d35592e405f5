"""68 landmarks of a face whose place is known.

The predictor that comes with dlib was trained on the iBUG 300-W set, whose terms exclude
commercial use. Anything that answers :class:`LandmarkPredictor` can take its place.
"""

from __future__ import annotations

import threading
from typing import Any, Final, NamedTuple, Protocol

import cv2
import dlib
import numpy as np

from models.faces.face import FloatArray
from models.geometry import points as geometry
from models.pixels.imaging import Image, upright_patch
from models.store.weights_path import bundled_weights


class LandmarkFit(NamedTuple):
    """Landmarks and how sure they are.

    Attributes:
        points: float32 (68, 2) in iBUG order, image pixels.
        spread: mean distance between the attempts and their median, as a share of the jaw width.
            Small (under 0.01) on a face, large where there is none.
    """

    points: FloatArray
    spread: float


class LandmarkPredictor(Protocol):
    """Places 68 landmarks in iBUG 300-W order."""

    def predict(self, image: Image, centre: FloatArray, side: float, roll: float) -> LandmarkFit:
        """Landmarks of one face.

        Args:
            image: uint8 (H, W, 3) BGR.
            centre: (2,) middle of the face square, brows to chin, in pixels.
            side: length of the square's sides in pixels.
            roll: rough tilt of the face in degrees, positive clockwise on screen.
        """
        ...


class DlibLandmarks:
    """dlib's regression trees (Kazemi and Sullivan, CVPR 2014), median of several starts.

    The trees are not invariant to rotation, so the face is turned upright first, and once more
    when the first fit shows that it is still tilted.
    """

    _PATCH_PX: Final = 400
    _MARGIN: Final = 2.0
    """Side of the patch over side of the face square."""
    _STARTS: Final = (
        (0.0, 0.0, 1.0),
        (-0.04, 0.0, 1.0),
        (0.04, 0.0, 1.0),
        (0.0, -0.04, 1.0),
        (0.0, 0.04, 1.0),
        (0.0, 0.0, 0.94),
        (0.0, 0.0, 1.07),
    )
    """Shift right, shift down and size of each start, as shares of the square's side."""
    _LEVEL_DEGREES: Final = 6.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._predictor: Any = None

    def predict(self, image: Image, centre: FloatArray, side: float, roll: float) -> LandmarkFit:
        fit = self._fit(image, centre, side, roll)
        tilt = geometry.roll_degrees(fit.points)
        if abs((tilt - roll + 180) % 360 - 180) > self._LEVEL_DEGREES:
            fit = self._fit(image, centre, side, tilt)
        return fit

    def _fit(self, image: Image, centre: FloatArray, side: float, roll: float) -> LandmarkFit:
        patch, matrix = upright_patch(image, centre, side * self._MARGIN, roll, self._PATCH_PX)
        grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
        attempts = self._attempts(grey)
        median = np.median(attempts, axis=0).astype(np.float32)
        distances = np.linalg.norm(attempts - median, axis=2).mean()
        spread = float(distances) / max(geometry.face_width(median), 1e-6)
        points = geometry.transform_points(median, cv2.invertAffineTransform(matrix))
        return LandmarkFit(points, spread)

    def _attempts(self, grey: np.ndarray) -> FloatArray:
        square = self._PATCH_PX / self._MARGIN
        middle = self._PATCH_PX / 2
        attempts = []
        with self._lock:
            if self._predictor is None:
                weights = bundled_weights("shape_predictor_68_face_landmarks.dat")
                self._predictor = dlib.shape_predictor(str(weights))
            for right, down, size in self._STARTS:
                half = square * size / 2
                x, y = middle + right * square, middle + down * square
                corners = (x - half, y - half, x + half, y + half)
                rectangle = dlib.rectangle(*(round(corner) for corner in corners))
                shape = self._predictor(grey, rectangle)
                attempts.append([(p.x, p.y) for p in shape.parts()])
        return np.array(attempts, dtype=np.float32)
