"""One session per model per process, shared by threads, never across a fork, kind to memory."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import Queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from models.sessions import (
    ForkedSession,
    Gpu,
    OutOfMemory,
    ProviderUnavailable,
    Session,
    SessionConfig,
    SessionFactory,
    SessionFailed,
    choose_providers,
    configure,
    get_session,
)
from models.sessions.providers import CPU, CUDA, TENSORRT, provider_options
from models.sessions.runtime import (
    Array,
    NodeArg,
    RawSession,
    make_session,
    session_options,
)
from tests.models.store_kit import conv_model, sha256

MAKE_SESSION = "models.sessions.factory.make_session"
CARD = Gpu(0, "A card", 24_000)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(conv_model(batch="n").SerializeToString())
    return path


@pytest.fixture
def image() -> dict[str, Array]:
    return {"x": np.random.default_rng(0).standard_normal((2, 3, 8, 8), dtype=np.float32)}


def digest_of(path: Path) -> str:
    return sha256(path.read_bytes())


def test_a_session_gives_what_the_runtime_gives(model: Path, image: dict[str, Array]) -> None:
    configure(SessionConfig(threads=1))
    session = get_session(model, digest_of(model))
    plain = ort.InferenceSession(str(model), providers=[CPU]).run(None, image)
    assert np.array_equal(session.run(image)[0], plain[0])
    assert [item.name for item in session.get_inputs()] == ["x"]
    assert session.get_outputs()[0].shape == ["n", 3, 8, 8]
    assert list(session.get_providers()) == [CPU]
    assert get_session(model, digest_of(model)) is session


def test_threads_share_one_load_and_agree(
    model: Path, image: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Path] = []
    together = threading.Barrier(6)

    def counting(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
        loads.append(path)
        return make_session(path, config, providers)

    monkeypatch.setattr(MAKE_SESSION, counting)
    sessions = SessionFactory(SessionConfig(threads=1))

    def work(_: int) -> tuple[Session, bytes]:
        together.wait()
        session = sessions.get(model, digest_of(model))
        return session, session.run(image)[0].tobytes()

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(work, range(6)))
    assert len(loads) == 1
    assert len({id(session) for session, _ in results}) == 1
    assert len({output for _, output in results}) == 1


def test_a_slow_load_holds_up_no_other_model(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(conv_model(seed=3).SerializeToString())
    release, started = threading.Event(), threading.Event()

    def slow(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
        if path == model:
            started.set()
            assert release.wait(20)
        return make_session(path, config, providers)

    monkeypatch.setattr(MAKE_SESSION, slow)
    sessions = SessionFactory(SessionConfig(threads=1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sessions.get, model, digest_of(model))
        assert started.wait(20)
        sessions.get(other, digest_of(other))
        assert not waiting.done()
        release.set()
        waiting.result(20)


def test_what_cannot_be_loaded_says_so_and_can_be_tried_again(model: Path) -> None:
    good = model.read_bytes()
    model.write_bytes(good[:100])
    sessions = SessionFactory(SessionConfig())
    with pytest.raises(SessionFailed, match="ONNX Runtime cannot load it"):
        sessions.get(model, "a" * 64)
    model.write_bytes(good)
    assert sessions.get(model, "a" * 64).get_inputs()


def _child(
    sessions: SessionFactory,
    inherited: Session,
    path: Path,
    image: dict[str, Array],
    answers: Queue[Any],
) -> None:
    # Among the garbage are sessions that the parent had dropped.
    gc.collect()
    try:
        inherited.run(image)
        answers.put("ran")
    except ForkedSession:
        answers.put("refused")
    own = sessions.get(path, digest_of(path))
    answers.put(own is inherited)
    answers.put(own.run(image)[0].tobytes())


def test_a_fork_gets_a_session_of_its_own(model: Path, image: dict[str, Array]) -> None:
    sessions = SessionFactory(SessionConfig(threads=2))
    session = sessions.get(model, digest_of(model))
    expected = session.run(image)[0].tobytes()
    gc.disable()
    SessionFactory(SessionConfig(threads=2)).get(model, "dropped")
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_child, args=(sessions, session, model, image, answers))
    child.start()
    try:
        assert answers.get(timeout=30) == "refused"
        assert answers.get(timeout=30) is False
        assert answers.get(timeout=30) == expected
        child.join(30)
        assert child.exitcode == 0
    finally:
        gc.enable()
        child.kill()
    assert session.run(image)[0].tobytes() == expected


class Card:
    """A device with room for `room` images at a time, as a runtime session."""

    def __init__(self, room: int, error: str = "BFCArena: Failed to allocate memory") -> None:
        self.room = room
        self.error = error
        self.batches: list[int] = []

    def get_inputs(self) -> Sequence[NodeArg]:
        return [
            SimpleNamespace(name="x", shape=["n", 4], type="tensor(float)"),
            SimpleNamespace(name="weight", shape=[1], type="tensor(float)"),
        ]

    def get_outputs(self) -> Sequence[NodeArg]:
        return [
            SimpleNamespace(name="y", shape=["n", 4], type="tensor(float)"),
            SimpleNamespace(name="constant", shape=[2], type="tensor(float)"),
        ]

    def get_providers(self) -> Sequence[str]:
        return [CUDA, CPU]

    def run(self, names: Sequence[str] | None, feed: Mapping[str, Array]) -> list[Array]:
        self.batches.append(len(feed["x"]))
        if len(feed["x"]) > self.room:
            raise RuntimeError(self.error)
        return [feed["x"] * feed["weight"], np.array([1.0, 2.0])]


def feed_of(count: int) -> dict[str, Array]:
    values = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    return {"x": values, "weight": np.array([2.0], np.float32)}


@pytest.mark.parametrize(
    "error",
    [
        "Available memory of 1024 is smaller than requested bytes of 4096",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_too_large_a_batch_is_halved_once(error: str) -> None:
    card, relieved = Card(3, error), []
    session = Session(lambda: card, label="net", relieve=lambda: relieved.append(True))
    product, constant = session.run(feed_of(5))
    assert np.array_equal(product, feed_of(5)["x"] * 2)
    assert constant.tolist() == [1.0, 2.0]
    assert card.batches == [5, 3, 2]
    assert relieved == [True]


def test_half_a_batch_that_does_not_fit_fails_with_a_reason() -> None:
    card = Card(1)
    session = Session(lambda: card, label="net")
    with pytest.raises(OutOfMemory, match="too little memory for the model net"):
        session.run(feed_of(4))
    assert card.batches == [4, 2]


def test_one_face_is_tried_again_after_freeing() -> None:
    card = Card(0)

    def relieve() -> None:
        card.room = 1

    session = Session(lambda: card, label="net", relieve=relieve)
    assert np.array_equal(session.run(feed_of(1))[0], feed_of(1)["x"] * 2)
    card.room = 0
    with pytest.raises(OutOfMemory, match="one face"):
        Session(lambda: card, label="net").run(feed_of(1))


def test_other_errors_are_not_mistaken_for_memory() -> None:
    card = Card(0, "Got invalid dimensions for input")
    with pytest.raises(RuntimeError, match="invalid dimensions"):
        Session(lambda: card, label="net").run(feed_of(2))
    assert card.batches == [2]


def test_idle_sessions_are_put_away_and_come_back(
    model: Path, image: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Path] = []

    def counting(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
        loads.append(path)
        return make_session(path, config, providers)

    monkeypatch.setattr(MAKE_SESSION, counting)
    sessions = SessionFactory(SessionConfig(threads=1))
    session = sessions.get(model, digest_of(model))
    before = session.run(image)[0]
    sessions.release_idle()
    assert np.array_equal(session.run(image)[0], before)
    assert len(loads) == 2


def test_a_running_session_is_not_put_away() -> None:
    asked: list[bool] = []

    class Busy(Card):
        def run(self, names: Sequence[str] | None, feed: Mapping[str, Array]) -> list[Array]:
            asked.append(session.put_away())
            return super().run(names, feed)

    session = Session(lambda: Busy(9), label="net")
    session.run(feed_of(1))
    assert asked == [False]
    assert session.put_away()


def test_memory_that_lacks_at_load_is_made_by_putting_others_away(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(conv_model(seed=3).SerializeToString())
    sessions = SessionFactory(SessionConfig(threads=1))
    first = sessions.get(other, digest_of(other))
    tries: list[Path] = []

    def tight(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
        tries.append(path)
        if first._raw is not None:
            raise RuntimeError("CUDA failure 2: out of memory")
        return make_session(path, config, providers)

    monkeypatch.setattr(MAKE_SESSION, tight)
    assert sessions.get(model, digest_of(model)).get_inputs()
    assert tries == [model, model]

    def full(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
        raise RuntimeError("CUDA failure 2: out of memory")

    monkeypatch.setattr(MAKE_SESSION, full)
    with pytest.raises(OutOfMemory, match="to load the model"):
        SessionFactory(SessionConfig()).get(model, digest_of(model))


@pytest.mark.parametrize(
    ("wanted", "available", "gpus", "tensorrt", "chosen"),
    [
        ([], [CPU], [], False, [CPU]),
        ([], [CUDA, CPU], [CARD], False, [CUDA, CPU]),
        ([], [CUDA, CPU], [], False, [CPU]),
        ([], [TENSORRT, CUDA, CPU], [CARD], True, [TENSORRT, CUDA, CPU]),
        ([], [TENSORRT, CUDA, CPU], [CARD], False, [CUDA, CPU]),
        (["cpu"], [CUDA, CPU], [CARD], True, [CPU]),
        (["cuda"], [TENSORRT, CUDA, CPU], [CARD], True, [CUDA, CPU]),
        (["CUDAExecutionProvider", "cpu"], [CUDA, CPU], [CARD], True, [CUDA, CPU]),
        (["OpenVINOExecutionProvider"], ["OpenVINOExecutionProvider", CPU], [], False,
         ["OpenVINOExecutionProvider", CPU]),
    ],
)  # fmt: skip
def test_the_best_hardware_is_taken(
    wanted: list[str], available: list[str], gpus: list[Gpu], tensorrt: bool, chosen: list[str]
) -> None:
    assert choose_providers(wanted, available=available, gpus=gpus, has_tensorrt=tensorrt) == chosen


def test_hardware_that_is_asked_for_and_not_there_is_an_error() -> None:
    with pytest.raises(ProviderUnavailable, match="has no CUDA"):
        choose_providers(["cuda"], available=[CPU], gpus=[CARD])
    with pytest.raises(ProviderUnavailable, match="no GPU"):
        choose_providers(["cuda"], available=[CUDA, CPU], gpus=[])


def test_a_provider_that_does_not_start_is_noticed(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        MAKE_SESSION, lambda path, config, providers: make_session(path, config, [CPU])
    )
    monkeypatch.setattr("models.sessions.factory.choose_providers", lambda wanted: [CUDA, CPU])
    with pytest.raises(ProviderUnavailable, match="does not start"):
        SessionFactory(SessionConfig(providers=("cuda",))).get(model, digest_of(model))
    SessionFactory(SessionConfig()).get(model, digest_of(model))
    assert "does not start" in caplog.text


def test_options_follow_the_settings(tmp_path: Path) -> None:
    config = SessionConfig(threads=3, gpu_memory_limit_mb=2048, cache_dir=tmp_path)
    options = session_options(config, on_gpu=False)
    assert options.intra_op_num_threads == 3
    assert options.enable_cpu_mem_arena is False
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert session_options(config, on_gpu=True).enable_cpu_mem_arena is True
    assert provider_options(CUDA, config)["gpu_mem_limit"] == 2048 * 1024 * 1024
    assert "gpu_mem_limit" not in provider_options(CUDA, SessionConfig())
    assert provider_options(TENSORRT, config)["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert provider_options(CPU, config) == {}
