"""MediaPipe's face mesh, from TFLite to ONNX.

Exactly the operators of that network are known: convolutions, depthwise too, additions, PReLU,
maximum pooling and padding. Field numbers are those of TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table
from numpy.typing import NDArray

from models.store.convert import ConversionError
from models.store.convert.graph import GraphWriter

_ADD, _CONV, _DEPTHWISE, _DEQUANTIZE, _MAX_POOL, _PAD, _PRELU = 0, 3, 4, 6, 17, 34, 54
_SAME: Final = 0
_RELU: Final = 1
_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f2"),
    2: np.dtype("<i4"),
}


class _Fields:
    """A table of a flatbuffer, its fields by number."""

    def __init__(self, data: bytes, position: int) -> None:
        self._table = Table(data, position)
        self._data = data

    def number(self, field: int, kind: Any, default: int = 0) -> int:
        at = self._table.Offset(4 + 2 * field)
        return int(self._table.Get(kind, at + self._table.Pos)) if at else default

    def table(self, field: int) -> _Fields:
        at = self._table.Offset(4 + 2 * field)
        if not at:
            raise ConversionError("a table of the network is missing")
        return _Fields(self._data, self._table.Indirect(at + self._table.Pos))

    def tables(self, field: int) -> list[_Fields]:
        at = self._table.Offset(4 + 2 * field)
        if not at:
            return []
        start = self._table.Vector(at)
        return [
            _Fields(self._data, self._table.Indirect(start + 4 * i))
            for i in range(self._table.VectorLen(at))
        ]

    def array(self, field: int, dtype: Any) -> NDArray[Any]:
        at = self._table.Offset(4 + 2 * field)
        if not at:
            return np.zeros(0, dtype)
        start, count = self._table.Vector(at), self._table.VectorLen(at)
        return np.frombuffer(self._data, dtype, count, start)


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    name: str
    values: NDArray[Any] | None


@dataclass(frozen=True)
class _Operator:
    code: int
    inputs: tuple[int, ...]
    output: int
    options: Callable[[], _Fields]


def convert_tflite(data: bytes) -> bytes:
    """The ONNX file of the TFLite file `data`: the same input and outputs, channels last.

    Raises:
        ConversionError: it is no such network.
    """
    try:
        return _Converter(data).converted()
    except (struct.error, IndexError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(f"not a network that can be converted: {error!r}") from error


class _Converter:
    def __init__(self, data: bytes) -> None:
        model = _Fields(data, struct.unpack_from("<I", data)[0])
        graph = model.tables(2)[0]
        buffers = model.tables(4)
        codes = [
            max(
                code.number(0, number_types.Int8Flags),
                code.number(3, number_types.Int32Flags),
            )
            for code in model.tables(1)
        ]
        self._tensors = [self._tensor(tensor, buffers) for tensor in graph.tables(0)]
        self._inputs = graph.array(1, "<i4").tolist()
        self._outputs = graph.array(2, "<i4").tolist()
        self._operators = [
            _Operator(
                codes[operator.number(0, number_types.Uint32Flags)],
                tuple(operator.array(1, "<i4").tolist()),
                operator.array(2, "<i4").tolist()[0],
                lambda operator=operator: operator.table(4),  # type: ignore[misc]
            )
            for operator in graph.tables(3)
        ]
        self._writer = GraphWriter()
        self._values = {i: t.values for i, t in enumerate(self._tensors) if t.values is not None}
        self._names: dict[int, str] = {}

    @staticmethod
    def _tensor(tensor: _Fields, buffers: list[_Fields]) -> _Tensor:
        shape = tuple(tensor.array(0, "<i4").tolist())
        content = buffers[tensor.number(2, number_types.Uint32Flags)].array(0, np.uint8)
        values = None
        if content.size:
            dtype = _DTYPES[tensor.number(1, number_types.Int8Flags)]
            values = content.view(dtype).reshape(shape)
        return _Tensor(shape, tensor.array(3, np.uint8).tobytes().decode("ascii"), values)

    def converted(self) -> bytes:
        [image] = self._inputs
        self._names[image] = self._writer.add("Transpose", ["input"], perm=[0, 3, 1, 2])
        for operator in self._operators:
            self._convert(operator)
        outputs = []
        for index in self._outputs:
            tensor = self._tensors[index]
            self._writer.add("Transpose", [self._names[index]], name=tensor.name, perm=[0, 2, 3, 1])
            outputs.append((tensor.name, tensor.shape))
        return self._writer.finished(self._tensors[image].shape, outputs)

    def _convert(self, operator: _Operator) -> None:
        if operator.code == _DEQUANTIZE:
            self._values[operator.output] = self._values[operator.inputs[0]].astype(np.float32)
            return
        makers: dict[int, Callable[[_Operator], str]] = {
            _ADD: self._add,
            _CONV: self._conv,
            _DEPTHWISE: self._conv,
            _MAX_POOL: self._pool,
            _PAD: self._pad,
            _PRELU: self._prelu,
        }
        if operator.code not in makers:
            raise ConversionError(f"operator {operator.code} is not known")
        self._names[operator.output] = makers[operator.code](operator)

    def _add(self, operator: _Operator) -> str:
        result = self._writer.add("Add", [self._names[i] for i in operator.inputs])
        return self._activated(result, operator.options().number(0, number_types.Int8Flags))

    def _conv(self, operator: _Operator) -> str:
        image, kernel, *bias = operator.inputs
        depthwise = operator.code == _DEPTHWISE
        weights = self._values[kernel].astype(np.float32)
        weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        options = operator.options()
        sides = (int(weights.shape[2]), int(weights.shape[3]))
        strides = (
            options.number(2, number_types.Int32Flags),
            options.number(1, number_types.Int32Flags),
        )
        inputs = [self._names[image], self._writer.constant(weights)]
        if bias and bias[0] >= 0:
            inputs.append(self._writer.constant(self._values[bias[0]].astype(np.float32)))
        result = self._writer.add(
            "Conv",
            inputs,
            kernel_shape=list(sides),
            strides=list(strides),
            pads=self._pads(operator, sides, strides),
            group=self._tensors[image].shape[3] if depthwise else 1,
        )
        fused = options.number(4 if depthwise else 3, number_types.Int8Flags)
        return self._activated(result, fused)

    def _pool(self, operator: _Operator) -> str:
        options = operator.options()
        width, height, across, down = (
            options.number(field, number_types.Int32Flags) for field in (3, 4, 1, 2)
        )
        return self._writer.add(
            "MaxPool",
            [self._names[operator.inputs[0]]],
            kernel_shape=[height, width],
            strides=[down, across],
            pads=self._pads(operator, (height, width), (down, across)),
        )

    def _pad(self, operator: _Operator) -> str:
        image, amounts = operator.inputs
        pads = self._values[amounts].reshape(-1, 2)[[0, 3, 1, 2]].astype(np.int64)
        constant = self._writer.constant(np.concatenate([pads[:, 0], pads[:, 1]]))
        return self._writer.add("Pad", [self._names[image], constant])

    def _prelu(self, operator: _Operator) -> str:
        # In parts, which ONNX Runtime computes in half the time of its own PRelu.
        image, slopes = operator.inputs
        name = self._names[image]
        slope = self._writer.constant(self._values[slopes].astype(np.float32).reshape(1, -1, 1, 1))
        zero = self._writer.constant(np.zeros((), np.float32))
        negative = self._writer.add("Min", [name, zero])
        return self._writer.add(
            "Add",
            [self._writer.add("Relu", [name]), self._writer.add("Mul", [negative, slope])],
        )

    def _activated(self, name: str, kind: int) -> str:
        if kind == 0:
            return name
        if kind == _RELU:
            return self._writer.add("Relu", [name])
        raise ConversionError(f"activation {kind} is not known")

    def _pads(
        self, operator: _Operator, sides: tuple[int, int], strides: tuple[int, int]
    ) -> list[int]:
        """Top, left, bottom, right, as TensorFlow's "same" padding has them."""
        if operator.options().number(0, number_types.Int8Flags) != _SAME:
            return [0, 0, 0, 0]
        before, after = (
            self._tensors[operator.inputs[0]].shape,
            self._tensors[operator.output].shape,
        )
        totals = [
            max((after[axis + 1] - 1) * strides[axis] + sides[axis] - before[axis + 1], 0)
            for axis in (0, 1)
        ]
        halves = [total // 2 for total in totals]
        return [*halves, *(total - half for total, half in zip(totals, halves, strict=True))]
