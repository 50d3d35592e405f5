"""ONNX Runtime sessions: one per model per process, made here and nowhere else.

A process calls `configure` once and `get_session` as often as it likes. A `Session` answers to
``get_inputs()``, ``get_outputs()`` and ``run(inputs)``. `models.sessions.batching` frees the batch
axis of models that were exported for one image.
"""

from models.sessions.config import SessionConfig
from models.sessions.factory import (
    SessionFactory,
    SessionFailed,
    configure,
    get_session,
)
from models.sessions.providers import Gpu, ProviderUnavailable, choose_providers, list_gpus
from models.sessions.session import Argument, ForkedSession, OutOfMemory, Session

__all__ = [
    "Argument",
    "ForkedSession",
    "Gpu",
    "OutOfMemory",
    "ProviderUnavailable",
    "Session",
    "SessionConfig",
    "SessionFactory",
    "SessionFailed",
    "choose_providers",
    "configure",
    "get_session",
    "list_gpus",
]
