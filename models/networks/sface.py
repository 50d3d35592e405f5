"""SFace: whose face a crop shows.

Zhong et al., "SFace: sigmoid-constrained hypersphere loss for robust face recognition", IEEE
Transactions on Image Processing 30, 2021.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.faces.face import FloatArray
from models.networks.arcface import ArcFace
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.pixels.imaging import Image

DIMENSIONS: Final = 128
_TENSOR: Final = ImageTensor(112, std=(1 / 255,) * 3)
"""Crops are ArcFace's; values go in as they are, 0 to 255, RGB."""


class SFace:
    """The recogniser of OpenCV's model zoo (``face_recognition_sface_2021dec``).

    Raises:
        ContractError: the graph does not take crops of 112 px.
    """

    def __init__(self, session: Session) -> None:
        if fixed_size(session.get_inputs()[0], (2, 3)) not in {None, (112, 112)}:
            raise ContractError("not SFace: it takes no crops of 112 px")
        self._session = session
        self._input = single_input(session)

    def embed(self, image: Image, kps: FloatArray) -> FloatArray:
        """Identity vector, float32 (128,), not normalised, of a face in `image`.

        Args:
            image: uint8 (H, W, 3) BGR.
            kps: (5, 2), as in ``Face.kps``.
        """
        tensor = _TENSOR.encode(ArcFace.align(image, kps)[None])
        vector = self._session.run({self._input: tensor})[0].reshape(-1)
        return vector.astype(np.float32)
