"""The face analyser of this process.

Which one it is, is for the engines above this floor to say: they must be able to use what it finds.
"""

import threading
from collections.abc import Callable
from functools import lru_cache

from models.faces.analysis import FaceAnalyser

_lock = threading.Lock()
_providers: list[Callable[[], FaceAnalyser]] = []
_names: list[Callable[[], str]] = []


def register(provider: Callable[[], FaceAnalyser], name: Callable[[], str]) -> None:
    """Let ``provider`` make the analyser, when it is first needed; the last one registered does.

    ``name`` tells its name without making it: pages have none.
    """
    _providers.append(provider)
    _names.append(name)
    _made_analyser.cache_clear()


def analyser_name() -> str:
    """The name of the analyser, as the photos that it looked at keep it; "" where any will do."""
    return _names[-1]() if _names else ""


def get_analyser() -> FaceAnalyser:
    """One analyser for all threads, made when it is first asked for."""
    with _lock:
        return _made_analyser()


@lru_cache(maxsize=1)
def _made_analyser() -> FaceAnalyser:
    if _providers:
        return _providers[-1]()
    from models.faces.analysis.dlib_analyser import DlibAnalyser

    return DlibAnalyser()
