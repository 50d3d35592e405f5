"""Copies made for this machine: equal to their originals, rebuilt when damaged, else let be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.sessions import SessionConfig, SessionFactory
from models.sessions.batching import with_dynamic_batch
from models.sessions.cpu import cpu_fingerprint
from models.sessions.providers import CPU
from models.sessions.runtime import Array, RawSession, make_optimised_session, save_optimised
from models.store import read_onnx
from tests.models.store_kit import conv_model, finished, sha256

IMAGE = {"x": np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)}


@pytest.fixture(autouse=True)
def small_models_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sessions.factory.MIN_BYTES", 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(conv_model(channels=64, size=32).SerializeToString())
    return path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Originals that were optimised, in order."""
    seen: list[Path] = []

    def noting(path: Path, target: Path, config: SessionConfig) -> RawSession:
        seen.append(path)
        return save_optimised(path, target, config)

    monkeypatch.setattr("models.sessions.optimised.save_optimised", noting)
    yield seen


def run(model: Path, cache: Path) -> Array:
    sessions = SessionFactory(SessionConfig(threads=1, cache_dir=cache))
    return sessions.get(model, sha256(model.read_bytes())).run(IMAGE)[0]


def plainly(model: Path) -> Array:
    return ort.InferenceSession(str(model), providers=[CPU]).run(None, IMAGE)[0]


def only_copy(cache: Path) -> Path:
    [folder] = [path for path in cache.iterdir() if path.is_dir()]
    return folder


def test_the_copy_is_made_once_and_equals_the_original(
    model: Path, tmp_path: Path, made: list[Path]
) -> None:
    cache = tmp_path / "cache"
    assert np.max(np.abs(run(model, cache) - plainly(model))) <= 1e-6
    assert np.max(np.abs(run(model, cache) - plainly(model))) <= 1e-6
    assert made == [model]
    folder = only_copy(cache)
    assert cpu_fingerprint() in folder.name
    assert ort.__version__ in folder.name
    assert (folder / "model.onnx.data").stat().st_size >= 64 * 27 * 4
    assert read_onnx(folder / "model.onnx").external_files == {"model.onnx.data"}


def test_the_copy_is_what_is_loaded(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def noting(path: Path, config: SessionConfig) -> RawSession:
        loaded.append(path)
        return make_optimised_session(path, config)

    monkeypatch.setattr("models.sessions.optimised.make_optimised_session", noting)
    run(model, tmp_path / "cache")
    assert loaded[-1] == only_copy(tmp_path / "cache") / "model.onnx"


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "ready.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_copy_is_made_anew(
    model: Path, tmp_path: Path, made: list[Path], name: str, damage: str
) -> None:
    cache = tmp_path / "cache"
    run(model, cache)
    path = only_copy(cache) / name
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    assert np.max(np.abs(run(model, cache) - plainly(model))) <= 1e-6
    assert made == [model, model]


def test_a_copy_that_was_moved_is_read_again_and_kept(
    model: Path, tmp_path: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    run(model, cache)
    data = only_copy(cache) / "model.onnx.data"
    data.write_bytes(data.read_bytes())
    read: list[str] = []

    def noting(path: Path) -> str:
        read.append(path.name)
        return sha256(path.read_bytes())

    monkeypatch.setattr("models.sessions.copies.sha256_of", noting)
    run(model, cache)
    assert "model.onnx.data" in read
    read.clear()
    run(model, cache)
    assert read == []
    assert made == [model]


def test_a_copy_that_differs_is_not_used(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("models.sessions.optimised.largest_difference", lambda first, second: 1e-3)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(run(model, tmp_path / "cache"), plainly(model))
    assert "differs from its original" in caplog.text
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_a_cache_that_cannot_be_written_is_done_without(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    assert np.array_equal(run(model, tmp_path / "cache"), plainly(model))
    assert "loaded without its optimised copy" in caplog.text


def test_what_a_dead_process_left_is_cleared(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(model, cache)
    folder = only_copy(cache)
    leftover = cache / f".{folder.name}.abcd1234.making"
    leftover.mkdir()
    (leftover / "model.onnx.data").write_bytes(b"half")
    (folder / "ready.json").unlink()
    run(model, cache)
    assert not leftover.exists()


def batched(path: Path, cache: Path) -> tuple[Array, Array] | None:
    """Two images at once and one by one, through the model with a free batch axis."""
    model = with_dynamic_batch(path, digest=sha256(path.read_bytes()), cache_dir=cache)
    if model is None:
        return None
    assert model.sha256 == sha256(model.path.read_bytes())
    single = ort.InferenceSession(str(path), providers=[CPU])
    free = ort.InferenceSession(str(model.path), providers=[CPU])
    shape = [3, *single.get_inputs()[0].shape[1:]]
    images = np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
    together = free.run(None, {"x": images})[0]
    alone = np.concatenate([single.run(None, {"x": image[None]})[0] for image in images])
    return together, alone


def test_a_fixed_batch_is_freed_and_equals_single_runs(model: Path, tmp_path: Path) -> None:
    outcome = batched(model, tmp_path / "cache")
    assert outcome is not None
    together, alone = outcome
    assert together.shape == (3, 3, 32, 32)
    assert np.max(np.abs(together - alone)) <= 1e-5


def reshaping(first: int) -> onnx.ModelProto:
    """x (1, 3, 8, 8) -> reshape to (first, 192) -> y; the emap comes last."""
    inside = [
        numpy_helper.from_array(np.array([first, 192], np.int64), "shape"),
        numpy_helper.from_array(np.eye(4, dtype=np.float32), "emap"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        "reshape",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 192])],
        inside,
    )
    return finished(graph)


def test_a_reshape_to_one_keeps_the_batch_and_the_last_initializer(tmp_path: Path) -> None:
    path = tmp_path / "reshape.onnx"
    path.write_bytes(reshaping(1).SerializeToString())
    outcome = batched(path, tmp_path / "cache")
    assert outcome is not None
    assert np.array_equal(*outcome)
    free = with_dynamic_batch(path, digest=sha256(path.read_bytes()), cache_dir=tmp_path / "cache")
    assert free is not None
    assert read_onnx(free.path).initializers[-1].name == "emap"


def mixing() -> onnx.ModelProto:
    """x (1, 3, 8, 8) minus its mean over every axis: items of a batch would touch each other."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["m"], keepdims=1),
            helper.make_node("Sub", ["x", "m"], ["y"]),
        ],
        "mixing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])],
    )
    return finished(graph)


def test_a_graph_that_mixes_its_batch_runs_one_at_a_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mixing.onnx"
    path.write_bytes(mixing().SerializeToString())
    with caplog.at_level(logging.INFO):
        assert batched(path, tmp_path / "cache") is None
    assert "differs from single runs" in caplog.text


def test_the_outcome_is_remembered(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = tmp_path / "mixing.onnx"
    mixed.write_bytes(mixing().SerializeToString())
    first = [batched(path, tmp_path / "cache") is None for path in (model, mixed)]

    def refuse(*_: object) -> None:
        raise AssertionError("it was proved before")

    monkeypatch.setattr("models.sessions.batching.free_batch_axis", refuse)
    again = [batched(path, tmp_path / "cache") is None for path in (model, mixed)]
    assert first == again == [False, True]


def test_a_larger_fixed_batch_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "four.onnx"
    path.write_bytes(conv_model(batch=4).SerializeToString())
    assert (
        with_dynamic_batch(path, digest=sha256(path.read_bytes()), cache_dir=tmp_path / "c") is None
    )
