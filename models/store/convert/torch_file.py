"""Reading the tensors of an old ``torch.save`` file without torch, and without running anything.

The file is a row of pickles followed by the raw tensors. The unpickler knows three names and
refuses every other, so nothing in the file can call anything.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.store.convert import ConversionError

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_VERSION: Final = 1001
_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


class _StorageType(NamedTuple):
    dtype: np.dtype[Any]


class _View(NamedTuple):
    """A tensor: which storage, from where, in which shape."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, tuple[np.dtype[Any], int]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> str:
        kind, storage_type, key, _, count, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("only plain storages are read")
        self._storages[key] = (storage_type.dtype, int(count))
        return str(key)


def _view(storage: str, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(storage, int(offset), tuple(shape), tuple(strides))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The state dict in the file at `path`: name -> array.

    Raises:
        ConversionError: it is no such file, or holds anything but tensors.
    """
    storages: dict[str, tuple[np.dtype[Any], int]] = {}
    try:
        with path.open("rb") as file:
            head = [_Unpickler(file, {}).load() for _ in range(3)]
            if head[:2] != [_MAGIC, _VERSION]:
                raise ConversionError("not an old torch file")
            views = _Unpickler(file, storages).load()
            arrays = {}
            for key in _Unpickler(file, {}).load():
                dtype, count = storages[key]
                if struct.unpack("<q", file.read(8))[0] != count:
                    raise ConversionError("a tensor has another length than announced")
                content = file.read(count * dtype.itemsize)
                arrays[key] = np.frombuffer(content, dtype, count)
        return {name: _tensor(view, arrays[view.storage]) for name, view in views.items()}
    except (
        pickle.UnpicklingError,
        struct.error,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        AttributeError,
    ) as error:
        raise ConversionError(f"not a file of tensors: {error}") from error


def _tensor(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    if any(size < 0 or stride < 0 for size, stride in zip(view.shape, view.strides, strict=True)):
        raise ConversionError("a tensor has a negative size")
    last = view.offset + sum(
        (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
    )
    if view.offset < 0 or last >= len(storage):
        raise ConversionError("a tensor reaches beyond its storage")
    return np.lib.stride_tricks.as_strided(
        storage[view.offset :], view.shape, [s * storage.itemsize for s in view.strides]
    ).copy()
