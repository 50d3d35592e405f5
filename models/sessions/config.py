"""What an operator may decide about ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How sessions are made.

    Attributes:
        providers: execution providers in order of preference, by ONNX Runtime's name or the short
            ones ``tensorrt``, ``cuda`` and ``cpu``; empty for what is there, best first.
        threads: threads within one run, 0 for as many as this process may use.
        gpu_memory_limit_mb: what one session may take of a GPU's memory, 0 for no limit.
        cache_dir: where copies made for this machine are kept, None to make none.
    """

    providers: tuple[str, ...] = ()
    threads: int = 0
    gpu_memory_limit_mb: int = 0
    cache_dir: Path | None = None
