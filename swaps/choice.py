"""Which engine this site swaps with."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from faceweb.core.weights import session_factory, weight_store
from models.faces.face import Face
from models.faces.same_person import PersonThresholds
from models.store import ManifestError
from swaps.engines.former import SwapEngine, SwapWarning

if TYPE_CHECKING:
    from swaps.engines.neural_loader import NeuralChoice, NeuralOffers

logger = logging.getLogger(__name__)

CheckPair = Callable[[Face, Face], list[SwapWarning]]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that need not be loaded to be talked about: pages have none.

    Attributes:
        name: ``classic`` or ``neural``.
        label: its name in plain words.
        check: its `SwapEngine.check`.
        load: loads it, for a worker.
        analyser: the name of its way of finding faces, as photos keep it.
        offers: what may be set beyond the blend; None where nothing may.
        missing: why it cannot be loaded, in a sentence; empty when it can.
        note: what its users should know of the engine they do not have; mostly empty.
    """

    name: str
    label: str
    check: CheckPair
    load: Callable[[], SwapEngine]
    analyser: str
    offers: "NeuralOffers | None" = None
    missing: str = ""
    note: str = ""


@lru_cache(maxsize=1)
def engine_choice() -> EngineChoice:
    """What ``FACEWEB_ENGINE`` chooses: ``auto`` takes the neural engine where its weights are
    present and verified, and the classic one otherwise.

    Looked up once a process: weights that are pulled later count after a restart.
    """
    if settings.ENGINE == "classic":
        return _classic()
    neural = _neural()
    if not (neural.missing and settings.ENGINE == "auto"):
        return neural
    if not _swapper_is_here():
        return _classic()
    logger.error("the classic engine is used: %s", neural.missing)
    return replace(_classic(), note="The neural engine is not available at the moment.")


def analyser_name() -> str:
    """The name of the analyser of this site's engine; empty where the engine is not there."""
    choice = engine_choice()
    return "" if choice.missing else choice.analyser


def _classic() -> EngineChoice:
    from models.faces.analysis.dlib_analyser import DlibAnalyser
    from swaps.engines.classic import ClassicSwapEngine

    return EngineChoice(
        ClassicSwapEngine.name,
        ClassicSwapEngine.label,
        ClassicSwapEngine.check,
        ClassicSwapEngine,
        DlibAnalyser.name,
    )


def _neural() -> EngineChoice:
    from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
    from models.networks.base import ContractError
    from models.store.weights import Unavailable
    from swaps.engines.neural import NeuralEngine
    from swaps.engines.neural_loader import find_offers

    offers, reason = None, ""
    try:
        found = find_offers(weight_store(), _neural_choice())
        if isinstance(found, Unavailable):
            reason = f"{found.reason} {found.way_on}"
        else:
            offers = found
    except (ContractError, ManifestError) as error:
        reason = str(error)
    except KeyError:
        reason = "FACEWEB_NEURAL_SWAPPER names a card that does not exist."
    return EngineChoice(
        NeuralEngine.name,
        NeuralEngine.label,
        NeuralEngine.check,
        _load_neural,
        InsightFaceAnalyser.name,
        offers,
        reason,
    )


def _swapper_is_here() -> bool:
    """Whether somebody meant to have the neural engine."""
    try:
        store = weight_store()
        card = store.manifest.card(settings.NEURAL_SWAPPER)
    except (KeyError, ManifestError):
        return False
    return any(store.path(card.key, file.name).is_file() for file in card.files)


def _neural_choice() -> "NeuralChoice":
    from swaps.engines.neural_loader import NeuralChoice

    return NeuralChoice(
        swapper=settings.NEURAL_SWAPPER,
        precision=cast(Any, settings).NEURAL_PRECISION,
        same_person=PersonThresholds(
            cosine=settings.SAME_PERSON_LIKENESS / 100,
            geometry=settings.SAME_PERSON_GEOMETRY / 100,
        ),
    )


def _load_neural() -> SwapEngine:
    # Imported here: it brings ONNX Runtime, which only workers need.
    from swaps.engines.neural import NeuralEngine
    from swaps.engines.neural_loader import load_engine

    engine = load_engine(weight_store(), session_factory(), _neural_choice())
    if not isinstance(engine, NeuralEngine):
        raise RuntimeError(engine.reason)
    return engine
