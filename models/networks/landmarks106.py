"""insightface's 106-point landmarks, brought to the 68 points the rest of the program knows."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, single_input
from models.pixels.imaging import Image

_SIZE_PX: Final = 192
_MARGIN: Final = 1.5
# The graph scales its own input, so the pixels go in as they are.
_TENSOR: Final = ImageTensor(_SIZE_PX, std=(1 / 255,) * 3)

_IBUG_FROM_106: Final = np.array(
    [
        *(1, 10, 12, 14, 16, 3, 5, 7, 0, 23, 21, 19, 32, 30, 28, 26, 17),
        *(43, 48, 49, 51, 50),
        *(102, 103, 104, 105, 101),
        *(72, 73, 74, 86, 78, 79, 80, 85, 84),
        *(35, 41, 42, 39, 37, 36),
        *(89, 95, 96, 93, 91, 90),
        *(52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55),
        *(65, 66, 62, 70, 69, 57, 60, 54),
    ]
)
"""Which of the 106 points stands for each of iBUG's 68: jaw, brows, nose, eyes, mouth."""


class Landmarks106:
    """The ``2d106det`` network.

    Raises:
        ContractError: the graph does not give 106 points.
    """

    def __init__(self, session: Session) -> None:
        shape = session.get_outputs()[0].shape
        if shape[-1] != 212:
            raise ContractError(f"the landmark network does not give 106 points: {shape}")
        self._session = session
        self._input = single_input(session)

    def predict(self, image: Image, box: FloatArray) -> FloatArray:
        """68 landmarks, float32 (68, 2) in iBUG order, image pixels.

        Args:
            image: uint8 (H, W, 3) BGR.
            box: (4,) x1, y1, x2, y2 of the face.
        """
        x1, y1, x2, y2 = (float(value) for value in box)
        scale = _SIZE_PX / (max(x2 - x1, y2 - y1) * _MARGIN)
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        shift = _SIZE_PX / 2 - centre * scale
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        crop = cv2.warpAffine(image, matrix, (_SIZE_PX, _SIZE_PX), borderValue=0.0)
        tensor = _TENSOR.encode(crop.astype(np.uint8, copy=False)[None])
        answer = self._session.run({self._input: tensor})[0]
        points = (answer.reshape(106, 2) + 1) * (_SIZE_PX // 2)
        return ((points[_IBUG_FROM_106] - shift) / scale).astype(np.float32)
