"""Every swapper of the manifest, on a small graph of its contract."""

from pathlib import Path

import numpy as np
import pytest

from models.networks.base import ContractError, unit
from models.networks.swapper import FaceSwapper, SwapperContract
from models.store.cards import Contract, Manifest
from tests.models.networks import graphs

MANIFEST = Manifest.read()
RNG = np.random.default_rng(1)


def _swappers() -> dict[str, Contract]:
    return {
        card.key: file.contract
        for card in MANIFEST.cards.values()
        for file in card.files
        if file.contract is not None and file.contract.task == "swap"
    }


def _contract(key: str) -> SwapperContract:
    return SwapperContract.from_card(_swappers()[key], MANIFEST)


def test_the_manifest_knows_the_swappers_people_use() -> None:
    families = {key.split("_")[0] for key in _swappers()}

    assert families >= {"inswapper", "hyperswap", "simswap", "ghost", "blendswap", "uniface"}


@pytest.mark.parametrize("key", sorted(_swappers()))
def test_contract_of_each_swapper(key: str, tmp_path: Path) -> None:
    """The tensor the graph sees and the image made of its answer are what the card says."""
    card = _swappers()[key]
    contract = _contract(key)
    size = contract.size
    crop_size = 0 if contract.source_crop is None else contract.source_crop.image.size
    shape = (3, crop_size, crop_size) if crop_size else (512,)
    session = graphs.OrtSession(graphs.swapper(tmp_path / "s.onnx", size, source=shape, scale=1.0))
    crops = RNG.integers(60, 200, (1, size, size, 3)).astype(np.uint8)
    sources = (
        RNG.integers(0, 256, (1, crop_size, crop_size, 3)).astype(np.uint8)
        if crop_size
        else unit(RNG.normal(0, 1, (1, 512)))
    )

    drawn = FaceSwapper(session, contract).swap(crops, sources)

    # The graph adds a colour to the tensor; undoing both scalings by hand must give that colour.
    mean, std = np.array(card.mean or (0, 0, 0)), np.array(card.std or (1, 1, 1))
    answer = (crops[0, ..., ::-1] / 255 - mean) / std
    raw = session.run(
        {
            "target": answer.transpose(2, 0, 1)[None].astype(np.float32),
            "source": (
                (sources[..., ::-1] / 255).transpose(0, 3, 1, 2).astype(np.float32)
                if crop_size
                else sources
            ),
        }
    )[0][0].transpose(1, 2, 0)
    out_mean = np.array(card.output_mean or mean)
    out_std = np.array(card.output_std or std)
    expected = np.clip((raw * out_std + out_mean) * 255, 0, 255)[..., ::-1]
    assert drawn.shape == crops.shape
    assert np.abs(drawn[0] - expected).max() <= 0.51


def test_batches_give_what_single_runs_give(tmp_path: Path) -> None:
    contract = _contract("inswapper_128")
    free = graphs.OrtSession(graphs.swapper(tmp_path / "free.onnx", batch="batch"))
    fixed = graphs.OrtSession(graphs.swapper(tmp_path / "fixed.onnx"))
    crops = RNG.integers(0, 256, (7, 128, 128, 3)).astype(np.uint8)
    sources = unit(RNG.normal(0, 1, (7, 512)))
    fractions: list[float] = []

    batched = FaceSwapper(free, contract, max_batch=4).swap(crops, sources, fractions.append)
    single = FaceSwapper(fixed, contract).swap(crops, sources)

    assert np.array_equal(batched, single)
    assert [run["target"][0] for run in free.runs] == [4, 3]
    assert len(fixed.runs) == 7
    assert fractions[-1] == 1.0


def test_no_crops_need_no_run(tmp_path: Path) -> None:
    session = graphs.OrtSession(graphs.swapper(tmp_path / "s.onnx"))
    empty = np.zeros((0, 128, 128, 3), np.uint8)
    swapper = FaceSwapper(session, _contract("inswapper_128"))

    assert swapper.swap(empty, np.zeros((0, 512), np.float32)).shape == empty.shape
    assert session.runs == []


def test_graphs_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    contract = _contract("inswapper_128")
    with pytest.raises(ContractError, match="128 px"):
        FaceSwapper(graphs.OrtSession(graphs.swapper(tmp_path / "s.onnx", size=256)), contract)
    with pytest.raises(ContractError, match="source"):
        FaceSwapper(graphs.OrtSession(graphs.enhancer(tmp_path / "e.onnx", 128)), contract)
    with pytest.raises(ContractError, match="not that of a swapper"):
        SwapperContract.from_card(Contract(task="parsing"), MANIFEST)


def test_boosts_are_multiples_of_the_native_size() -> None:
    assert _contract("inswapper_128").boosts == (128, 256, 512, 1024)
    assert _contract("simswap_256").boosts == (256, 512, 1024)
