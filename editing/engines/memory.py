"""A few things a process remembers for a short while, and nowhere but in its memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class ShortMemory(Generic[_Value]):
    """The values used last, each for so many seconds since it was kept.

    For what is derived from a face: it must not lie on a disk or in another process, and not stay
    once nobody edits that face any more. May be used by several threads.

    Args:
        most: how many values are kept.
        seconds: how long.
        clock: seconds that only go forward.
    """

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[float, _Value]] = OrderedDict()

    def get(self, key: bytes) -> _Value | None:
        """The value of `key`, or None when it is not known any more."""
        with self._lock:
            self._forget_old()
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][1]

    def keep(self, key: bytes, value: _Value) -> None:
        """Remember `value`; what was used longest ago makes room."""
        with self._lock:
            self._forget_old()
            self._kept[key] = (self._clock(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        with self._lock:
            self._forget_old()
            return len(self._kept)

    def _forget_old(self) -> None:
        oldest = self._clock() - self._seconds
        for key in [key for key, (kept_at, _) in self._kept.items() if kept_at <= oldest]:
            del self._kept[key]
