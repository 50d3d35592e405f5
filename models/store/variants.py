"""Names of the smaller copies that this machine makes of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

Precision = Literal["fp16", "int8"]
PRECISIONS: Final[tuple[Precision, ...]] = ("int8", "fp16")


def variant_name(name: str, precision: Precision) -> str:
    """File name of the copy: ``inswapper_128.int8.onnx`` beside ``inswapper_128.onnx``."""
    path = Path(name)
    return f"{path.stem}.{precision}{path.suffix}"
