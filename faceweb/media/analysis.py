"""The face analyser of this process.

Which one it is, is for the engines above this floor to say: they must be able to use what it finds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceweb.media.models import Asset
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face

FoundFaces = Callable[["Asset", "NDArray[np.uint8]", "Sequence[Face]"], None]
"""Called in a worker with a photo, its pixels, uint8 (H, W, 3) BGR, and the faces in it."""

_lock = threading.Lock()
_listeners: list[FoundFaces] = []
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


def on_found(listener: FoundFaces) -> None:
    """Have ``listener`` told of the faces of every photo before anybody may use it.

    Where it fails the analysis has failed, and it may be told again of the same photo.
    """
    if listener not in _listeners:
        _listeners.append(listener)


def found_tell(photo: Asset, image: NDArray[np.uint8], faces: Sequence[Face]) -> None:
    """Tell the listeners of the faces of a photo."""
    for listener in _listeners:
        listener(photo, image, faces)
