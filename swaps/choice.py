"""Which engine this site swaps with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from faceweb.weights import session_factory, weight_store
from models.face import Face
from models.store import ManifestError
from swaps.engines.base import SwapEngine, SwapWarning

if TYPE_CHECKING:
    from swaps.engines.neural_loader import NeuralChoice

CheckPair = Callable[[Face, Face], list[SwapWarning]]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that need not be loaded to be talked about: pages have none.

    Attributes:
        name: ``classic`` or ``neural``.
        label: its name in plain words.
        check: its `SwapEngine.check`.
        load: loads it, for a worker.
        missing: why it cannot be loaded, in a sentence; empty when it can.
    """

    name: str
    label: str
    check: CheckPair
    load: Callable[[], SwapEngine]
    missing: str = ""


@lru_cache(maxsize=1)
def engine_choice() -> EngineChoice:
    """What ``FACEWEB_ENGINE`` chooses: ``auto`` takes the neural engine where its weights are
    present and verified, and the classic one otherwise.

    Looked up once a process: weights that are pulled later count after a restart.
    """
    if settings.ENGINE == "classic":
        return _classic()
    neural = _neural()
    return _classic() if neural.missing and settings.ENGINE == "auto" else neural


def _classic() -> EngineChoice:
    from swaps.engines.classic import ClassicSwapEngine

    return EngineChoice(
        ClassicSwapEngine.name, ClassicSwapEngine.label, ClassicSwapEngine.check, ClassicSwapEngine
    )


def _neural() -> EngineChoice:
    from swaps.engines.neural import NeuralEngine
    from swaps.engines.neural_loader import find_weights

    try:
        missing = find_weights(weight_store(), _neural_choice())
        reason = f"{missing.reason} {missing.way_on}" if missing else ""
    except ManifestError as error:
        reason = str(error)
    return EngineChoice(
        NeuralEngine.name,
        NeuralEngine.label,
        NeuralEngine.check,
        _load_neural,
        reason,
    )


def _neural_choice() -> "NeuralChoice":
    from swaps.engines.neural_loader import NeuralChoice

    return NeuralChoice(
        swapper=settings.NEURAL_SWAPPER, precision=cast(Any, settings).NEURAL_PRECISION
    )


def _load_neural() -> SwapEngine:
    # Imported here: it brings ONNX Runtime, which only workers need.
    from swaps.engines.neural import NeuralEngine
    from swaps.engines.neural_loader import load_engine

    engine = load_engine(weight_store(), session_factory(), _neural_choice())
    if not isinstance(engine, NeuralEngine):
        raise RuntimeError(engine.reason)
    return engine
