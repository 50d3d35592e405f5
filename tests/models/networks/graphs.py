"""Small graphs with the inputs and outputs of the real networks, and a session to run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str | None]


class OrtSession:
    """The plainest thing that answers :class:`models.networks.base.Session`."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.runs: list[dict[str, tuple[int, ...]]] = []

    def get_inputs(self) -> Any:
        return self._session.get_inputs()

    def get_outputs(self) -> Any:
        return self._session.get_outputs()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.runs.append({name: value.shape for name, value in inputs.items()})
        return [np.asarray(output) for output in self._session.run(None, dict(inputs))]


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, NDArray[Any]] | None = None,
    output_type: int = FLOAT,
) -> Path:
    """Writes a graph; the constants become initializers in the order given."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [
            helper.make_tensor_value_info(name, output_type, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def swapper(
    path: Path,
    size: int = 128,
    batch: int | str = 1,
    source: tuple[int, ...] = (512,),
    scale: float = 0.6,
    emap: NDArray[np.float32] | None = None,
) -> Path:
    """Answer: the target times `scale` plus a colour that depends on the source alone.

    With an `emap` the graph carries it as its last, unused initializer, as inswapper does.
    """
    rng = np.random.default_rng(7)
    length = int(np.prod(source))
    constants: dict[str, NDArray[Any]] = {
        "scale": np.array(scale, np.float32),
        "colour": rng.normal(0, 1, (length, 3)).astype(np.float32),
        "row": np.array([0, length], np.int64),
        "column": np.array([0, 3, 1, 1], np.int64),
        "amount": np.array(0.1 if length == 512 else 1e-4, np.float32),
    }
    if emap is not None:
        constants["emap"] = emap
    nodes = [
        helper.make_node("Mul", ["target", "scale"], ["dimmed"]),
        helper.make_node("Reshape", ["source", "row"], ["flat"]),
        helper.make_node("MatMul", ["flat", "colour"], ["mixed"]),
        helper.make_node("Mul", ["mixed", "amount"], ["weak"]),
        helper.make_node("Reshape", ["weak", "column"], ["tint"]),
        helper.make_node("Add", ["dimmed", "tint"], ["output"]),
    ]
    image = (batch, 3, size, size)
    return save(
        path,
        nodes,
        {"target": image, "source": (batch, *source)},
        {"output": image},
        constants,
    )


def recogniser(path: Path, length: int = 512) -> Path:
    """A fixed random projection of the 112 px crop: like crops, like vectors."""
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 1, (length, 3, 28, 28)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["data"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["small", "weights"], ["response"]),
        helper.make_node("Flatten", ["response"], ["embedding"]),
    ]
    return save(
        path,
        nodes,
        {"data": ("batch", 3, 112, 112)},
        {"embedding": ("batch", length)},
        {"weights": weights},
    )


def converter(path: Path, length: int = 512) -> Path:
    """Doubles and shifts a vector."""
    nodes = [
        helper.make_node("Mul", ["input", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["output"]),
    ]
    return save(
        path,
        nodes,
        {"input": (1, length)},
        {"output": (1, length)},
        {"factor": np.array(2, np.float32), "shift": np.array(0.5, np.float32)},
    )


def parser(path: Path) -> Path:
    """Scores of 19 classes: background (0) in dark pixels, skin (1) in bright ones.

    A second output stands for the auxiliary heads of the real file.
    """
    weights = np.zeros((19, 3, 1, 1), np.float32)
    weights[1] = 1.0
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["output"]),
        helper.make_node("Identity", ["output"], ["auxiliary"]),
    ]
    scores = ("batch", 19, 512, 512)
    return save(
        path,
        nodes,
        {"input": ("batch", 3, 512, 512)},
        {"output": scores, "auxiliary": scores},
        {"weights": weights},
    )


def occluder(path: Path) -> Path:
    """Visible as far as the first channel (blue) is bright, times 1.5."""
    nodes = [
        helper.make_node("Slice", ["input", "from", "to", "axis"], ["blue"]),
        helper.make_node("Mul", ["blue", "factor"], ["output"]),
    ]
    return save(
        path,
        nodes,
        {"input": ("batch", 256, 256, 3)},
        {"output": ("batch", 256, 256, 1)},
        {
            "from": np.array([0], np.int64),
            "to": np.array([1], np.int64),
            "axis": np.array([3], np.int64),
            "factor": np.array(1.5, np.float32),
        },
    )


def genderage(path: Path, scales_itself: bool = True, batch: int | str = "batch") -> Path:
    """Three numbers, the means of red, green and blue; the third, times 100, is the age.

    A graph that scales by itself divides by 255 and names its first nodes as MXNet's exports do.
    """
    nodes = [helper.make_node("ReduceMean", ["scaled"], ["fc1"], axes=[2, 3], keepdims=0)]
    constants = {}
    if scales_itself:
        nodes = [
            helper.make_node("Sub", ["data", "shift"], ["moved"], name="_minusscalar0"),
            helper.make_node("Mul", ["moved", "factor"], ["scaled"], name="_mulscalar0"),
            *nodes,
        ]
        constants = {"shift": np.array(0, np.float32), "factor": np.array(1 / 255, np.float32)}
    else:
        nodes.insert(0, helper.make_node("Identity", ["data"], ["scaled"], name="copy"))
    return save(path, nodes, {"data": (batch, 3, 96, 96)}, {"fc1": (batch, 3)}, constants)


def enhancer(path: Path, size: int = 512) -> Path:
    """Negates the tensor: the negative of the image where mean and deviation are one half."""
    image = (1, 3, size, size)
    return save(
        path, [helper.make_node("Neg", ["input"], ["output"])], {"input": image}, {"output": image}
    )


def landmarks106(path: Path, points: NDArray[np.float32]) -> Path:
    """Always the same 106 points, (106, 2) in the network's units of -1 to 1."""
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "points"], ["output"]),
    ]
    return save(
        path,
        nodes,
        {"data": (1, 3, 192, 192)},
        {"output": (1, 212)},
        {"zero": np.array(0, np.float32), "points": points.reshape(1, 212)},
    )


def detector(
    path: Path,
    hits: Sequence[tuple[int, int, int, float]] = (),
    points: Sequence[float] = (0.0,) * 10,
) -> Path:
    """SCRFD's shape for photos of 128 px, with the same faces whatever it sees."""
    outputs = detector_outputs(128, hits, points)
    names = [str(number) for number in range(len(outputs))]
    nodes = [helper.make_node("ReduceMean", ["input.1"], ["mean"], keepdims=0)]
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    nodes += [helper.make_node("Add", ["nothing", f"c{name}"], [name]) for name in names]
    return save(
        path,
        nodes,
        {"input.1": (1, 3, 128, 128)},
        {name: value.shape for name, value in zip(names, outputs, strict=True)},
        {
            "zero": np.array(0, np.float32),
            **{f"c{name}": value for name, value in zip(names, outputs, strict=True)},
        },
    )


def detector_outputs(
    size: int,
    hits: Sequence[tuple[int, int, int, float]],
    points: Sequence[float] = (0.0,) * 10,
) -> list[NDArray[Any]]:
    """SCRFD's nine outputs with one face per hit (stride, row, column, score).

    Every face reaches 1.5 strides to each side of its anchor; its five points lie `points`, in
    strides, from the anchor.
    """
    outputs: list[list[NDArray[Any]]] = [[], [], []]
    for stride in (8, 16, 32):
        cells = size // stride
        scores = np.zeros((cells, cells, 2, 1), np.float32)
        for hit_stride, row, column, score in hits:
            if hit_stride == stride:
                scores[row, column, 0] = score
        count = cells * cells * 2
        outputs[0].append(scores.reshape(count, 1))
        outputs[1].append(np.full((count, 4), 1.5, np.float32))
        outputs[2].append(np.tile(np.array(points, np.float32), (count, 1)))
    return [part for group in outputs for part in group]
