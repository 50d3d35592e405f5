"""An export of two small graphs, as the site loads it."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from models.networks.stylegan_export import ENCODER_NAME, GENERATOR_NAME, PREVIEW_NAME, write_record

FLOAT = TensorProto.FLOAT


def constant(name: str, values: list[int]) -> onnx.NodeProto:
    tensor = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
    return helper.make_node("Constant", [], [name], value=tensor)


def save(path: Path, nodes: list[onnx.NodeProto], inputs: list, outputs: list) -> None:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def layers_of(size: int) -> int:
    """Rows of W+ of a generator of `size` px."""
    return 2 * size.bit_length() - 4


def write_generator(path: Path, size: int, width: int) -> None:
    """Shows the first number of the latent as red, its negative as green, twice it as blue."""
    save(
        path,
        [
            *(constant(n, v) for n, v in (("from", [0, 0]), ("to", [1, 1]), ("axes", [1, 2]))),
            helper.make_node("Slice", ["w_plus", "from", "to", "axes"], ["red"]),
            constant("row", [-1, 1, 1, 1]),
            helper.make_node("Reshape", ["red", "row"], ["one"]),
            helper.make_node("Neg", ["one"], ["green"]),
            helper.make_node("Add", ["one", "one"], ["blue"]),
            helper.make_node("Concat", ["one", "green", "blue"], ["pixel"], axis=1),
            constant("all", [1, 3, size, size]),
            helper.make_node("Expand", ["pixel", "all"], ["image"]),
        ],
        [("w_plus", ["batch", layers_of(size), width])],
        [("image", ["batch", 3, size, size])],
    )


def write_export(
    folder: Path, size: int = 8, width: int = 2, preview_size: int | None = None
) -> Path:
    """Latents repeat the red and, if they are two wide, the green of the first pixel."""
    layers = layers_of(size)
    shown = 2 if width == 2 else 1
    save(
        folder / ENCODER_NAME,
        [
            *(
                constant(n, v)
                for n, v in (("from", [0, 0, 0]), ("to", [shown, 1, 1]), ("axes", [1, 2, 3]))
            ),
            helper.make_node("Slice", ["image", "from", "to", "axes"], ["pixel"]),
            constant("row", [-1, 1, shown]),
            helper.make_node("Reshape", ["pixel", "row"], ["one"]),
            constant("all", [1, layers, width]),
            helper.make_node("Expand", ["one", "all"], ["w_plus"]),
        ],
        [("image", ["batch", 3, 256, 256])],
        [("w_plus", ["batch", layers, width])],
    )
    write_generator(folder / GENERATOR_NAME, size, width)
    if preview_size is not None:
        write_generator(folder / PREVIEW_NAME, preview_size, width)
    write_record(folder, size=size, source_sha256="0" * 64, figures={"opset": 18})
    return folder
