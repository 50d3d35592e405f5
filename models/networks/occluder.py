"""XSeg: what of a face is visible behind hands, hair and microphones."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, single_input
from models.networks.parser import resized
from models.pixels.imaging import Image

_TENSOR: Final = ImageTensor(256, order="BGR", layout="NHWC")


class Occluder:
    """DeepFaceLab's XSeg network as exported to ONNX."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)

    def visible(self, crop: Image) -> FloatArray:
        """How much of each pixel is face, float32 (256, 256), 0 to 1.

        Args:
            crop: uint8 (S, S, 3) BGR, aligned.

        Raises:
            ContractError: the graph's answer is not one number per pixel.
        """
        answer = self._session.run({self._input: _TENSOR.encode(resized(crop, 256)[None])})[0]
        if answer.size != 256 * 256:
            raise ContractError(f"expected a mask of 256 x 256 px, got shape {answer.shape}")
        return np.clip(answer.reshape(256, 256), 0, 1).astype(np.float32)
