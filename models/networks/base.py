"""What every network needs: a session, and the way from images to tensors and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.networks.errors import ContractError as ContractError
from models.pixels.imaging import Image
from models.store.cards import Contract

Tensor = NDArray[Any]
Channels = tuple[float, float, float]

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


class TensorInfo(Protocol):
    """Name and shape of an input or output, as ONNX Runtime's ``NodeArg`` has them."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> list[int | str | None]: ...


class Session(Protocol):
    """A loaded graph. May be called by several threads at once."""

    def get_inputs(self) -> Sequence[TensorInfo]: ...

    def get_outputs(self) -> Sequence[TensorInfo]: ...

    def run(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Every output of the graph, in the graph's order."""
        ...


@dataclass(frozen=True)
class ImageTensor:
    """How an image becomes a tensor.

    Attributes:
        size: side of the square image in pixels.
        mean: subtracted from each channel, in the network's channel order, after scaling 0 to 1.
        std: each channel is divided by this afterwards.
        order: the network's channel order.
        layout: ``NCHW`` (channels first) or ``NHWC``.
    """

    size: int
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    @classmethod
    def from_card(cls, contract: Contract) -> Self:
        """The input a card of the manifest states; without mean and std, 0 to 1."""
        return cls(
            size=contract.size,
            mean=contract.mean or cls.mean,
            std=contract.std or cls.std,
            order="RGB" if contract.colour == "rgb" else "BGR",
            layout="NCHW" if contract.layout == "nchw" else "NHWC",
        )

    def for_output(self, contract: Contract) -> Self:
        """The same tensor with the scaling the card states for the answer, if it does."""
        if contract.output_mean is None or contract.output_std is None:
            return self
        return replace(self, mean=contract.output_mean, std=contract.output_std)

    def encode(self, images: Image) -> FloatArray:
        """float32 tensor (N, 3, S, S) or (N, S, S, 3) of `images`, uint8 (N, S, S, 3) BGR.

        Raises:
            ValueError: the images are not of this size.
        """
        if images.ndim != 4 or images.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"expected (N, {self.size}, {self.size}, 3), got shape {images.shape}")
        ordered = images[..., ::-1] if self.order == "RGB" else images
        if self.layout == "NCHW":
            ordered = ordered.transpose(0, 3, 1, 2)
        tensor = np.ascontiguousarray(ordered, dtype=np.float32)
        tensor *= self._per_channel([1.0 / (255.0 * std) for std in self.std])
        if any(self.mean):
            tensor -= self._per_channel(
                [mean / std for mean, std in zip(self.mean, self.std, strict=True)]
            )
        return tensor

    def decode(self, tensor: FloatArray, *, truncate: bool = False) -> Image:
        """uint8 (N, S, S, 3) BGR, the inverse of :meth:`encode`, values out of range clipped.

        Args:
            tensor: float32 (N, 3, S, S) or (N, S, S, 3); S may differ from :attr:`size`.
            truncate: cut the fraction off as insightface does, where rounding is nearer.
        """
        values = np.asarray(tensor, dtype=np.float32)
        values = values * self._per_channel([255.0 * std for std in self.std])
        if any(self.mean):
            values += self._per_channel([255.0 * mean for mean in self.mean])
        if not truncate:
            values += np.float32(0.5)
        np.clip(values, 0, 255, out=values)
        if self.layout == "NCHW":
            values = values.transpose(0, 2, 3, 1)
        ordered = values[..., ::-1] if self.order == "RGB" else values
        return np.ascontiguousarray(ordered, dtype=np.uint8)

    def _per_channel(self, values: Sequence[float]) -> FloatArray:
        array = np.array(values, dtype=np.float32)
        return array[:, None, None] if self.layout == "NCHW" else array


def run_in_batches(
    run: Callable[[slice], Tensor],
    count: int,
    max_batch: int,
    on_batch: Callable[[float], None] | None = None,
) -> Tensor:
    """The outputs of `run` over ``range(count)`` in slices of at most `max_batch`, joined.

    `on_batch` is called with the fraction done after each slice.
    """
    parts = []
    for start in range(0, count, max_batch):
        stop = min(start + max_batch, count)
        parts.append(run(slice(start, stop)))
        if on_batch is not None:
            on_batch(stop / count)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def single_input(session: Session) -> str:
    """Name of the only input.

    Raises:
        ContractError: the graph has none or several.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ContractError(f"expected one input, the graph has {len(inputs)}")
    return inputs[0].name


def require_inputs(session: Session, *names: str) -> None:
    """Checks that the graph takes exactly the inputs `names`.

    Raises:
        ContractError: it does not.
    """
    present = {tensor.name for tensor in session.get_inputs()}
    if present != set(names):
        raise ContractError(f"expected inputs {sorted(names)}, the graph has {sorted(present)}")


def fixed_size(info: TensorInfo, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The sizes of `axes` where the graph fixes all of them, else None."""
    sizes = [info.shape[axis] for axis in axes] if len(info.shape) > max(axes) else [None]
    fixed = tuple(size for size in sizes if isinstance(size, int) and size > 0)
    return fixed if len(fixed) == len(axes) else None


def unit(vectors: NDArray[np.floating[Any]]) -> FloatArray:
    """Vectors (..., D) scaled to length 1; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)
