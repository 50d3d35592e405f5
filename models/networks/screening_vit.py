"""A vision transformer that tells whether a picture as a whole is fit to be shown."""

from __future__ import annotations

import cv2
import numpy as np

from models.networks.base import ContractError, ImageTensor, Session, single_input
from models.pixels.imaging import Image
from models.store.cards import Contract


class ScreeningVit:
    """A classifier of whole pictures, such as AdamCodd's ``vit-base-nsfw-detector``.

    Args:
        session: of the graph.
        contract: from its card: size, scaling and the names of its classes.

    Raises:
        ContractError: the card names no classes, or the graph has not one input.
    """

    def __init__(self, session: Session, contract: Contract) -> None:
        if not contract.classes:
            raise ContractError("the card of a screening network must name its classes")
        self._session = session
        self._input = single_input(session)
        self._tensor = ImageTensor.from_card(contract)
        self._classes = contract.classes

    def scores(self, image: Image) -> dict[str, float]:
        """The probability, 0 to 1, of each class.

        Args:
            image: uint8 (H, W, 3) BGR; squeezed into the network's square, as its publisher does.

        Raises:
            ContractError: the graph does not give one number per class.
        """
        size = self._tensor.size
        shrinks = min(image.shape[:2]) > size
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        square = cv2.resize(image, (size, size), interpolation=interpolation)
        tensor = self._tensor.encode(square.astype(np.uint8, copy=False)[None])
        logits = np.asarray(self._session.run({self._input: tensor})[0], np.float64)
        if logits.shape != (1, len(self._classes)):
            raise ContractError(f"expected {len(self._classes)} numbers, got shape {logits.shape}")
        if not np.isfinite(logits).all():
            raise ContractError("a score is not a number")
        shares = np.exp(logits[0] - logits[0].max())
        shares /= shares.sum()
        return {
            name: round(float(share), 4) for name, share in zip(self._classes, shares, strict=True)
        }
