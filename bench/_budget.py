"""How long something that could go on for ever is let go on."""

from __future__ import annotations

import time
from argparse import ArgumentParser

SECONDS = 300.0


class Budget:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @property
    def is_left(self) -> bool:
        """Whether there is time for another round."""
        return self.spent < self.seconds


def budget_parser(description: str | None) -> ArgumentParser:
    """A command line that takes ``--seconds`` and ``--seed``."""
    parser = ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"{SECONDS:.0f} unsaid")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; a new one unsaid")
    return parser
