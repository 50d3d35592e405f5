"""What the neural engine is told, in its own terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from models.options import Values
from models.pixels.crop_masks import FACE_REGIONS, MaskKind, Region
from swaps.engines.neural import PARTS

Paste = Literal["roll-invariant", "insightface"]


@dataclass(frozen=True)
class NeuralOptions:
    """How a neural swap is done.

    Attributes:
        strength: 0 to 1, how far the identity goes from the target's own to the source's.
        boost_px: side in pixels of the drawn crop, one of the swapper's boosts; None is native.
        masks: where the new face shows, combined by the least; None takes the box, and the
            occluder where it is installed.
        regions: what the parser's mask keeps, for the mask ``regions``.
        match_colour: whether the face takes the target's colours inside its mask.
        enhance: 0 to 1, how much of the enhancer's answer goes in.
        in_place: whether the target itself becomes the result, which saves a copy of the photo.
        paste: ``insightface`` gives what insightface's own swapper gives: its crop, its mask,
            no colour match.
    """

    strength: float = 1.0
    boost_px: int | None = None
    masks: frozenset[MaskKind] | None = None
    regions: frozenset[Region] = FACE_REGIONS
    match_colour: bool = True
    enhance: float = 0.0
    in_place: bool = False
    paste: Paste = "roll-invariant"

    def __post_init__(self) -> None:
        if not (0 <= self.strength <= 1 and 0 <= self.enhance <= 1):
            raise ValueError("strength and enhance lie between 0 and 1")

    @classmethod
    def from_values(cls, values: Values) -> NeuralOptions:
        """Checked values of the engine's schema; what is left out is left to the engine."""
        plain = cls()
        strength, enhance = values.get("strength"), values.get("enhance")
        detail, masks, parts = values.get("detail"), values.get("mask"), values.get("part")
        return cls(
            strength=strength / 100 if isinstance(strength, int) else plain.strength,
            boost_px=int(detail) if isinstance(detail, str) else None,
            masks=cast("frozenset[MaskKind]", frozenset({"box", *masks}))
            if isinstance(masks, tuple)
            else None,
            regions=cast("frozenset[Region]", frozenset().union(*(PARTS[part] for part in parts)))
            if isinstance(parts, tuple)
            else plain.regions,
            enhance=enhance / 100 if isinstance(enhance, int) else plain.enhance,
        )
