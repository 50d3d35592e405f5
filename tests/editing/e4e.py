"""Checkpoints made up from a seed: the keys and shapes of the real one, or of a narrow one.

``python -m tests.editing.e4e FILE`` writes one of full size, 1.2 GB.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from editing.export.architecture import Architecture

if TYPE_CHECKING:
    from torch import Tensor

KEYS_PATH = Path(__file__).with_name("e4e_keys.json")

NARROW = Architecture(
    size=256,
    width=32,
    channels={4: 24, 8: 24, 16: 20, 32: 16, 64: 12, 128: 8, 256: 8},
    stages=((8, 2), (12, 1), (16, 2), (32, 1)),
    squeeze=4,
)


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Key to shape of the published checkpoint's state_dict."""
    return {key: tuple(shape) for key, shape in json.loads(KEYS_PATH.read_text()).items()}


def made_up_state(architecture: Architecture, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of about the scale of trained ones, with no zero that could hide a mistake."""
    import torch

    from editing.export.generator import fir_kernel

    generator = torch.Generator().manual_seed(seed)

    def tensor(key: str, shape: tuple[int, ...]) -> Tensor:
        noise = torch.randn(shape, generator=generator)
        if key.endswith("num_batches_tracked"):
            return torch.tensor(1000)
        if key.endswith("kernel"):
            return fir_kernel()
        if key.endswith("running_var"):
            return noise.abs() + 0.5
        if key.endswith("modulation.bias"):
            return 1 + 0.1 * noise
        if key.startswith("encoder.") and len(shape) == 4:
            return noise / (shape[1] * shape[2] * shape[3]) ** 0.5
        if key.startswith("encoder.") and key.endswith("weight") and len(shape) == 1:
            return 0.5 + 0.1 * noise
        if key.endswith("bias") or key.endswith("noise.weight") or key.endswith("running_mean"):
            return 0.1 * noise
        return noise

    return {key: tensor(key, shape) for key, shape in architecture.shapes().items()}


def write_checkpoint(path: Path, architecture: Architecture, seed: int = 0) -> Path:
    """A made-up checkpoint in the form of the published file."""
    import torch

    average = torch.randn(
        (1, architecture.width), generator=torch.Generator().manual_seed(seed + 1)
    )
    torch.save(
        {
            "state_dict": made_up_state(architecture, seed),
            "latent_avg": average.repeat(architecture.layers, 1),
            "opts": {"stylegan_size": architecture.size, "start_from_latent_avg": True},
        },
        path,
    )
    return path


if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]), Architecture())
