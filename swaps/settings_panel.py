"""The settings of the neural engine as the studio shows them: what this site offers, no more."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from swaps.drawing import LEAST_STRENGTH, MASKS, PARTS, Drawing, Mask

if TYPE_CHECKING:
    from swaps.engines.neural_loader import NeuralOffers

_MASKS: Final[dict[Mask, tuple[str, str]]] = {
    "occlusion": (
        "Keep what is in front of the face",
        "Hair, hands, glasses and microphones stay as they are.",
    ),
    "hull": ("Follow the outline of the face", "Nothing beyond jaw and forehead changes."),
    "regions": ("Change only some parts of the face", "Those that are ticked below."),
}


@dataclass(frozen=True, slots=True)
class Tick:
    """A box or a button: its value, its words, whether it is set."""

    value: str
    label: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Slide:
    """A slider in per cent."""

    name: str
    label: str
    low: int
    value: int
    less: str
    more: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What the page needs to draw the settings; empty or None is not offered."""

    strength: Slide | None
    enhance: Slide | None
    details: tuple[Tick, ...]
    masks: tuple[Tick, ...]
    parts: tuple[Tick, ...]
    absent: str


def panel_open(drawing: Drawing, offers: "NeuralOffers") -> Panel:
    """The settings that `offers` leaves to choose, as `drawing` has them."""
    native = offers.boosts[0]
    details = tuple(
        Tick(
            value="" if side == native else str(side),
            label=f"{side} px",
            text="" if side == native else f"{(side // native) ** 2} times the work",
            is_chosen=(drawing.detail or native) == side,
        )
        for side in offers.boosts
    )
    masks = tuple(
        Tick(mask, *_MASKS[mask], drawing.shows(mask, offers))
        for mask in MASKS
        if mask in offers.masks
    )
    parts = tuple(Tick(part, part.capitalize(), "", part in drawing.parts) for part in PARTS)
    return Panel(
        strength=Slide(
            "strength",
            "Strength",
            LEAST_STRENGTH,
            drawing.strength,
            "Closer to who was there",
            "All the new face",
        )
        if offers.steerable
        else None,
        enhance=Slide(
            "enhance", "Enhancer", 0, drawing.enhance, "As it is drawn", "Sharp and smooth"
        )
        if offers.enhancer
        else None,
        details=details if len(details) > 1 else (),
        masks=masks,
        parts=parts if "regions" in offers.masks else (),
        absent=_listed(offers.absent),
    )


def _listed(words: tuple[str, ...]) -> str:
    *first, last = words or ("",)
    return f"{', '.join(first)} and {last}" if first else last
