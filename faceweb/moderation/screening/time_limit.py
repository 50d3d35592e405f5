"""An end to waiting for something that may never answer."""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

_Result = TypeVar("_Result")

# A thread cannot be killed. Once so many hang, nothing more is begun in this process.
MAX_RUNNING: Final = 4

_turns = threading.BoundedSemaphore(MAX_RUNNING)


class TooSlow(Exception):
    """The work did not end in time, or too much of its kind is under way."""


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """What ``work`` gives, if it does so in time.

    It runs in a thread of its own and must not touch the database. One that is late goes on, and
    its answer is dropped.

    Raises:
        TooSlow: it did not end in time.
        Exception: whatever ``work`` raises.
    """
    deadline = time.monotonic() + seconds
    turns = _turns
    if not turns.acquire(timeout=seconds):
        raise TooSlow("no turn in time")
    answers: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:
            errors.append(error)
        finally:
            turns.release()

    thread = threading.Thread(target=run, name="screening", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if errors:
        raise errors[0]
    if not answers:
        raise TooSlow(f"no answer in {seconds:g} s")
    return answers[0]
