"""Whether this worker process is being shut down."""

import time

_deadline: float | None = None


def begin(grace: float) -> None:
    """Give what is at work ``grace`` seconds to finish before they are handed back."""
    global _deadline
    _deadline = time.monotonic() + grace


def reset() -> None:
    """Take the announcement back."""
    global _deadline
    _deadline = None


def is_due() -> bool:
    """Whether what is at work should be handed back now."""
    return _deadline is not None and time.monotonic() >= _deadline
