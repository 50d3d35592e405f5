"""Networks as their makers wrote them, made into ONNX."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.store.convert import ConversionError
from models.store.convert.bisenet import convert_bisenet
from models.store.convert.tflite import convert_tflite
from models.store.convert.torch_file import read_tensors


def torch_file(arrays: dict[str, np.ndarray], path: Path, *, evil: str = "") -> Path:
    """An old ``torch.save`` file, written opcode by opcode."""
    body = io.BytesIO()
    body.write(b"\x80\x02}")
    for key, array in arrays.items():
        strides = tuple(s // array.itemsize for s in array.strides)
        body.write(b"X" + struct.pack("<I", len(key)) + key.encode())
        body.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
        body.write(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n")
        body.write(b"X" + struct.pack("<I", len(key)) + key.encode() + b"X\x03\x00\x00\x00cpu")
        body.write(pickle.dumps(array.size, 2)[2:-1] + b"NtQ")
        body.write(pickle.dumps(0, 2)[2:-1])
        body.write(pickle.dumps(array.shape, 2)[2:-1] + pickle.dumps(strides, 2)[2:-1])
        body.write(b"\x89}tRs")
    if evil:
        module, name = evil.split(":")
        body.write(b"X\x01\x00\x00\x00x" + f"c{module}\n{name}\n".encode() + b"s")
    body.write(b".")
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    content = b"".join(pickle.dumps(part, 2) for part in head) + body.getvalue()
    content += pickle.dumps(list(arrays), 2)
    for array in arrays.values():
        content += struct.pack("<q", array.size) + array.astype("<f4").tobytes()
    path.write_bytes(content)
    return path


def test_tensors_of_an_old_torch_file_are_read(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {
        "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "b": np.array([1.5], np.float32),
    }
    found = read_tensors(torch_file(arrays, tmp_path / "x.pth"))
    assert list(found) == list(arrays)
    for key, array in arrays.items():
        assert np.array_equal(found[key], array)


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "torch:load", "numpy:array"])
def test_a_file_that_would_call_something_is_refused(tmp_path: Path, name: str) -> None:
    path = torch_file({"a": np.ones(3, np.float32)}, tmp_path / "x.pth", evil=name)
    with pytest.raises(ConversionError, match="not allowed"):
        read_tensors(path)


@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_a_broken_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = torch_file({"a": np.ones(300, np.float32)}, tmp_path / "x.pth")
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": data[:-700], "other": pickle.dumps([1, 2])}[damage])
    with pytest.raises(ConversionError):
        read_tensors(path)


def test_a_state_dict_of_another_network_is_no_parser(tmp_path: Path) -> None:
    path = torch_file({"conv.weight": np.ones(3, np.float32)}, tmp_path / "x.pth")
    with pytest.raises(ConversionError, match="lacks"):
        convert_bisenet(path)


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\x1c\0\0\0TFL3" + b"\xff" * 64])
def test_what_is_no_tflite_file_is_refused(data: Any) -> None:
    with pytest.raises(ConversionError):
        convert_tflite(data)
