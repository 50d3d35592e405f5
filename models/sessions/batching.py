"""Several faces in one run: the batch axis of a graph that was exported for one.

Many exports fix the first dimension at 1. It is made free here, and the result is used only if a
batch gives what single runs of the original give: nothing in the file promises that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort

from models.sessions.config import SessionConfig
from models.sessions.copies import CopyFailed, kept_copy
from models.sessions.providers import CPU
from models.sessions.runtime import Array, largest_difference, make_session, trial_inputs
from models.store.files import sha256_of

logger = logging.getLogger(__name__)

MAX_DIFFERENCE: Final = 1e-5

_MODEL_NAME: Final = "model.onnx"
_BATCH: Final = 2


@dataclass(frozen=True, slots=True)
class BatchModel:
    """A model whose first axis is free: its file and the file's SHA-256."""

    path: Path
    sha256: str


def with_dynamic_batch(path: Path, *, digest: str, cache_dir: Path) -> BatchModel | None:
    """The model at `path` with a free batch axis, proved equal to single runs, else None.

    The first call for a model runs it four times on the CPU and writes a copy; the outcome, good
    or bad, is remembered in `cache_dir`.

    Args:
        path: a checked ONNX file with its weights inside.
        digest: its SHA-256.
        cache_dir: where copies are kept.
    """
    folder = cache_dir / f"{digest[:16]}-batch-ort{ort.__version__}"

    def make(made: Path) -> dict[str, Any]:
        target = made / _MODEL_NAME
        try:
            free_batch_axis(path, target)
            _prove(path, target)
        except (OSError, MemoryError):
            # Says nothing of the model: another time it may well work.
            raise
        except Exception as error:
            target.unlink(missing_ok=True)
            reason = str(error) if isinstance(error, CopyFailed) else type(error).__name__
            return {"sha256": "", "reason": reason}
        return {"sha256": sha256_of(target), "reason": ""}

    try:
        facts = kept_copy(folder, make)
    except (OSError, MemoryError) as error:
        logger.warning("model %s: no batch copy can be kept: %s", digest[:12], type(error).__name__)
        return None
    if not facts.get("sha256"):
        logger.info("model %s runs one at a time: %s", digest[:12], facts.get("reason"))
        return None
    return BatchModel(folder / _MODEL_NAME, str(facts["sha256"]))


def free_batch_axis(path: Path, target: Path) -> None:
    """Write the model at `path` to `target` with the first dimension of inputs and outputs free.

    Raises:
        CopyFailed: its inputs do not share a first dimension of 1.
    """
    model = onnx.load(path)
    graph = model.graph
    weights = {initializer.name for initializer in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    for value in (*inputs, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if not dims or (dims[0].HasField("dim_value") and dims[0].dim_value != 1):
            raise CopyFailed("not every input and output has a batch axis of 1")
        dims[0].dim_param = "batch"
    # Shapes noted for the inside of the graph would contradict the free axis.
    graph.ClearField("value_info")
    for node in graph.node:
        if node.op_type == "Reshape" and node.input[1] in weights:
            _free_reshape(graph, node)
    onnx.save(model, target)


def _free_reshape(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    """Let a reshape to (1, ...) keep the batch: 0 means the input's own dimension there."""
    constant = next(item for item in graph.initializer if item.name == node.input[1])
    shape = onnx.numpy_helper.to_array(constant).copy()
    if shape.size > 1 and shape[0] == 1 and not np.any(shape[1:] == 0):
        shape[0] = 0
        name = f"{node.output[0]}_batch_shape"
        graph.initializer.insert(0, onnx.numpy_helper.from_array(shape, name))
        node.input[1] = name


def _prove(original: Path, copy: Path) -> None:
    config = SessionConfig()
    session = make_session(original, config, [CPU])
    items = [trial_inputs(session, seed=seed) for seed in range(1, _BATCH + 1)]
    singles = [session.run(None, item) for item in items]
    del session
    expected = [np.concatenate(outputs) for outputs in zip(*singles, strict=True)]
    batch: dict[str, Array] = {
        name: np.concatenate([item[name] for item in items]) for name in items[0]
    }
    candidate = make_session(copy, config, [CPU])
    difference = largest_difference(expected, candidate.run(None, batch))
    if difference > MAX_DIFFERENCE:
        raise CopyFailed(f"a batch differs from single runs by {difference:.3g}")
    single = largest_difference(singles[0], candidate.run(None, items[0]))
    if single > MAX_DIFFERENCE:
        raise CopyFailed(f"the copy differs from its original by {single:.3g}")
