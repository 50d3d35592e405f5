"""Face swappers: an aligned target crop and an identity in, the swapped crop out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import (
    ContractError,
    ImageTensor,
    Session,
    Tensor,
    fixed_size,
    require_inputs,
    run_in_batches,
)
from models.networks.boost import boost_sides
from models.pixels.imaging import Image
from models.store.cards import Contract, Manifest, Source


@dataclass(frozen=True, eq=False)
class SourceCrop:
    """A source that is told by a photo.

    Attributes:
        template: five points of the source crop, float32 (5, 2), as shares of its side.
        image: how the source crop becomes a tensor.
    """

    template: FloatArray
    image: ImageTensor


@dataclass(frozen=True, eq=False)
class SwapperContract:
    """What one swapper's graph takes and gives. Its inputs are called ``source`` and ``target``.

    Attributes:
        template: five points of the target crop, float32 (5, 2), as shares of its side.
        target: how the target crop becomes a tensor.
        output: how the answer becomes an image.
        source: what the graph's ``source`` is.
        source_crop: how a source photo is cut, where ``source`` is a crop; else None.
    """

    template: FloatArray
    target: ImageTensor
    output: ImageTensor
    source: Source
    source_crop: SourceCrop | None = None

    @classmethod
    def from_card(cls, contract: Contract, manifest: Manifest) -> Self:
        """The contract a card of the manifest states.

        Raises:
            ContractError: the card is no swapper's, or says too little.
        """
        source = contract.source
        if source is None or not contract.template:
            raise ContractError("the card is not that of a swapper with an alignment")
        target = ImageTensor.from_card(contract)
        source_crop = None
        if source.kind == "face_crop":
            points = manifest.templates[source.template]
            source_crop = SourceCrop(points, ImageTensor(source.size))
        return cls(
            template=manifest.templates[contract.template],
            target=target,
            output=target.for_output(contract),
            source=source,
            source_crop=source_crop,
        )

    @property
    def size(self) -> int:
        """Side of the crop in pixels."""
        return self.target.size

    @property
    def boosts(self) -> tuple[int, ...]:
        """Sides in pixels that pixel boost offers, the native size first."""
        return boost_sides(self.size)


class FaceSwapper:
    """Runs one swapper.

    Args:
        session: the loaded graph.
        contract: what it takes and gives.
        max_batch: crops per run. More than 1 only for a graph whose batch axis is free and was
            shown to give what single runs give.

    Raises:
        ContractError: the graph does not fit the contract.
    """

    def __init__(self, session: Session, contract: SwapperContract, max_batch: int = 1) -> None:
        require_inputs(session, "source", "target")
        size = (contract.size, contract.size)
        shapes = {info.name: info for info in session.get_inputs()}
        if fixed_size(shapes["target"], (2, 3)) not in {None, size}:
            raise ContractError(f"the graph does not take crops of {contract.size} px")
        self.contract = contract
        self._session = session
        self._max_batch = max(max_batch, 1)

    def swap(
        self,
        crops: Image,
        sources: FloatArray | Image,
        on_batch: Callable[[float], None] | None = None,
        *,
        truncate: bool = False,
    ) -> Image:
        """The swapped crops, uint8 (N, S, S, 3) BGR.

        Args:
            crops: uint8 (N, S, S, 3) BGR, aligned by the contract's template.
            sources: float32 (N, D) in the swapper's identity space, or uint8 (N, s, s, 3) BGR
                source crops where the contract has a `source_crop`.
            on_batch: called with the fraction done after each run.
            truncate: see :meth:`ImageTensor.decode`.

        Raises:
            ContractError: the answer is not one crop of the same size per crop.
        """
        contract = self.contract

        def run(part: slice) -> Image:
            source: Tensor = sources[part]
            if contract.source_crop is not None:
                source = contract.source_crop.image.encode(source)
            answer = self._session.run(
                {"source": source, "target": contract.target.encode(crops[part])}
            )[0]
            if answer.shape != (len(source), 3, contract.size, contract.size):
                raise ContractError(f"expected swapped crops, got shape {answer.shape}")
            return contract.output.decode(answer, truncate=truncate)

        if len(crops) == 0:
            return crops
        return np.asarray(run_in_batches(run, len(crops), self._max_batch, on_batch), np.uint8)
