"""Graphs of the true shapes of the networks, with random weights: for speed, never for pictures.

``inswapper``: 138.6 million parameters, 174.6 GMAC, as the published file has. ``recogniser``:
IResNet-50 of w600k_r50, 43.6 million parameters, 6.3 GMAC. ``detector``: a stand-in that costs what
SCRFD-10G costs at 640 px, 13.3 GMAC.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


class _Graph:
    """Nodes and weights in the making; counts multiply-accumulates."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.macs = 0
        self._rng = np.random.default_rng(seed)

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(weight.dims)) for weight in self.weights)

    def constant(self, shape: tuple[int, ...], scale: float) -> str:
        name = f"w{len(self.weights)}"
        values = self._rng.standard_normal(shape, np.float32) * np.float32(scale)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def conv(
        self, x: str, channels: tuple[int, int], side: int, kernel: int = 3, stride: int = 1
    ) -> str:
        """A convolution that answers at `side` px."""
        inside, outside = channels
        weight = self.constant(
            (outside, inside, kernel, kernel), 1 / np.sqrt(inside * kernel * kernel)
        )
        bias = self.constant((outside,), 0.01)
        self.macs += outside * inside * kernel * kernel * side * side
        pad = kernel // 2
        return self.node("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4)

    def save(
        self,
        path: Path,
        inputs: dict[str, tuple[int, ...]],
        output: str,
        shape: tuple[int, ...],
        extra: list[onnx.TensorProto] | None = None,
    ) -> Path:
        self.nodes.append(helper.make_node("Identity", [output], ["output"]))
        graph = helper.make_graph(
            self.nodes,
            "bench",
            [helper.make_tensor_value_info(name, FLOAT, dims) for name, dims in inputs.items()],
            [helper.make_tensor_value_info("output", FLOAT, shape)],
            [*self.weights, *(extra or [])],
        )
        opset = [helper.make_opsetid("", 13)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path


def inswapper(path: Path) -> Path:
    """The swapper: encoder to 1024 channels at 32 px, six styled residual blocks, decoder."""
    g = _Graph(0)
    x = g.node("LeakyRelu", g.conv("target", (3, 128), 128, kernel=7), alpha=0.2)
    x = g.node("LeakyRelu", g.conv(x, (128, 256), 128), alpha=0.2)
    x = g.node("LeakyRelu", g.conv(x, (256, 512), 64, stride=2), alpha=0.2)
    x = g.node("LeakyRelu", g.conv(x, (512, 1024), 32, stride=2), alpha=0.2)
    for _ in range(6):
        y = g.node("Relu", _styled(g, g.conv(x, (1024, 1024), 32)))
        x = g.node("Add", x, _styled(g, g.conv(y, (1024, 1024), 32)))
    for inside, outside, side in ((1024, 512, 64), (512, 256, 128)):
        x = _enlarged(g, x)
        x = g.node("LeakyRelu", g.conv(x, (inside, outside), side), alpha=0.2)
    x = g.node("LeakyRelu", g.conv(x, (256, 128), 128), alpha=0.2)
    x = g.node("Tanh", g.conv(x, (128, 3), 128, kernel=7))
    half = g.constant((1,), 0.5)
    x = g.node("Add", g.node("Mul", x, half), half)
    emap = np.random.default_rng(1).standard_normal((512, 512), np.float32)
    image = (1, 3, 128, 128)
    return g.save(
        path,
        {"target": image, "source": (1, 512)},
        x,
        image,
        [numpy_helper.from_array(emap, "emap")],
    )


def recogniser(path: Path) -> Path:
    """IResNet-50 without its batch norms, which inference folds away."""
    g = _Graph(2)
    x = g.node("PRelu", g.conv("data", (3, 64), 112), g.constant((64, 1, 1), 0.1))
    inside, side = 64, 112
    for outside, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            y = g.node(
                "PRelu", g.conv(x, (inside, outside), side), g.constant((outside, 1, 1), 0.1)
            )
            side //= stride
            y = g.conv(y, (outside, outside), side, stride=stride)
            if block == 0:
                x = g.conv(x, (inside, outside), side, kernel=1, stride=2)
            x = g.node("Add", x, y)
            inside = outside
    x = g.node("Flatten", x)
    x = g.node("Gemm", x, g.constant((512 * 7 * 7, 512), 0.01), g.constant((512,), 0.01))
    g.macs += 512 * 7 * 7 * 512
    return g.save(path, {"data": (1, 3, 112, 112)}, x, (1, 512))


def detector(path: Path) -> Path:
    """Convolutions over a photo of 640 px that cost what SCRFD-10G does; finds nothing."""
    g = _Graph(3)
    x = g.node("Relu", g.conv("input.1", (3, 56), 320, stride=2))
    x = g.node("Relu", g.conv(x, (56, 56), 160, stride=2))
    for _ in range(10):
        x = g.node("Relu", g.conv(x, (56, 56), 160))
    x = g.node("Relu", g.conv(x, (56, 88), 80, stride=2))
    for _ in range(10):
        x = g.node("Relu", g.conv(x, (88, 88), 80))
    return g.save(path, {"input.1": (1, 3, 640, 640)}, x, (1, 88, 80, 80))


def _styled(g: _Graph, x: str) -> str:
    """Instance norm, scaled and shifted by the source."""
    ones, zeros = g.constant((1024,), 0.0), g.constant((1024,), 0.0)
    normal = g.node("InstanceNormalization", x, ones, zeros, epsilon=1e-5)
    style = g.node("Gemm", "source", g.constant((512, 2048), 0.02), g.constant((2048,), 0.01))
    g.macs += 512 * 2048
    gain, shift = (_slice(g, style, start) for start in (0, 1024))
    return g.node("Add", g.node("Mul", normal, gain), shift)


def _slice(g: _Graph, x: str, start: int) -> str:
    bounds = []
    for values in ([start], [start + 1024], [1]):
        name = f"i{len(g.weights)}"
        g.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        bounds.append(name)
    part = g.node("Slice", x, *bounds)
    axes = f"i{len(g.weights)}"
    g.weights.append(numpy_helper.from_array(np.array([2, 3], np.int64), axes))
    return g.node("Unsqueeze", part, axes)


def _enlarged(g: _Graph, x: str) -> str:
    scales = f"s{len(g.weights)}"
    g.weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), scales))
    return g.node("Resize", x, "", scales, mode="linear")
