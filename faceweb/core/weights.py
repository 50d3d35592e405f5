"""What the settings say about weights and sessions, in the words of `models`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

# What runs networks is imported by who does: web processes never do.
if TYPE_CHECKING:
    from models.sessions import SessionFactory
    from models.sessions.config import SessionConfig
    from models.store import WeightStore


@lru_cache(maxsize=1)
def session_factory() -> SessionFactory:
    """The one place of this process that makes sessions, each when it is first used."""
    from models.sessions import SessionFactory

    return SessionFactory(session_config())


def weight_store() -> WeightStore:
    """The weights folder of this site."""
    from models.store import WeightStore

    return WeightStore.open(
        settings.WEIGHTS_DIR,
        mirror=settings.WEIGHTS_MIRROR,
        base=settings.WEIGHTS_BASE_DIR,
        off=settings.NETWORKS_OFF,
    )


def session_config() -> SessionConfig:
    """How this site runs networks."""
    from models.sessions.config import SessionConfig

    return SessionConfig(
        providers=tuple(settings.ORT_PROVIDERS),
        threads=settings.ORT_THREADS,
        gpu_memory_limit_mb=settings.GPU_MEMORY_LIMIT_MB,
        cache_dir=settings.MODEL_CACHE_DIR,
    )
