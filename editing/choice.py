"""Which engine this site edits with."""

from functools import lru_cache

from editing.engines import MODULES
from editing.engines.base import EditEngineSpec
from faceweb.work.engines import engine_choose, engine_find
from models.engine_registry import Chosen


@lru_cache(maxsize=1)
def editor_choice() -> Chosen[EditEngineSpec]:
    """What ``FACEWEB_ENGINE`` chooses, with what it offers here; nothing is loaded for it.

    Looked up once a process: what is exported later counts after a restart.
    """
    return engine_choose(MODULES)


def engine_known(name: str) -> EditEngineSpec | None:
    """What the engine of that name declares, or None where it is not there (any more)."""
    return engine_find(MODULES, name)
