"""The optimised copy: what ONNX Runtime works out at every load, worked out once.

Graph optimisation and the reordering of weights cost seconds for a large model and a private copy
of its weights per process. Both are saved here; the weights lie in a file of their own, which
sessions map instead of reading, so that all processes share one copy of them in memory. The layout
fits one family of processors and one version of the runtime, and the folder is named after both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import onnxruntime as ort

from models.sessions.config import SessionConfig
from models.sessions.copies import CopyFailed, kept_copy
from models.sessions.cpu import cpu_fingerprint
from models.sessions.runtime import (
    RawSession,
    largest_difference,
    make_optimised_session,
    save_optimised,
    trial_inputs,
)

MIN_BYTES: Final = 16 * 1024 * 1024
"""Smaller models load fast enough as they are."""

MAX_DIFFERENCE: Final = 1e-6

_MODEL_NAME: Final = "model.onnx"


def optimised_session(
    path: Path, digest: str, config: SessionConfig, cache_dir: Path
) -> RawSession:
    """A CPU session on the optimised copy of `path`, which is made if there is none.

    Args:
        path: the original.
        digest: its SHA-256.
        config: threads.
        cache_dir: where copies are kept.

    Raises:
        CopyFailed: the copy is not equal to its original.
        Exception: whatever the runtime or the disk says.
    """
    folder = cache_dir / f"{digest[:16]}-{cpu_fingerprint()}-ort{ort.__version__}"

    def make(made: Path) -> dict[str, Any]:
        return _make(path, made / _MODEL_NAME, config)

    kept_copy(folder, make)
    return make_optimised_session(folder / _MODEL_NAME, config)


def _make(path: Path, target: Path, config: SessionConfig) -> dict[str, Any]:
    original = save_optimised(path, target, config)
    feed = trial_inputs(original)
    expected = original.run(None, feed)
    # One after the other, so that both never lie in memory at once.
    del original
    difference = largest_difference(
        expected, make_optimised_session(target, config).run(None, feed)
    )
    if difference > MAX_DIFFERENCE:
        raise CopyFailed(f"the optimised copy differs from its original by {difference:.3g}")
    return {"largest_difference": difference}
