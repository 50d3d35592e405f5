"""Networks that carry an ArcFace embedding into another recogniser's space."""

from __future__ import annotations

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, Session, single_input


class EmbeddingConverter:
    """The ``crossface`` networks: raw ArcFace (N, 512) in, (N, 512) of another space out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)

    def convert(self, embeddings: FloatArray) -> FloatArray:
        """float32 (N, D) of raw, not normalised embeddings, float32 (N, 512).

        Raises:
            ContractError: the graph does not give one vector per embedding.
        """
        rows = [self._session.run({self._input: row[None]})[0] for row in embeddings]
        converted = np.concatenate(rows).astype(np.float32)
        if converted.ndim != 2 or len(converted) != len(embeddings):
            raise ContractError(f"expected one vector per embedding, got {converted.shape}")
        return converted
