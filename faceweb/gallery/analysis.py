"""The face analyser of this process.

Which one it is, is for the engines above this floor to say: they must be able to use what it finds.
"""

import threading
from collections.abc import Callable
from functools import lru_cache

from models.analysis import FaceAnalyser

_lock = threading.Lock()
_providers: list[Callable[[], FaceAnalyser]] = []


def register(provider: Callable[[], FaceAnalyser]) -> None:
    """Let ``provider`` make the analyser, when it is first needed; the last one registered does."""
    _providers.append(provider)
    _made_analyser.cache_clear()


def get_analyser() -> FaceAnalyser:
    """One analyser for all threads, made when it is first asked for."""
    with _lock:
        return _made_analyser()


@lru_cache(maxsize=1)
def _made_analyser() -> FaceAnalyser:
    if _providers:
        return _providers[-1]()
    from models.analysis.dlib_analyser import DlibAnalyser

    return DlibAnalyser()
