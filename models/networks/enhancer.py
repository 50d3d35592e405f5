"""Face restoration: finer skin, eyes and hair for a crop that was drawn small."""

from __future__ import annotations

from typing import Self

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, single_input
from models.pixels.imaging import Image
from models.store.cards import Contract, Manifest


class FaceEnhancer:
    """Runs one enhancer: an aligned crop in, the same crop finer out.

    Args:
        session: the loaded graph.
        tensor: how the crop becomes a tensor.
        template: five points of the crop, float32 (5, 2), as shares of its side.
        output: how the answer becomes an image; as `tensor` when not given.
    """

    def __init__(
        self,
        session: Session,
        tensor: ImageTensor,
        template: FloatArray,
        output: ImageTensor | None = None,
    ) -> None:
        self.size = tensor.size
        self.template = template
        self._session = session
        self._input = single_input(session)
        self._tensor = tensor
        self._output = output or tensor

    @classmethod
    def from_card(cls, session: Session, contract: Contract, manifest: Manifest) -> Self:
        """The enhancer a card of the manifest describes."""
        tensor = ImageTensor.from_card(contract)
        template = manifest.templates[contract.template]
        return cls(session, tensor, template, tensor.for_output(contract))

    def enhance(self, crop: Image) -> Image:
        """The restored crop, uint8 (S, S, 3) BGR, of one of the same size.

        Raises:
            ContractError: the answer has another size.
        """
        answer = self._session.run({self._input: self._tensor.encode(crop[None])})[0]
        if answer.shape != (1, 3, self.size, self.size):
            raise ContractError(f"expected one restored crop, got shape {answer.shape}")
        return self._output.decode(answer)[0]
