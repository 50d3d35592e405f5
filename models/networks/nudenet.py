"""NudeNet: which parts of a body a picture shows, and whether they are covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, single_input
from models.pixels.imaging import Image

SIZE_PX: Final = 320
CLASSES: Final = (
    "female_genitalia_covered",
    "face_female",
    "buttocks_exposed",
    "female_breast_exposed",
    "female_genitalia_exposed",
    "male_breast_exposed",
    "anus_exposed",
    "feet_exposed",
    "belly_covered",
    "feet_covered",
    "armpits_covered",
    "armpits_exposed",
    "face_male",
    "belly_exposed",
    "male_genitalia_exposed",
    "anus_covered",
    "female_breast_covered",
    "buttocks_covered",
)
_EXPOSED: Final = np.array([name.endswith("_exposed") for name in CLASSES])
_SAME_BOX: Final = 0.5
# Its publisher's code hands the network blue first, so that is the order its scores are known for.
_TENSOR: Final = ImageTensor(SIZE_PX, order="BGR")
# From here on a bilinear reduction in one step would skip pixels of the picture.
_LARGE_PX: Final = 4 * SIZE_PX


class NudeNet:
    """NudeNet 3.4's ``320n``, a YOLOv8 detector; the scores are those of its ``NudeDetector``.

    What a picture shows matters here, not where, but for one thing: a face that fills the picture
    is sometimes taken for another part of a body.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)

    def scores(self, image: Image, faces: Sequence[FloatArray] = ()) -> dict[str, float]:
        """The highest score, 0 to 1, of each of `CLASSES` anywhere in the picture.

        Args:
            image: uint8 (H, W, 3) BGR, of any size.
            faces: boxes (4,) of faces that were found in it, x1, y1, x2, y2 in pixels. What is
                exposed does not count where it is the face itself: where the two boxes share half
                of what they cover.

        Raises:
            ContractError: the graph's answer is not boxes with one score per class.
        """
        tensor = _TENSOR.encode(_squared(image)[None])
        answer = self._session.run({self._input: tensor})[0]
        if answer.ndim != 3 or answer.shape[:2] != (1, 4 + len(CLASSES)):
            raise ContractError(
                f"expected {len(CLASSES)} scores with each box, got shape {answer.shape}"
            )
        scores = answer[0, 4:]
        if not np.isfinite(scores).all():
            raise ContractError("a score is not a number")
        if len(faces):
            on_a_face = _overlaps(answer[0, :4] * (max(image.shape[:2]) / SIZE_PX), faces)
            scores = np.where(_EXPOSED[:, None] & (on_a_face >= _SAME_BOX), 0, scores)
        best = scores.max(axis=1)
        return {name: round(float(score), 4) for name, score in zip(CLASSES, best, strict=True)}


def _overlaps(places: FloatArray, faces: Sequence[FloatArray]) -> FloatArray:
    """Largest intersection over union, (N,), of answers with faces.

    Args:
        places: (4, N), middle x and y, width and height, in pixels of the picture.
        faces: boxes (4,).
    """
    low, high = places[:2] - places[2:] / 2, places[:2] + places[2:] / 2
    best = np.zeros(places.shape[1], np.float32)
    for face in faces:
        corner, far = face[:2, None], face[2:, None]
        shared = np.maximum(np.minimum(high, far) - np.maximum(low, corner), 0).prod(axis=0)
        covered = (high - low).prod(axis=0) + (far - corner).prod() - shared
        best = np.maximum(best, shared / np.maximum(covered, 1e-6))
    return best


def _squared(image: Image) -> Image:
    """The picture in the upper left of a black square of `SIZE_PX`, its shape kept."""
    longest = max(image.shape[:2])
    if longest > _LARGE_PX:
        # By a whole factor, which is several times as fast; at most its rest is lost at the edges.
        factor = longest // (2 * SIZE_PX)
        height, width = (max(side // factor, 1) for side in image.shape[:2])
        image = cv2.resize(
            image[: height * factor, : width * factor],
            (width, height),
            interpolation=cv2.INTER_AREA,
        ).astype(np.uint8, copy=False)
        longest = max(image.shape[:2])
    height, width = image.shape[:2]
    square = np.zeros((longest, longest, 3), np.uint8)
    square[:height, :width] = image
    small = cv2.resize(square, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)
    return small.astype(np.uint8, copy=False)
