"""Which engine this site swaps with."""

from functools import lru_cache

from faceweb.work.engines import engine_choose, engine_find
from models.engine_registry import Chosen
from swaps.engines import MODULES
from swaps.engines.base import SwapEngineSpec


@lru_cache(maxsize=1)
def engine_choice() -> Chosen[SwapEngineSpec]:
    """What ``FACEWEB_ENGINE`` chooses, with what it offers here; nothing is loaded for it.

    Looked up once a process: weights that are pulled later count after a restart.
    """
    return engine_choose(MODULES)


def engine_known(name: str) -> SwapEngineSpec | None:
    """What the engine of that name declares, or None where it is not there (any more)."""
    return engine_find(MODULES, name)


def analyser_name() -> str:
    """The name of the analyser of this site's engine; empty where the engine is not there."""
    choice = engine_choice()
    return "" if choice.offer.missing else choice.spec.analyser
