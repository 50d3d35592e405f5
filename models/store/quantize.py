"""Smaller copies of a swapper, and how much worse they are.

``int8`` stores and computes convolutions in 8 bits: faster on a CPU, and much so only where it has
8-bit dot products. ``fp16`` stores weights in 16 bits: half the file, while a CPU computes in 32
all the same. Either changes the picture, so a copy is made only when asked for, with a report, and
used only when chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry.crops import crop_face, crop_matrix
from models.networks.arcface import ArcFace
from models.networks.base import Session
from models.networks.identity_space import IdentitySpace
from models.networks.swapper import FaceSwapper, SwapperContract
from models.pixels.imaging import Image
from models.store.variants import Precision

_ROLLS: Final = (-25.0, 0.0, 15.0)
_SCALES: Final = (0.85, 1.1)


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photo with one known face.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        kps: float32 (5, 2), in the order of ``Face.kps``.
    """

    image: Image
    kps: FloatArray


@dataclass(frozen=True)
class QualityReport:
    """A copy compared with its original over the same swaps.

    Attributes:
        precision: of the copy.
        swaps: how many were compared.
        psnr_db: of the drawn crops, the copy's against the original's; the worst swap.
        largest_difference: in levels, over every pixel.
        similarity: ArcFace cosine between the two drawn faces; the worst swap.
        original_ms, copy_ms: median time of one swap.
        original_bytes, copy_bytes: sizes of the files.
    """

    precision: Precision
    swaps: int
    psnr_db: float
    largest_difference: int
    similarity: float
    original_ms: float
    copy_ms: float
    original_bytes: int
    copy_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.precision}: {self.copy_bytes / 1e6:.0f} MB instead of "
            f"{self.original_bytes / 1e6:.0f} MB, {self.copy_ms:.0f} ms instead of "
            f"{self.original_ms:.0f} ms a face; over {self.swaps} swaps at worst "
            f"{self.psnr_db:.1f} dB, {self.largest_difference} levels, "
            f"ArcFace similarity {self.similarity:.3f}"
        )


def quantize_swapper(
    source: Path,
    target: Path,
    precision: Precision,
    *,
    contract: SwapperContract,
    space: IdentitySpace,
    recogniser: ArcFace,
    portraits: Sequence[Portrait],
    open_session: Callable[[Path], Session],
) -> QualityReport:
    """Writes a smaller copy of a swapper and says how it differs from the original.

    The calibration of ``int8`` and the comparison use the `portraits` against each other, at
    several turns and sizes; what serves the one is not used for the other.

    Args:
        source: the swapper as published.
        target: where the copy goes.
        precision: which kind of copy.
        contract: of the swapper, with an embedding as its source.
        space: its identity space.
        recogniser: makes the identities, and measures the likeness.
        portraits: at least two, of different people.
        open_session: opens a model file.

    Raises:
        ValueError: fewer than two portraits, or a swapper that takes a source crop.
    """
    if len(portraits) < 2 or contract.source_crop is not None:
        raise ValueError("two portraits and a swapper that takes an embedding are needed")
    trials = list(_trials(contract, space, recogniser, portraits))
    calibration, comparison = trials[::2], trials[1::2]
    target.parent.mkdir(parents=True, exist_ok=True)
    if precision == "int8":
        feeds = [
            {"target": contract.target.encode(crop[None]), "source": vector[None]}
            for crop, vector in calibration
        ]
        _to_int8(source, target, feeds)
    else:
        _to_fp16(source, target)

    original, copy = (FaceSwapper(open_session(path), contract) for path in (source, target))
    drawn = [_drawn(swapper, comparison) for swapper in (original, copy)]
    faces = [recogniser.embed_crops(_aligned(contract, crops)) for crops, _ in drawn]
    difference = np.abs(drawn[0][0].astype(np.int16) - drawn[1][0])
    error = (difference.astype(np.float64) ** 2).mean(axis=(1, 2, 3)).max()
    lengths = np.linalg.norm(faces[0], axis=1) * np.linalg.norm(faces[1], axis=1)
    cosines = (faces[0] * faces[1]).sum(axis=1) / np.maximum(lengths, 1e-12)
    return QualityReport(
        precision=precision,
        swaps=len(comparison),
        psnr_db=float(10 * np.log10(255**2 / max(error, 1e-6))),
        largest_difference=int(difference.max()),
        similarity=float(cosines.min()),
        original_ms=drawn[0][1],
        copy_ms=drawn[1][1],
        original_bytes=source.stat().st_size,
        copy_bytes=target.stat().st_size,
    )


def _trials(
    contract: SwapperContract,
    space: IdentitySpace,
    recogniser: ArcFace,
    portraits: Sequence[Portrait],
) -> Iterator[tuple[Image, FloatArray]]:
    """Target crops and source vectors: every face onto every other, turned and scaled."""
    vectors = [
        space.encode(recogniser.embed(portrait.image, portrait.kps)[None])[0]
        for portrait in portraits
    ]
    for index, portrait in enumerate(portraits):
        others = [vector for other, vector in enumerate(vectors) if other != index]
        for number, (roll, scale) in enumerate((r, s) for s in _SCALES for r in _ROLLS):
            middle = portrait.kps.mean(axis=0)
            turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), roll, scale)
            kps = (portrait.kps @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
            matrix = crop_matrix(kps, contract.template, contract.size)
            crop = crop_face(portrait.image, matrix, contract.size)
            yield crop, others[number % len(others)]


def _drawn(swapper: FaceSwapper, trials: Sequence[tuple[Image, FloatArray]]) -> tuple[Image, float]:
    """The drawn crops (N, S, S, 3) and the median milliseconds of one."""
    crops, times = [], []
    for crop, vector in trials:
        started = time.perf_counter()
        crops.append(swapper.swap(crop[None], vector[None])[0])
        times.append(1000 * (time.perf_counter() - started))
    return np.stack(crops), float(np.median(times))


def _aligned(contract: SwapperContract, crops: Image) -> list[Image]:
    """The recogniser's crops out of the swapper's."""
    kps = (contract.template * contract.size).astype(np.float32)
    return [ArcFace.align(crop, kps) for crop in crops]


def _to_fp16(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    onnx.save(convert_float_to_float16(model, keep_io_types=True), target)


def _to_int8(source: Path, target: Path, feeds: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(feeds)

        def get_next(self) -> Any:
            return next(self._left, None)

    # The quantizer leaves files beside its input.
    with TemporaryDirectory(dir=target.parent) as folder:
        draft = Path(folder) / target.name
        quantize_static(
            str(source),
            str(draft),
            Reader(),
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=["Conv"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=False,
        )
        draft.replace(target)
