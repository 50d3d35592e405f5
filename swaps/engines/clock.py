"""How long each stage of a swap takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up the time spent in each stage, and in all."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._spent: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside towards `name`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - started

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds per stage so far, and ``total`` since the clock was made."""
        everything = {**self._spent, "total": time.perf_counter() - self._started}
        return {name: round(1000 * seconds, 1) for name, seconds in everything.items()}
