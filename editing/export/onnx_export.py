"""Writing the two graphs and proving that ONNX Runtime computes what PyTorch does."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from editing.export.architecture import Architecture
from editing.export.checkpoint import Checkpoint
from editing.export.encoder import Encoder
from editing.export.generator import Synthesis
from models.networks import stylegan, stylegan_export
from models.networks.base import ImageTensor
from models.pixels.imaging import Image

OPSET: Final = 18
TOLERANCE: Final = 1e-4
MAX_BATCH: Final = 64
_PROBE_STEP: Final = 0.3


class ExportMismatchError(RuntimeError):
    """A written graph does not compute what the network does."""


@dataclass(frozen=True)
class ExportReport:
    """What an export found.

    Attributes:
        size: side of the generator's images in pixels.
        layers: rows of W+.
        encoder_difference, generator_difference: largest difference of ONNX Runtime and PyTorch,
            in units of W+ and of images from -1 to 1.
        encoder_bytes, generator_bytes: size of the files.
        seconds: how long it took.
    """

    size: int
    layers: int
    encoder_difference: float
    generator_difference: float
    encoder_bytes: int
    generator_bytes: int
    seconds: float


def export_graphs(
    checkpoint: Checkpoint,
    architecture: Architecture,
    size: int,
    folder: Path,
    crop: Image,
    source_sha256: str,
    preview_size: int | None = None,
) -> ExportReport:
    """Writes encoder, generator and their record to `folder` after checking all of them.

    Args:
        checkpoint: the weights.
        architecture: their widths.
        size: side of the generator's images, at most the checkpoint's.
        folder: made if it is not there; older graphs in it are replaced once the new are proved.
        crop: uint8 (256, 256, 3) BGR, a face in the FFHQ frame to check with.
        source_sha256: digest of the checkpoint's file, for the record.
        preview_size: side of a second, smaller generator for quick looks, or None for none.

    Raises:
        ExportMismatchError: ONNX Runtime and PyTorch differ by more than :data:`TOLERANCE`.
        ValueError: the checkpoint has no image of `size`, or `preview_size` is not below it.
    """
    if preview_size is not None and preview_size >= size:
        raise ValueError("quick looks must be smaller than the images themselves")
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    pair = ImageTensor(stylegan.ENCODER_SIZE, mean=(0.5,) * 3, std=(0.5,) * 3).encode(
        np.stack([crop, crop[:, ::-1]])
    )
    encoder_difference, latents = _written(
        Encoder(checkpoint, architecture, size),
        torch.from_numpy(pair),
        folder / f"{stylegan_export.ENCODER_NAME}.part",
        ("image", "w_plus"),
    )
    # Rows that differ, so that a row gone astray shows.
    generator = torch.Generator().manual_seed(size)
    probe = latents + _PROBE_STEP * torch.randn(latents.shape, generator=generator)
    generator_difference, _ = _written(
        Synthesis(checkpoint, architecture, size),
        probe,
        folder / f"{stylegan_export.GENERATOR_NAME}.part",
        ("w_plus", "image"),
    )
    names = [stylegan_export.ENCODER_NAME, stylegan_export.GENERATOR_NAME]
    if preview_size is not None:
        small = Synthesis(checkpoint, architecture, preview_size)
        difference, _ = _written(
            small,
            probe[:, : replace(architecture, size=preview_size).layers],
            folder / f"{stylegan_export.PREVIEW_NAME}.part",
            ("w_plus", "image"),
        )
        generator_difference = max(generator_difference, difference)
        names.append(stylegan_export.PREVIEW_NAME)
    else:
        # One of an earlier export would not belong to these weights.
        (folder / stylegan_export.PREVIEW_NAME).unlink(missing_ok=True)
    for name in names:
        (folder / f"{name}.part").replace(folder / name)
    stylegan_export.write_record(
        folder,
        size=size,
        source_sha256=source_sha256,
        figures={
            "encoder_difference": encoder_difference,
            "generator_difference": generator_difference,
            "opset": OPSET,
        },
    )
    return ExportReport(
        size=size,
        layers=latents.shape[1],
        encoder_difference=encoder_difference,
        generator_difference=generator_difference,
        encoder_bytes=(folder / stylegan_export.ENCODER_NAME).stat().st_size,
        generator_bytes=(folder / stylegan_export.GENERATOR_NAME).stat().st_size,
        seconds=time.perf_counter() - started,
    )


def _written(
    network: nn.Module, example: Tensor, path: Path, names: tuple[str, str]
) -> tuple[float, Tensor]:
    """Exports `network`; returns the largest difference to ONNX Runtime, and PyTorch's answer."""
    network.eval()
    with torch.inference_mode():
        expected: Tensor = network(example)
    with torch.no_grad():
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=[names[0]],
            output_names=[names[1]],
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=MAX_BATCH)},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference = 0.0
    # One at a time as well as together: a batch frozen into the graph would show.
    for chosen in (slice(0, 2), slice(1, 2)):
        (found,) = session.run(None, {names[0]: example[chosen].numpy()})
        difference = max(difference, float(np.abs(found - expected[chosen].numpy()).max()))
    if not difference <= TOLERANCE:
        path.unlink()
        raise ExportMismatchError(
            f"{names[1]} differs by {difference:.2g} between PyTorch and ONNX Runtime, "
            f"more than {TOLERANCE:g}; nothing was written"
        )
    return difference, expected.clone()
