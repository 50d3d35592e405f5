"""Edits by StyleGAN: a step in latent space, given to the photo as a difference.

The networks are exported on this machine from a checkpoint that its operator has; the directions
are files, the operator's own among them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from editing.engines.base import (
    AGE,
    SMILE,
    YEARS,
    EditEngine,
    EditEngineSpec,
    EditOffer,
    slider,
)
from models.engines import Machine, Need
from models.networks.errors import ContractError
from models.networks.finding import find_age_network, find_parser
from models.networks.stylegan_export import Export
from models.options import IntOption, Option, OptionSchema, gettext_noop
from models.store.weights import Unavailable, Weight, WeightStore

if TYPE_CHECKING:
    from editing.directions import DirectionCard
    from models.faces.face import Face
    from models.networks.parser import FaceParser
    from models.pixels.imaging import Image
    from models.sessions import SessionFactory

logger = logging.getLogger(__name__)

AgeEstimator = Callable[["Image", "Face"], "float | None"]
"""Years a face looks like in uint8 (H, W, 3) BGR, or None where that cannot be told."""

DIRECTION_FILES: Final = (("direction_smile", "smile.pt"), ("direction_age", "age.pt"))
"""The cards whose files are the two directions that every site has."""

_KNOWN: Final[dict[str, IntOption]] = {"smile": SMILE, "age": AGE}


class StyleGanSpec(EditEngineSpec):
    """See :class:`editing.engines.base.EditEngineSpec`."""

    name = "stylegan"
    label = gettext_noop("StyleGAN")
    chosen_by = ("neural",)

    def offer(self, machine: Machine) -> EditOffer:
        """The sliders of the directions that are here; reads the export's record and their files.

        It takes numpy to check a direction, which is imported where there is an export only.
        """
        folder = Path(machine.settings["STYLEGAN_DIR"])
        if not folder.is_dir():
            return EditOffer(missing=f"There is no export in {folder}.")
        from editing.directions import DirectionError, load_directions

        try:
            export = Export.read(folder)
            layers = 2 * int(math.log2(export.size)) - 2
            found = load_directions(direction_folders(machine), layers)
        except (ContractError, DirectionError) as error:
            return EditOffer(missing=str(error), is_meant=True)
        cards = [direction.card for direction in found.values()]
        years = find_age_network(machine.store)
        options = option_schema(cards, takes_years=isinstance(years, Weight))
        if not len(options):
            return EditOffer(
                missing="No direction is installed: manage.py models pull direction_smile.",
                is_meant=True,
            )
        missing = years.reason if isinstance(years, Unavailable) else ""
        need = Need("buffalo_l", gettext_noop("an age in years"), False, missing)
        return EditOffer(options, needs=(need,), is_meant=True, studies=True)

    def load(self, machine: Machine) -> EditEngine:
        """The engine, its graphs open.

        Raises:
            ContractError: the graphs do not belong together.
            DirectionError: a direction's file or manifest is wrong.
        """
        from editing.engines.stylegan_engine import BATCH, StyleGanEngine
        from models.sessions.providers import CPU

        sessions = machine.sessions()
        return StyleGanEngine.open(
            Path(machine.settings["STYLEGAN_DIR"]),
            direction_folders(machine),
            sessions.get,
            machine.analyser(),
            parser=_parser(machine.store, sessions),
            estimate_age=_age_estimator(machine.store, sessions),
            batch=1 if sessions.providers()[0] == CPU else BATCH,
        )


ENGINE: Final = StyleGanSpec()


def option_schema(cards: Iterable[DirectionCard], *, takes_years: bool) -> OptionSchema:
    """What people can ask for: smile and age first, then the operator's own directions."""
    labels = {card.key: card.label for card in cards if card.slider}
    options: list[Option] = [known for key, known in _KNOWN.items() if key in labels]
    if takes_years and "age" in labels:
        options.append(YEARS)
    options += [slider(key, label) for key, label in labels.items() if key not in _KNOWN]
    return OptionSchema(tuple(options))


def direction_folders(machine: Machine) -> list[Path]:
    """The pulled cards' folders, then the operator's own, which may replace them."""
    pulled = [machine.store.path(key, name).parent for key, name in DIRECTION_FILES]
    return [*pulled, Path(machine.settings["DIRECTIONS_DIR"])]


def _parser(store: WeightStore, sessions: SessionFactory) -> FaceParser | None:
    """The parser, or None where there is none that works: then landmarks draw the mask."""
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


def _age_estimator(store: WeightStore, sessions: SessionFactory) -> AgeEstimator | None:
    from models.networks.opening import open_age_network

    network = open_age_network(store, sessions)
    if isinstance(network, Unavailable):
        return None
    return lambda photo, face: network.years(photo, face.box)
