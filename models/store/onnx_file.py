"""Reading what an ONNX file declares, without loading its weights.

The file is mapped into memory and its protobuf fields are walked in place, so a model of half a
gigabyte costs milliseconds and a few pages. Field numbers are those of ``onnx.proto`` of the ONNX
project (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

# Pages ask the store what is here, and a web process does without numpy.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUPPORTED_OPSETS: Final = {"": (7, 28), "ai.onnx.ml": (1, 5), "com.microsoft": (1, 1)}
"""Operator sets the runtime is allowed to see: domain -> lowest and highest version."""

_MAX_FIELDS: Final = 5_000_000
_MAX_DEPTH: Final = 32
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DTYPES: Final = {1: "<f4", 7: "<i8", 10: "<f2"}


class OnnxProblem(Exception):
    """The file is not an ONNX model that may be loaded; the text says why."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An initializer as the file declares it.

    Attributes:
        name: its name in the graph.
        shape: its dimensions.
        data_type: ``TensorProto.DataType`` number, 1 being float32.
        offset, length: where its raw bytes lie in the file; length 0 when stored another way.
        external: relative path of the file that holds its bytes, "" when they are inside.
    """

    name: str
    shape: tuple[int, ...]
    data_type: int
    offset: int
    length: int
    external: str


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What an ONNX file declares: operator sets used and imported, its initializers in order.

    ``node_names`` are those of the graph itself, in order, without the graphs inside its nodes.
    """

    opsets: dict[str, int]
    node_names: tuple[str, ...]
    node_domains: frozenset[str]
    function_domains: frozenset[str]
    initializers: tuple[Tensor, ...]
    external_files: frozenset[str]


def read_onnx(path: Path) -> OnnxFile:
    """Walk the file at `path`.

    Raises:
        OnnxProblem: the file is no well-formed ONNX model.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise OnnxProblem("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Walk(data).model()


def read_tensor(path: Path, tensor: Tensor) -> NDArray[np.generic]:
    """The values of an initializer that `read_onnx` found inside the file at `path`.

    Returns:
        A copy of shape ``tensor.shape``; float32, float16 or int64.

    Raises:
        OnnxProblem: its bytes are not inside the file, or not of these types.
    """
    import numpy as np

    known = _DTYPES.get(tensor.data_type)
    if known is None or tensor.external or not tensor.length:
        raise OnnxProblem(f"the values of {tensor.name} are not stored as plain bytes inside it")
    dtype: np.dtype[np.generic] = np.dtype(known)
    count = math.prod(tensor.shape)
    if count * dtype.itemsize != tensor.length:
        raise OnnxProblem(f"the values of {tensor.name} do not fit its shape")
    values = np.fromfile(path, dtype=dtype, count=count, offset=tensor.offset)
    return values.reshape(tensor.shape)


def check_onnx(path: Path) -> None:
    """Refuse a model that keeps weights elsewhere or needs operators that are not known.

    A digest pins one file, so weights in a second file are refused even beside the model.

    Raises:
        OnnxProblem: with the reason, fit to be shown to an operator.
        OSError: the file cannot be read.
    """
    model = read_onnx(path)
    # Tools import many operator sets that no node uses; only what is used can do anything.
    for domain in sorted(model.node_domains - model.function_domains):
        if domain not in SUPPORTED_OPSETS:
            raise OnnxProblem(f"it needs the unknown operator set {domain!r}")
        lowest, highest = SUPPORTED_OPSETS[domain]
        version = model.opsets.get(domain, 0)
        if not lowest <= version <= highest:
            raise OnnxProblem(
                f"it needs version {version} of the operator set {domain or 'ai.onnx'!r}; "
                f"{lowest} to {highest} are known"
            )
    if any(_leads_outside(path.parent, location) for location in model.external_files):
        raise OnnxProblem("its weights lie outside its own folder")
    if model.external_files:
        raise OnnxProblem("its weights lie in a second file, whose digest is not pinned")


def _leads_outside(folder: Path, location: str) -> bool:
    return (
        not location
        or "\\" in location
        or "\0" in location
        or PurePosixPath(location).is_absolute()
        or PureWindowsPath(location).is_absolute()
        or ".." in PurePosixPath(location).parts
        or not (folder / location).resolve().is_relative_to(folder.resolve())
    )


Span = tuple[int, int]


class _Walk:
    """One pass over a mapped model; spans are (start, end) offsets into it."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._fields_left = _MAX_FIELDS
        self._opsets: dict[str, int] = {}
        self._node_names: list[str] = []
        self._node_domains: set[str] = set()
        self._function_domains: set[str] = set()
        self._initializers: list[Tensor] = []
        self._external: set[str] = set()

    def model(self) -> OnnxFile:
        graphs = 0
        for number, value in self._fields((0, len(self._data))):
            match number, value:
                case 7, (int(), int()) as span:
                    graphs += 1
                    self._graph(span, depth=0)
                case 8, (int(), int()) as span:
                    domain, version = self._opset(span)
                    if self._opsets.setdefault(domain, version) != version:
                        raise OnnxProblem("it asks for two versions of one operator set")
                case 20, (int(), int()):
                    raise OnnxProblem("it carries training information")
                case 25, (int(), int()) as span:
                    self._function(span)
        if graphs != 1:
            raise OnnxProblem("it holds no graph" if not graphs else "it holds several graphs")
        if not self._opsets:
            raise OnnxProblem("it does not say which operator sets it needs")
        return OnnxFile(
            opsets=self._opsets,
            node_names=tuple(self._node_names),
            node_domains=frozenset(self._node_domains),
            function_domains=frozenset(self._function_domains),
            initializers=tuple(self._initializers),
            external_files=frozenset(self._external),
        )

    def _graph(self, span: Span, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise OnnxProblem("its graphs are nested too deeply")
        for number, value in self._spans(span):
            if number == 1:
                name = self._node(value, depth)
                if depth == 0:
                    self._node_names.append(name)
            elif number == 5:
                tensor = self._tensor(value)
                if depth == 0:
                    self._initializers.append(tensor)
            elif number == 15:
                self._sparse_tensor(value)

    def _node(self, span: Span, depth: int) -> str:
        name = domain = ""
        for number, value in self._spans(span):
            if number == 3:
                name = self._text(value)
            elif number == 7:
                domain = self._text(value)
            elif number == 5:
                self._attribute(value, depth)
        self._node_domains.add("" if domain == "ai.onnx" else domain)
        return name

    def _attribute(self, span: Span, depth: int) -> None:
        for number, value in self._spans(span):
            if number in {5, 10}:
                self._tensor(value)
            elif number in {6, 11}:
                self._graph(value, depth + 1)
            elif number in {22, 23}:
                self._sparse_tensor(value)

    def _sparse_tensor(self, span: Span) -> None:
        for number, value in self._spans(span):
            if number in {1, 2}:
                self._tensor(value)

    def _tensor(self, span: Span) -> Tensor:
        name, location, external = "", "", False
        dims: list[int] = []
        data_type = offset = length = 0
        for number, value in self._fields(span):
            match number, value:
                case 1, int(dim):
                    dims.append(dim)
                case 1, (int(), int()) as packed:
                    dims.extend(self._packed(packed))
                case 2, int(data_type):
                    pass
                case 8, (int(), int()) as text:
                    name = self._text(text)
                case ((4 | 9), (int(start), int(end))):
                    # Raw bytes, or packed floats: both little-endian and contiguous.
                    offset, length = start, end - start
                case 13, (int(), int()) as entry:
                    external = True
                    key, text_value = self._entry(entry)
                    if key == "location":
                        location = text_value
                case 14, int(where):
                    external = external or where == 1
        if external:
            self._external.add(location)
        return Tensor(name, tuple(dims), data_type, offset, length, location if external else "")

    def _function(self, span: Span) -> None:
        for number, value in self._spans(span):
            if number == 7:
                self._node(value, depth=0)
            elif number == 9:
                domain, version = self._opset(value)
                self._opsets.setdefault(domain, version)
            elif number == 11:
                self._attribute(value, depth=0)
            elif number == 10:
                self._function_domains.add(self._text(value))

    def _opset(self, span: Span) -> tuple[str, int]:
        domain, version = "", 0
        for number, value in self._fields(span):
            match number, value:
                case 1, (int(), int()) as text:
                    domain = self._text(text)
                case 2, int(version):
                    pass
        return ("" if domain == "ai.onnx" else domain), version

    def _entry(self, span: Span) -> tuple[str, str]:
        texts = {number: self._text(value) for number, value in self._spans(span)}
        return texts.get(1, ""), texts.get(2, "")

    def _text(self, span: Span) -> str:
        try:
            return self._data[span[0] : span[1]].decode("utf-8")
        except UnicodeDecodeError as error:
            raise OnnxProblem("a name in it is not text") from error

    def _packed(self, span: Span) -> Iterator[int]:
        position, end = span
        while position < end:
            number, position = self._varint(position, end)
            yield number

    def _spans(self, span: Span) -> Iterator[tuple[int, Span]]:
        """The length-delimited fields of a message."""
        for number, value in self._fields(span):
            if not isinstance(value, int):
                yield number, value

    def _fields(self, span: Span) -> Iterator[tuple[int, int | Span]]:
        """(field number, value) of a message: a span for bytes, else the integer."""
        position, end = span
        while position < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise OnnxProblem("it is too complicated")
            tag, position = self._varint(position, end)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == _VARINT:
                value, position = self._varint(position, end)
                yield number, value
                continue
            if wire_type == _BYTES:
                size, position = self._varint(position, end)
            elif wire_type in {_FIXED64, _FIXED32}:
                size = 8 if wire_type == _FIXED64 else 4
            else:
                raise OnnxProblem("it is not an ONNX file")
            if number == 0 or position + size > end:
                raise OnnxProblem("it is not an ONNX file, or it is cut short")
            if wire_type == _BYTES:
                yield number, (position, position + size)
            position += size

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        result = shift = 0
        while position < end and shift < 70:
            byte = self._data[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, position
            shift += 7
        raise OnnxProblem("it is not an ONNX file, or it is cut short")
