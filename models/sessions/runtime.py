"""Making bare ONNX Runtime sessions, and inputs to try them with."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.sessions.config import SessionConfig
from models.sessions.providers import CPU, Provider, provider_options, usable_cpus

Array = NDArray[Any]

_ERRORS_ONLY: Final = 3
_FREE_SIDE: Final = 64
"""What a free dimension other than the batch becomes in a trial; detectors take multiples of 32."""

_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(bool)": np.dtype(np.bool_),
}


class NodeArg(Protocol):
    """An input or output of a graph: its name, its shape (a text for a free dimension), type."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> Sequence[int | str | None]: ...
    @property
    def type(self) -> str: ...


class Described(Protocol):
    """Anything that says what inputs it takes."""

    def get_inputs(self) -> Sequence[NodeArg]: ...


class RawSession(Described, Protocol):
    """The part of ``onnxruntime.InferenceSession`` that is used."""

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Array]
    ) -> list[Array]: ...
    def get_outputs(self) -> Sequence[NodeArg]: ...
    def get_providers(self) -> Sequence[str]: ...


def session_options(config: SessionConfig, *, on_gpu: bool) -> ort.SessionOptions:
    """Options that every session of this process shares."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = config.threads or usable_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Waiting threads sleep: the web and other models need the cores between two runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not on_gpu:
        # Buffers go back to the system after a run, at no measurable cost in speed.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
    return options


def make_session(path: Path, config: SessionConfig, providers: Sequence[str]) -> RawSession:
    """A session of the model as it is in its file.

    Args:
        path: an ONNX file that has been checked.
        config: threads and limits.
        providers: full names in order.
    """
    pairs: list[Provider] = [(name, provider_options(name, config)) for name in providers]
    options = session_options(config, on_gpu=any(name != CPU for name in providers))
    return _made(path, options, pairs)


def make_optimised_session(path: Path, config: SessionConfig) -> RawSession:
    """A CPU session of a graph that has been optimised for this machine already."""
    options = session_options(config, on_gpu=False)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return _made(path, options, [(CPU, {})])


def save_optimised(path: Path, target: Path, config: SessionConfig) -> RawSession:
    """A CPU session of `path` that leaves its optimised graph at `target`.

    The weights go to ``<target name>.data`` beside it, from where a later session maps them.
    """
    options = session_options(config, on_gpu=False)
    options.optimized_model_filepath = str(target)
    prefix = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(f"{prefix}file_name", f"{target.name}.data")
    options.add_session_config_entry(f"{prefix}min_size_in_bytes", "1024")
    return _made(path, options, [(CPU, {})])


def _made(path: Path, options: ort.SessionOptions, providers: list[Provider]) -> RawSession:
    session: RawSession = ort.InferenceSession(str(path), options, providers=providers)
    _alive.add(session)
    return session


_alive: weakref.WeakSet[RawSession] = weakref.WeakSet()


def _keep_sessions_alive() -> None:
    """In a child process: let no inherited session be destroyed.

    Its destructor would wait for ever for threads that exist in the parent only, at whatever
    moment the garbage collector came by.
    """
    for session in _alive:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
    _alive.clear()


os.register_at_fork(after_in_child=_keep_sessions_alive)


def trial_inputs(session: Described, *, batch: int = 1, seed: int = 0) -> dict[str, Array]:
    """Random inputs of the shapes a graph asks for, the same for the same seed.

    Args:
        session: whose inputs.
        batch: what a free first dimension becomes.
        seed: of the random numbers.

    Raises:
        ValueError: the graph has an input of a type that is not known.
    """
    random = np.random.default_rng(seed)
    feed: dict[str, Array] = {}
    for argument in session.get_inputs():
        dtype = _DTYPES.get(argument.type)
        if dtype is None:
            raise ValueError(f"inputs of the type {argument.type} are not known")
        shape = [
            size if isinstance(size, int) else (batch if axis == 0 else _FREE_SIDE)
            for axis, size in enumerate(argument.shape)
        ]
        if dtype.kind == "f":
            feed[argument.name] = random.uniform(-1, 1, shape).astype(dtype)
        else:
            feed[argument.name] = random.integers(0, 2, shape).astype(dtype)
    return feed


def largest_difference(first: Sequence[Array], second: Sequence[Array]) -> float:
    """Largest absolute difference of two lists of outputs; infinite where shapes differ or NaN."""
    if [array.shape for array in first] != [array.shape for array in second]:
        return float("inf")
    differences = [
        float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)))) if a.size else 0.0
        for a, b in zip(first, second, strict=True)
    ]
    largest = max(differences, default=0.0)
    return largest if np.isfinite(largest) else float("inf")
