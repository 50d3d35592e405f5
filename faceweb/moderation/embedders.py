"""The networks that tell faces apart, for comparing with protected ones."""

import threading
from functools import lru_cache
from typing import Final

from faceweb.core.weights import session_factory, weight_store
from faceweb.media.analysis import get_analyser
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.networks.arcface import ArcFace
from models.networks.scrfd import Scrfd
from models.store import Unavailable

DLIB: Final = DlibAnalyser.name
ARCFACE: Final = InsightFaceAnalyser.name
SFACE: Final = BuiltinAnalyser.name
_PACK: Final = "buffalo_l"
_FILES: Final = ("det_10g.onnx", "w600k_r50.onnx")

_loading = threading.Lock()


def embedders_present() -> dict[str, FaceAnalyser]:
    """Every face network of this machine by its name, the one that photos are analysed with first.

    dlib's comes with the packages and is always there.
    """
    in_use = get_analyser()
    present = {in_use.name: in_use} if can_embed(in_use) else {}
    if DLIB not in present:
        present[DLIB] = dlib_embedder()
    if ARCFACE not in present:
        arcface = _arcface_embedder()
        if arcface is not None:
            present[ARCFACE] = arcface
    return present


def can_embed(analyser: FaceAnalyser) -> bool:
    """Whether its network that tells faces apart is here; only the built-in one's may be absent."""
    return not isinstance(analyser, BuiltinAnalyser) or analyser.can_identify


def dlib_embedder() -> FaceAnalyser:
    """dlib's network, one a process."""
    with _loading:
        return _dlib()


def _arcface_embedder() -> FaceAnalyser | None:
    with _loading:
        return _arcface()


@lru_cache(maxsize=1)
def _dlib() -> FaceAnalyser:
    return DlibAnalyser()


@lru_cache(maxsize=1)
def _arcface() -> FaceAnalyser | None:
    store, sessions = weight_store(), session_factory()
    loaded = []
    for name in _FILES:
        weight = store.resolve_model(_PACK, name)
        if isinstance(weight, Unavailable):
            return None
        loaded.append(sessions.get(weight.path, weight.sha256))
    detector, recogniser = loaded
    return InsightFaceAnalyser(Scrfd(detector), ArcFace(recogniser))
