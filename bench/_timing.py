"""Measuring one thing in a process of its own: time apart from memory, nothing left over."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def best_ms(work: Callable[[], object], runs: int = 5) -> float:
    """The shortest of several runs in milliseconds: what the work costs on an idle machine."""
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return 1000 * best


def peak_rss_mb() -> float:
    """The most memory this process has held so far, in MB (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def in_subprocess(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON object that ``python -m module arguments`` prints as its last line."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def machine() -> str:
    """How many processors there are and how busy they are: timings mean little without it."""
    return f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
