"""Parser, occluder and enhancer on small graphs of their contracts."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from models.networks.base import ContractError, ImageTensor
from models.networks.enhancer import FaceEnhancer
from models.networks.occluder import Occluder
from models.networks.parser import FaceParser, with_argmax
from models.store.cards import Manifest
from tests.models.networks import graphs


def half_bright(size: int) -> np.ndarray:
    image = np.zeros((size, size, 3), np.uint8)
    image[:, size // 2 :] = 255
    return image


def test_parser_labels_pixels_with_the_argmax_in_the_graph(tmp_path: Path) -> None:
    with_argmax(graphs.parser(tmp_path / "scores.onnx"), tmp_path / "cache" / "labels.onnx")
    session = graphs.OrtSession(tmp_path / "cache" / "labels.onnx")

    labels = FaceParser(session).parse(half_bright(512))

    assert labels.dtype == np.uint8
    assert (labels[:, :256] == 0).all()
    assert (labels[:, 256:] == 1).all()
    assert [output.name for output in session.get_outputs()] == ["labels"]


def test_argmax_equals_numpy_on_random_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = onnx.load(graphs.parser(tmp_path / "scores.onnx"))
    weights = rng.normal(0, 1, (19, 3, 1, 1)).astype(np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "weights"))
    onnx.save(model, tmp_path / "scores.onnx")
    crop = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    with_argmax(tmp_path / "scores.onnx", tmp_path / "labels.onnx")
    recorded = graphs.OrtSession(tmp_path / "labels.onnx")

    labels = FaceParser(recorded).parse(crop)

    assert len(np.unique(labels)) > 3
    tensor = np.random.default_rng(1).normal(0, 1, (1, 3, 512, 512)).astype(np.float32)
    scores = graphs.OrtSession(tmp_path / "scores.onnx").run({"input": tensor})[0]
    assert np.array_equal(recorded.run({"input": tensor})[0], scores.argmax(axis=1))


def test_parser_refuses_scores_and_argmax_refuses_other_graphs(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="with_argmax"):
        FaceParser(graphs.OrtSession(graphs.parser(tmp_path / "scores.onnx")))
    with pytest.raises(ContractError, match="19 classes"):
        with_argmax(graphs.enhancer(tmp_path / "e.onnx"), tmp_path / "out.onnx")


@pytest.mark.parametrize("size", [128, 256, 512])
def test_occluder_sees_bgr_channels_last(size: int, tmp_path: Path) -> None:
    occluder = Occluder(graphs.OrtSession(graphs.occluder(tmp_path / "o.onnx")))
    crop = np.zeros((size, size, 3), np.uint8)
    crop[: size // 2, :, 0] = 255
    crop[size // 2 :, :, 2] = 255

    visible = occluder.visible(crop)

    assert visible.shape == (256, 256)
    assert (visible[:120] == 1).all()
    assert (visible[136:] < 0.01).all()


def test_enhancer_follows_its_card(tmp_path: Path) -> None:
    manifest = Manifest.read()
    contract = manifest.card("gfpgan_1.4").file().contract
    assert contract is not None
    session = graphs.OrtSession(graphs.enhancer(tmp_path / "e.onnx"))
    enhancer = FaceEnhancer.from_card(session, contract, manifest)
    crop = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)

    assert enhancer.size == 512
    assert np.array_equal(enhancer.enhance(crop), 255 - crop)
    assert np.allclose(enhancer.template, manifest.templates["ffhq_512"])


def test_enhancer_refuses_an_answer_of_another_size(tmp_path: Path) -> None:
    pooled = graphs.save(
        tmp_path / "e.onnx",
        [
            onnx.helper.make_node(
                "AveragePool", ["input"], ["output"], kernel_shape=[2, 2], strides=[2, 2]
            )
        ],
        {"input": (1, 3, 64, 64)},
        {"output": (1, 3, 32, 32)},
    )
    enhancer = FaceEnhancer(
        graphs.OrtSession(pooled), ImageTensor(64), np.full((5, 2), 0.5, np.float32)
    )
    with pytest.raises(ContractError, match="one restored crop"):
        enhancer.enhance(np.zeros((64, 64, 3), np.uint8))
