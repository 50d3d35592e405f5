"""One array out of a file somebody else made, without running anything that is in it.

``.npy`` is read without pickle. ``.pt`` is a zip archive that holds a pickle and raw storages; of
the pickle only what rebuilds a plain tensor is allowed, as PyTorch's own ``weights_only`` does, so
that the site reads such files without PyTorch.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_BYTES: Final = 64 * 1024 * 1024
_STORAGES: Final[dict[str, np.dtype[Any]]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
}


class TensorFileError(ValueError):
    """A file does not hold one plain floating-point array."""


def read_tensor(path: Path) -> NDArray[np.float64]:
    """The array in a ``.npy`` or ``.pt`` file, as float64.

    Raises:
        TensorFileError: the file is of another kind, too large, damaged, or holds anything but one
            array of finite floating-point numbers.
        OSError: the file cannot be read.
    """
    readers: dict[str, Callable[[Path], NDArray[Any]]] = {".npy": _read_npy, ".pt": _read_pt}
    reader = readers.get(path.suffix)
    if reader is None:
        raise TensorFileError(f"{path.name} is neither .npy nor .pt")
    if path.stat().st_size > MAX_BYTES:
        raise TensorFileError(f"{path.name} is larger than {MAX_BYTES} bytes")
    array = reader(path)
    if not np.issubdtype(array.dtype, np.floating):
        raise TensorFileError(f"{path.name} does not hold floating-point numbers")
    if not np.isfinite(array).all():
        raise TensorFileError(f"{path.name} holds numbers that are not finite")
    return array.astype(np.float64)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise TensorFileError(f"{path.name} is not a plain .npy file: {error}") from error
    return array


def _read_pt(path: Path) -> NDArray[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise TensorFileError(f"{path.name} unpacks to more than {MAX_BYTES} bytes")
            with archive.open(member) as file:
                tensor = _TensorUnpickler(file, archive, member.removesuffix("data.pkl")).load()
    except TensorFileError:
        raise
    except (zipfile.BadZipFile, pickle.UnpicklingError, StopIteration, KeyError) as error:
        raise TensorFileError(f"{path.name} is not a readable .pt file: {error!r}") from error
    # A damaged pickle can fail in any way that its opcodes can.
    except (ValueError, TypeError, IndexError, AttributeError, EOFError) as error:
        raise TensorFileError(f"{path.name} is damaged: {error!r}") from error
    if not isinstance(tensor, np.ndarray):
        raise TensorFileError(f"{path.name} holds {type(tensor).__name__}, not one tensor")
    return tensor


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file, encoding="ascii")
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a tensor")

    def persistent_load(self, reference: Any) -> NDArray[Any]:
        kind, storage, key, _device, count = reference
        if kind != "storage" or storage not in _STORAGES:
            raise pickle.UnpicklingError(f"unknown storage {storage!r}")
        if not str(key).isalnum():
            raise pickle.UnpicklingError(f"odd storage name {key!r}")
        data = self._archive.read(f"{self._folder}data/{key}")
        return np.frombuffer(data, _STORAGES[storage], count=int(count))


def _rebuilt(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> NDArray[Any]:
    """A contiguous tensor over a storage; other layouts do not occur in direction files."""
    expected = tuple(int(np.prod(size[axis + 1 :], dtype=np.int64)) for axis in range(len(size)))
    if any(s != e for s, e, n in zip(stride, expected, size, strict=True) if n > 1):
        raise pickle.UnpicklingError("the tensor is not contiguous")
    count = int(np.prod(size, dtype=np.int64))
    if min(offset, *size, 0) < 0 or offset + count > len(storage):
        raise pickle.UnpicklingError("the tensor reaches beyond its storage")
    return storage[offset : offset + count].reshape(size)
