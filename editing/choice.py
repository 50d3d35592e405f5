"""Which engine this site edits with."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from editing.engines.former import EditEngine, Slider
from faceweb.core.weights import session_factory, weight_store
from faceweb.media.analysis import get_analyser

if TYPE_CHECKING:
    from editing.engines.stylegan import AgeEstimator
    from models.networks.genderage import GenderAge
    from models.networks.parser import FaceParser
    from models.sessions import SessionFactory
    from models.store import WeightStore

logger = logging.getLogger(__name__)

# The cards whose files are the two directions that every site has.
DIRECTION_FILES = (("direction_smile", "smile.pt"), ("direction_age", "age.pt"))


@dataclass(frozen=True, slots=True)
class EditorChoice:
    """An edit engine that need not be loaded to be talked about: pages have none.

    Attributes:
        name: ``classic`` or ``stylegan``.
        label: its name in plain words.
        sliders: what it offers.
        load: loads it, for a worker.
        takes_years: whether an age may be asked for in years.
        studies: whether a face has to be studied before previews of it are quick; see
            `EditEngine.prepare`.
    """

    name: str
    label: str
    sliders: tuple[Slider, ...]
    load: Callable[[], EditEngine]
    takes_years: bool = False
    studies: bool = False


@lru_cache(maxsize=1)
def editor_choice() -> EditorChoice:
    """StyleGAN where its networks were exported here and its directions are present, unless
    ``FACEWEB_ENGINE`` says classic; the classic edits otherwise.

    Looked up once a process: what is exported later counts after a restart.
    """

    from editing.directions import DirectionError
    from models.networks.base import ContractError
    from models.store import ManifestError

    if settings.ENGINE == "classic" or not settings.STYLEGAN_DIR.is_dir():
        return _classic()
    try:
        return _stylegan()
    except (ContractError, DirectionError, ManifestError) as error:
        logger.error("edits fall back to the classic engine: %s", error)
        return _classic()


def _classic() -> EditorChoice:
    from editing.engines.classic import SLIDERS, ClassicEditEngine

    return EditorChoice(ClassicEditEngine.name, ClassicEditEngine.label, SLIDERS, ClassicEditEngine)


def _stylegan() -> EditorChoice:
    from editing.directions import DirectionError, load_directions
    from editing.engines.stylegan import StyleGanEngine, sliders_of
    from models.networks.finding import find_age_network
    from models.networks.stylegan import Export
    from models.store import Weight

    export = Export.read(settings.STYLEGAN_DIR)
    layers = 2 * int(math.log2(export.size)) - 2
    sliders = sliders_of(load_directions(_direction_folders(), layers))
    if not sliders:
        raise DirectionError("no direction is installed: manage.py models pull direction_smile")
    return EditorChoice(
        StyleGanEngine.name,
        StyleGanEngine.label,
        sliders,
        _load_stylegan,
        takes_years=isinstance(find_age_network(weight_store()), Weight),
        studies=True,
    )


def _direction_folders() -> list[Path]:
    """The pulled cards' folders, then the operator's own, which may replace them."""
    store = weight_store()
    pulled = [store.path(key, name).parent for key, name in DIRECTION_FILES]
    return [*pulled, settings.DIRECTIONS_DIR]


def _load_stylegan() -> EditEngine:
    from editing.engines.stylegan import BATCH, StyleGanEngine
    from models.networks.genderage import GenderAge
    from models.networks.opening import open_age_network
    from models.sessions.providers import CPU

    store, sessions = weight_store(), session_factory()
    ages = open_age_network(store, sessions)
    return StyleGanEngine.open(
        settings.STYLEGAN_DIR,
        _direction_folders(),
        sessions.get,
        get_analyser(),
        parser=_parser(store, sessions),
        estimate_age=_years_by(ages) if isinstance(ages, GenderAge) else None,
        batch=1 if sessions.providers()[0] == CPU else BATCH,
    )


def _parser(store: WeightStore, sessions: SessionFactory) -> FaceParser | None:
    """The parser, or None where there is none that works: then landmarks draw the mask."""

    from models.networks.base import ContractError
    from models.networks.finding import find_parser
    from models.networks.opening import open_parser
    from models.sessions.copies import CopyFailed

    weight = find_parser(store)
    if weight is None:
        return None
    try:
        return open_parser(weight, sessions)
    except (ContractError, CopyFailed, OSError) as error:
        logger.error("edits do without the face parser: %s", error)
        return None


def _years_by(network: GenderAge) -> AgeEstimator:
    return lambda photo, face: network.years(photo, face.box)
