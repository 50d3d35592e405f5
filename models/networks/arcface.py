"""ArcFace recognition: whose face a crop shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.geometry.crops import ARCFACE_112, crop_matrix
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.pixels.imaging import Image

SIZE_PX: Final = 112
_TENSOR: Final = ImageTensor(SIZE_PX, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class ArcFace:
    """insightface's recognition networks (w600k_r50 and its kin).

    Crop and numbers are those of insightface's ``ArcFaceONNX``, so that thresholds published for
    its embeddings hold.

    Raises:
        ContractError: the graph does not take crops of 112 px.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)
        info = session.get_inputs()[0]
        if fixed_size(info, (1, 2, 3)) not in {None, (3, SIZE_PX, SIZE_PX)}:
            raise ContractError(f"the recogniser does not take {SIZE_PX} px crops: {info.shape}")
        self._single = fixed_size(info, (0,)) == (1,)

    def embed(self, image: Image, kps: FloatArray) -> FloatArray:
        """Raw embedding, float32 (D,), of the face with five points `kps` (5, 2) in `image`.

        `image` is uint8 (H, W, 3) BGR.
        """
        return self.embed_crops([self.align(image, kps)])[0]

    @staticmethod
    def align(image: Image, kps: FloatArray) -> Image:
        """The 112 px crop, uint8 (112, 112, 3) BGR, by one bilinear warp, black outside."""
        matrix = crop_matrix(kps, ARCFACE_112, SIZE_PX)
        crop = cv2.warpAffine(image, matrix, (SIZE_PX, SIZE_PX), borderValue=0.0)
        return crop.astype(np.uint8, copy=False)

    def embed_crops(self, crops: Sequence[Image]) -> FloatArray:
        """Raw embeddings, float32 (N, D), of aligned crops, each uint8 (112, 112, 3) BGR."""
        tensor = _TENSOR.encode(np.stack(crops))
        batches = [tensor[i : i + 1] for i in range(len(tensor))] if self._single else [tensor]
        parts = [self._session.run({self._input: batch})[0] for batch in batches]
        return np.concatenate(parts).reshape(len(crops), -1).astype(np.float32)
