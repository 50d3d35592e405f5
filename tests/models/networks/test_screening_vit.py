"""The screening transformer on a small graph of its card's contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from models.networks.base import ContractError
from models.networks.screening_vit import ScreeningVit
from models.store.cards import MANIFEST_PATH, Contract, Manifest
from tests.models.networks import graphs


@pytest.fixture
def contract() -> Contract:
    contract = Manifest.read(MANIFEST_PATH).card("nsfw_vit").file().contract
    assert contract is not None
    return contract


def classifier(path: Path, classes: int = 2) -> Path:
    """Logits: the mean of the red channel as it comes in, times 1, 2, ..."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
    ]
    weights = np.zeros((3, classes), np.float32)
    weights[0] = np.arange(1, classes + 1)
    return graphs.save(
        path,
        nodes,
        {"pixel_values": ("batch", 3, 384, 384)},
        {"logits": ("batch", classes)},
        {"weights": weights},
    )


def test_logits_become_probabilities_of_the_cards_classes(
    tmp_path: Path, contract: Contract
) -> None:
    network = ScreeningVit(graphs.OrtSession(classifier(tmp_path / "vit.onnx")), contract)
    red = np.zeros((50, 90, 3), np.uint8)
    red[..., 2] = 255
    # Scaled to -1..1, red first: the logits are 1 and 2 for red, -1 and -2 for black.
    shares = network.scores(red)
    assert shares["nsfw"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    assert shares["sfw"] == pytest.approx(1 - shares["nsfw"], abs=1e-3)
    dark = network.scores(np.zeros((1000, 800, 3), np.uint8))
    assert dark["nsfw"] == pytest.approx(1 / (1 + np.exp(1)), abs=1e-3)


def test_a_graph_with_other_classes_is_refused(tmp_path: Path, contract: Contract) -> None:
    network = ScreeningVit(graphs.OrtSession(classifier(tmp_path / "vit.onnx", 5)), contract)
    with pytest.raises(ContractError, match="expected 2"):
        network.scores(np.zeros((8, 8, 3), np.uint8))


def test_a_card_without_classes_is_refused(tmp_path: Path, contract: Contract) -> None:
    session = graphs.OrtSession(classifier(tmp_path / "vit.onnx"))
    with pytest.raises(ContractError, match="classes"):
        ScreeningVit(session, replace(contract, classes=()))
