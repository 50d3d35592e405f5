"""One model, loaded once in this process, run by any of its threads."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.sessions.runtime import Array, NodeArg, RawSession

logger = logging.getLogger(__name__)

# What ONNX Runtime, CUDA, cuDNN and cuBLAS say; the runtime has no error type of its own for it.
_MEMORY_WORDS: Final = (
    "failed to allocate memory",
    "out of memory",
    "bad_alloc",
    "available memory of",
    "alloc_failed",
    "cudaerrormemoryallocation",
)


class OutOfMemory(Exception):
    """A run needs more memory than the device has, even in halves and with all else freed."""


class ForkedSession(Exception):
    """A session was made before a fork and used after it, where its threads do not exist."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An input or output: name, shape (a text or None for a free dimension), tensor type."""

    name: str
    shape: list[int | str | None]
    type: str


class Session:
    """A model that is loaded when it is needed and can be put away while nobody runs it.

    Args:
        load: makes the runtime's session.
        label: what logs call it.
        relieve: frees memory when a run had too little; called with no run of this session going.
    """

    def __init__(
        self,
        load: Callable[[], RawSession],
        *,
        label: str,
        relieve: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._label = label
        self._relieve = relieve
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._raw: RawSession | None = None
        self._running = 0
        self._inputs: tuple[Argument, ...] = ()
        self._outputs: tuple[Argument, ...] = ()
        self._providers: tuple[str, ...] = ()

    def get_inputs(self) -> Sequence[Argument]:
        """The graph's inputs in order."""
        with self._loaded():
            return self._inputs

    def get_outputs(self) -> Sequence[Argument]:
        """The graph's outputs in order."""
        with self._loaded():
            return self._outputs

    def get_providers(self) -> Sequence[str]:
        """Execution providers in use, the preferred one first."""
        with self._loaded():
            return self._providers

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Run the graph.

        When memory does not suffice, what is idle is freed and the batch is halved, once. A batch
        of one is tried once more as it is.

        Args:
            inputs: input name -> array.

        Returns:
            Every output, in the graph's order.

        Raises:
            OutOfMemory: with the reason.
            ForkedSession: this is another process than the one it was made in.
        """
        try:
            return self._run(inputs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        logger.warning("model %s: out of memory, freeing what is idle", self._label)
        self._relieve()
        halves = self._halves(inputs)
        try:
            parts = [self._run(half) for half in halves]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"The device has too little memory for the model {self._label}, "
                f"even with {'half a batch' if len(halves) > 1 else 'one face'} at a time."
            ) from error
        return parts[0] if len(parts) == 1 else self._joined(parts)

    def put_away(self) -> bool:
        """Free the model's memory if it is neither running nor being loaded.

        The next run loads it again.

        Returns:
            Whether it is freed.
        """
        # Never waits: it is called by sessions that are being loaded and hold their own lock.
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if not self._running:
                self._raw = None
            return self._raw is None
        finally:
            self._lock.release()

    def _run(self, inputs: Mapping[str, Array]) -> list[Array]:
        with self._loaded() as raw:
            return raw.run(None, inputs)

    @contextmanager
    def _loaded(self) -> Iterator[RawSession]:
        if os.getpid() != self._pid:
            raise ForkedSession(
                f"the session of the model {self._label} was made before this process was forked"
            )
        with self._lock:
            if self._raw is None:
                self._raw = self._load()
                self._inputs = _arguments(self._raw.get_inputs())
                self._outputs = _arguments(self._raw.get_outputs())
                self._providers = tuple(self._raw.get_providers())
            raw = self._raw
            self._running += 1
        try:
            yield raw
        finally:
            with self._lock:
                self._running -= 1

    def _halves(self, inputs: Mapping[str, Array]) -> list[Mapping[str, Array]]:
        """The inputs in two parts along their free first axis, or as they are without one."""
        batched = {item.name for item in self._inputs if _has_batch(item)} & inputs.keys()
        sizes = {len(inputs[name]) for name in batched}
        if len(sizes) != 1 or min(sizes) < 2:
            return [inputs]
        middle = (sizes.pop() + 1) // 2
        return [
            {name: array[part] if name in batched else array for name, array in inputs.items()}
            for part in (slice(None, middle), slice(middle, None))
        ]

    def _joined(self, parts: list[list[Array]]) -> list[Array]:
        return [
            np.concatenate(pieces) if _has_batch(output) else pieces[0]
            for output, pieces in zip(self._outputs, zip(*parts, strict=True), strict=True)
        ]


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of the runtime says that memory did not suffice."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _MEMORY_WORDS)


def _has_batch(argument: Argument) -> bool:
    return bool(argument.shape) and not isinstance(argument.shape[0], int)


def _arguments(nodes: Sequence[NodeArg]) -> tuple[Argument, ...]:
    return tuple(Argument(node.name, list(node.shape), node.type) for node in nodes)
