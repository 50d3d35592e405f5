"""Networks as their makers wrote them, made into ONNX: the same bytes on every machine.

Each conversion is plain arithmetic in a fixed order, so the digest of what it gives is pinned like
that of a download.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final


class ConversionError(Exception):
    """A file is not the network it was taken for; the text says why."""


def _finder(source: Path, target: Path) -> None:
    from models.networks.yunet import with_free_sides

    with_free_sides(source, target)


def _mesh(source: Path, target: Path) -> None:
    from models.store.convert.tflite import convert_tflite

    target.write_bytes(convert_tflite(source.read_bytes()))


def _parser(source: Path, target: Path) -> None:
    from models.store.convert.bisenet import convert_bisenet

    target.write_bytes(convert_bisenet(source))


# What converts imports onnx, which only a first start needs.
CONVERSIONS: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "yunet": _finder,
    "face_mesh": _mesh,
    "bisenet": _parser,
}
"""By the name a card gives: a function from the maker's file to the ONNX file."""
