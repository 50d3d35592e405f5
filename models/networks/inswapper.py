"""inswapper's own matrix, which its file carries but its graph does not use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError
from models.store.onnx_file import OnnxProblem, read_onnx, read_tensor


def read_emap(path: Path) -> FloatArray:
    """The emap, float32 (D, D): the last initializer of the swapper's ONNX file.

    Only its own bytes are read; the weights before it are stepped over.

    Raises:
        ContractError: the file is no ONNX model, or its last initializer no square matrix.
    """
    try:
        initializers = read_onnx(path).initializers
        if not initializers:
            raise ContractError("the swapper's file carries no initializers")
        emap = read_tensor(path, initializers[-1])
    except OnnxProblem as problem:
        raise ContractError(f"the swapper's emap cannot be read: {problem}") from problem
    if emap.ndim != 2 or emap.shape[0] != emap.shape[1]:
        raise ContractError(f"the last initializer is no square matrix but {emap.shape}")
    return emap.astype(np.float32)
