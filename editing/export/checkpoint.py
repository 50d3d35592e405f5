"""Reading an e4e checkpoint, strictly: all of its keys, in their shapes, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from editing.export.architecture import Architecture, CheckpointError, check_shapes


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights by key, float32 but for counters, and the average latent (layers, width)."""

    state: dict[str, Tensor]
    latent_average: Tensor


class State:
    """The tensors under one prefix of a checkpoint, as float32 copies."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str) -> None:
        self._tensors = tensors
        self._prefix = prefix

    def __getitem__(self, key: str) -> Tensor:
        return self._tensors[f"{self._prefix}.{key}"].detach().float().clone()

    def under(self, name: str) -> State:
        """The tensors whose keys go on with `name`."""
        return State(self._tensors, f"{self._prefix}.{name}")


def read_checkpoint(path: Path, architecture: Architecture) -> Checkpoint:
    """Loads `path` without running anything that is in it.

    Raises:
        CheckpointError: it is no PyTorch file, holds more than plain data, or differs from
            `architecture` in a key or a shape.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, UnpicklingError, OSError, EOFError) as error:
        raise CheckpointError(
            f"not a readable PyTorch checkpoint of plain data: {error}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise CheckpointError("the file has no state_dict")
    state = content["state_dict"]
    check_shapes({key: tuple(value.shape) for key, value in state.items()}, architecture.shapes())
    latent = content.get("latent_avg")
    expected = (architecture.layers, architecture.width)
    if not isinstance(latent, Tensor) or tuple(latent.shape) != expected:
        raise CheckpointError(f"latent_avg is missing or not of shape {expected}")
    return Checkpoint(state, latent)
