"""Smaller copies of a swapper, and the report on them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from models.networks.arcface import ArcFace
from models.networks.identity_space import UnitSpace
from models.networks.swapper import SwapperContract
from models.store.cards import Manifest
from models.store.quantize import Portrait, QualityReport, quantize_swapper
from models.store.variants import Precision, variant_name
from tests.models.networks import graphs
from tests.models.test_crops import points_at

MANIFEST = Manifest.read()


def convolving_swapper(path: Path) -> Path:
    """Two convolutions with a colour by the source between them."""
    rng = np.random.default_rng(1)
    constants: dict[str, NDArray[Any]] = {
        "first": (rng.normal(0, 0.2, (16, 3, 3, 3))).astype(np.float32),
        "second": (rng.normal(0, 0.2, (3, 16, 3, 3))).astype(np.float32),
        "mix": rng.normal(0, 1, (512, 16)).astype(np.float32),
        "column": np.array([0, 16, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["target", "first"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("MatMul", ["source", "mix"], ["style"]),
        helper.make_node("Reshape", ["style", "column"], ["shift"]),
        helper.make_node("Add", ["features", "shift"], ["styled"]),
        helper.make_node("Relu", ["styled"], ["active"]),
        helper.make_node("Conv", ["active", "second"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["logits"], ["output"]),
    ]
    image = (1, 3, 128, 128)
    return graphs.save(
        path, nodes, {"target": image, "source": (1, 512)}, {"output": image}, constants
    )


def portrait(seed: int) -> Portrait:
    small = np.random.default_rng(seed).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    image = cv2.resize(small, (400, 400), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return Portrait(image, points_at((200, 200), 250, 3 * seed))


def make(tmp_path: Path, precision: Precision) -> tuple[Path, QualityReport]:
    source = convolving_swapper(tmp_path / "swapper.onnx")
    target = tmp_path / variant_name(source.name, precision)
    native = MANIFEST.card("inswapper_128").file().contract
    assert native is not None
    report = quantize_swapper(
        source,
        target,
        precision,
        contract=SwapperContract.from_card(native, MANIFEST),
        space=UnitSpace(),
        recogniser=ArcFace(graphs.OrtSession(graphs.recogniser(tmp_path / "recogniser.onnx"))),
        portraits=[portrait(1), portrait(2)],
        open_session=graphs.OrtSession,
    )
    return target, report


def test_int8_copy_computes_in_8_bits_and_is_reported_on(tmp_path: Path) -> None:
    target, report = make(tmp_path, "int8")

    operators = {node.op_type for node in onnx.load(target).graph.node}
    assert "QLinearConv" in operators
    assert "Conv" not in operators
    assert report.swaps == 6
    assert 25 < report.psnr_db < 60
    assert report.largest_difference >= 1
    assert 0.95 < report.similarity <= 1
    assert "int8" in str(report)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "recogniser.onnx",
        "swapper.int8.onnx",
        "swapper.onnx",
    ]


def test_fp16_copy_is_half_the_size_and_nearly_the_same(tmp_path: Path) -> None:
    target, report = make(tmp_path, "fp16")

    assert target.name == "swapper.fp16.onnx"
    assert report.copy_bytes < 0.65 * report.original_bytes
    assert report.psnr_db > 45
    assert report.similarity > 0.999


def test_one_portrait_is_not_enough(tmp_path: Path) -> None:
    native = MANIFEST.card("inswapper_128").file().contract
    assert native is not None
    with pytest.raises(ValueError, match="two portraits"):
        quantize_swapper(
            tmp_path / "a.onnx",
            tmp_path / "b.onnx",
            "int8",
            contract=SwapperContract.from_card(native, MANIFEST),
            space=UnitSpace(),
            recogniser=ArcFace(graphs.OrtSession(graphs.recogniser(tmp_path / "r.onnx"))),
            portraits=[portrait(1)],
            open_session=graphs.OrtSession,
        )
