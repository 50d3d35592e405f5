"""The exported graphs as the site loads them: contracts, scaling, the record beside them."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.networks.base import ContractError
from models.networks.stylegan import (
    ENCODER_NAME,
    GENERATOR_NAME,
    RECORD_NAME,
    Encoder,
    Export,
    Generator,
    write_record,
)
from models.sessions import get_session

SIZE, LAYERS, WIDTH = 8, 4, 2
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


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export whose latents are the first red and green pixel, shown again by the generator."""
    save(
        tmp_path / ENCODER_NAME,
        [
            *(
                constant(n, v)
                for n, v in (("from", [0, 0, 0]), ("to", [2, 1, 1]), ("axes", [1, 2, 3]))
            ),
            helper.make_node("Slice", ["image", "from", "to", "axes"], ["pixel"]),
            constant("row", [-1, 1, WIDTH]),
            helper.make_node("Reshape", ["pixel", "row"], ["one"]),
            constant("all", [1, LAYERS, WIDTH]),
            helper.make_node("Expand", ["one", "all"], ["w_plus"]),
        ],
        [("image", ["batch", 3, 256, 256])],
        [("w_plus", ["batch", LAYERS, WIDTH])],
    )
    save(
        tmp_path / GENERATOR_NAME,
        [
            *(constant(n, v) for n, v in (("from", [0, 0]), ("to", [1, 1]), ("axes", [1, 2]))),
            helper.make_node("Slice", ["w_plus", "from", "to", "axes"], ["red"]),
            constant("row", [-1, 1, 1, 1]),
            helper.make_node("Reshape", ["red", "row"], ["one"]),
            helper.make_node("Neg", ["one"], ["green"]),
            helper.make_node("Add", ["one", "one"], ["blue"]),
            helper.make_node("Concat", ["one", "green", "blue"], ["pixel"], axis=1),
            constant("all", [1, 3, SIZE, SIZE]),
            helper.make_node("Expand", ["pixel", "all"], ["image"]),
        ],
        [("w_plus", ["batch", LAYERS, WIDTH])],
        [("image", ["batch", 3, SIZE, SIZE])],
    )
    write_record(tmp_path, size=SIZE, source_sha256="0" * 64, figures={"opset": 18})
    return tmp_path


@pytest.fixture
def networks(export: Path) -> tuple[Encoder, Generator]:
    return Export.read(export).open(get_session)


def test_the_encoder_sees_rgb_from_minus_one_to_one(networks: tuple[Encoder, Generator]) -> None:
    crops = np.zeros((2, 256, 256, 3), np.uint8)
    crops[0, 0, 0] = (9, 0, 255)
    crops[1, 0, 0] = (9, 255, 51)
    latents = networks[0].encode(crops)
    assert latents.shape == (2, LAYERS, WIDTH)
    assert np.allclose(latents, np.array([[[1, -1]], [[-0.6, 1]]]), atol=1e-6)


def test_the_generator_gives_bgr_levels_that_are_not_clipped(
    networks: tuple[Encoder, Generator],
) -> None:
    latents = np.zeros((2, LAYERS, WIDTH), np.float32)
    latents[1, 0, 0] = 0.8
    faces = networks[1].synthesise(latents)
    assert faces.shape == (2, SIZE, SIZE, 3)
    assert np.allclose(faces[0], 127.5)
    assert np.allclose(faces[1], [127.5 * 2.6, 127.5 * 0.2, 127.5 * 1.8])


def test_the_record_tells_size_and_digests(export: Path) -> None:
    read = Export.read(export)
    assert (read.size, read.source_sha256) == (SIZE, "0" * 64)
    assert set(read.digests) == {ENCODER_NAME, GENERATOR_NAME}


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"size": 8}', None])
def test_a_damaged_record_is_refused(export: Path, record: str | None) -> None:
    if record is None:
        (export / RECORD_NAME).unlink()
    else:
        (export / RECORD_NAME).write_text(record)
    with pytest.raises(ContractError, match="no usable record"):
        Export.read(export)


def test_a_digest_that_is_none_is_refused(export: Path) -> None:
    record = json.loads((export / RECORD_NAME).read_text())
    record["sha256"][ENCODER_NAME] = "../../etc"
    (export / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(ContractError, match="not a SHA-256"):
        Export.read(export)


def test_a_missing_graph_is_named(export: Path) -> None:
    (export / GENERATOR_NAME).unlink()
    with pytest.raises(ContractError, match=r"generator\.onnx is missing"):
        Export.read(export)


def test_graphs_of_two_exports_are_not_mixed(export: Path) -> None:
    record = json.loads((export / RECORD_NAME).read_text())
    (export / RECORD_NAME).write_text(json.dumps({**record, "size": 2 * SIZE}))
    with pytest.raises(ContractError, match="not of one export"):
        Export.read(export).open(get_session)


def test_a_graph_in_the_wrong_place_is_refused(export: Path) -> None:
    read = Export.read(export)
    swapped = Export(read.generator, read.encoder, SIZE, read.digests, read.source_sha256)
    digests = {"encoder": "a" * 64, "generator": "b" * 64}
    with pytest.raises(ContractError):
        Generator(get_session(swapped.generator, digests["encoder"]))
