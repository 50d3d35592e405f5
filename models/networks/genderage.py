"""insightface's ``genderage`` network, read for the years a face looks like and for nothing else.

The answer is an estimate of a look. It is no fact about a person, and nothing keeps it. The two
scores for sex that the network gives beside it are not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.pixels.imaging import Image
from models.store.onnx_file import OnnxProblem, read_onnx

SIZE_PX: Final = 96
_MARGIN: Final = 1.5
_FIRST_NODES: Final = 8
_AS_IT_IS: Final = ImageTensor(SIZE_PX, std=(1 / 255,) * 3)
_CENTRED: Final = ImageTensor(SIZE_PX, mean=(127.5 / 255,) * 3, std=(128 / 255,) * 3)


class GenderAge:
    """Crop and numbers are those of insightface's ``Attribute``.

    Args:
        session: of the graph.
        scales_itself: whether the graph takes pixels as they are; see :func:`scales_itself`.

    Raises:
        ContractError: the graph does not take crops of 96 px or does not give three numbers.
    """

    def __init__(self, session: Session, scales_itself: bool) -> None:
        self._session = session
        self._input = single_input(session)
        self._tensor = _AS_IT_IS if scales_itself else _CENTRED
        taken, given = session.get_inputs()[0], session.get_outputs()[0].shape
        if fixed_size(taken, (1, 2, 3)) not in {None, (3, SIZE_PX, SIZE_PX)}:
            raise ContractError(f"the age network does not take {SIZE_PX} px crops: {taken.shape}")
        if len(given) != 2 or given[1] != 3:
            raise ContractError(f"the age network does not give three numbers: {given}")

    def years(self, image: Image, box: FloatArray) -> float:
        """Years the face looks like, at least 0.

        Args:
            image: uint8 (H, W, 3) BGR.
            box: (4,) x1, y1, x2, y2 of the face in pixels.

        Raises:
            ContractError: the answer is not a number.
        """
        x1, y1, x2, y2 = (float(value) for value in box)
        scale = SIZE_PX / (max(x2 - x1, y2 - y1, 1.0) * _MARGIN)
        shift = SIZE_PX / 2 - np.array([(x1 + x2) / 2, (y1 + y2) / 2]) * scale
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        crop = cv2.warpAffine(image, matrix, (SIZE_PX, SIZE_PX), borderValue=0.0)
        tensor = self._tensor.encode(crop.astype(np.uint8, copy=False)[None])
        age = float(self._session.run({self._input: tensor})[0].reshape(-1)[2]) * 100
        if not np.isfinite(age):
            raise ContractError("the age network's answer is not a number")
        return max(age, 0.0)


def scales_itself(path: Path) -> bool:
    """Whether the graph in the file at `path` begins by scaling its input, as insightface tells.

    Raises:
        ContractError: the file is no ONNX graph.
    """
    try:
        names = read_onnx(path).node_names[:_FIRST_NODES]
    except OnnxProblem as problem:
        raise ContractError(f"the age network cannot be read: {problem}") from problem
    subtracts = any(name.startswith(("Sub", "_minus")) for name in names)
    multiplies = any(name.startswith(("Mul", "_mul")) for name in names)
    return "bn_data" in names[:3] or (subtracts and multiplies)
