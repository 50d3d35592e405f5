"""How the new face is drawn: what a person may set where the site's engine is neural."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, get_args

from faceweb.work.recipes import RecipeError
from models.pixels.crop_masks import Region
from swaps.engines.neural_options import NeuralOptions

if TYPE_CHECKING:
    from swaps.engines.neural_loader import NeuralOffers

Mask = Literal["occlusion", "hull", "regions"]
Part = Literal["skin", "brows", "eyes", "glasses", "nose", "mouth", "lips"]

MASKS: Final[tuple[Mask, ...]] = get_args(Mask)
PARTS: Final[dict[Part, frozenset[Region]]] = {
    "skin": frozenset({"skin"}),
    "brows": frozenset({"left_brow", "right_brow"}),
    "eyes": frozenset({"left_eye", "right_eye"}),
    "glasses": frozenset({"glasses"}),
    "nose": frozenset({"nose"}),
    "mouth": frozenset({"mouth"}),
    "lips": frozenset({"upper_lip", "lower_lip"}),
}
FACE_PARTS: Final[frozenset[Part]] = frozenset(PARTS) - {"glasses"}
DETAILS: Final = (128, 256, 512, 1024)
LEAST_STRENGTH: Final = 10


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a face is drawn; the defaults leave it to the engine.

    Attributes:
        strength: per cent, 10 to 100, of the way from who was there to the new face.
        detail: side in pixels of the drawn square, or None for the engine's own.
        masks: what narrows the square the face is shown in, combined by the least; None takes
            the occlusion mask where the site has it.
        parts: what the mask ``regions`` shows.
        enhance: per cent, 0 to 100, of the enhancer's answer; 0 is off.
    """

    strength: int = 100
    detail: int | None = None
    masks: frozenset[Mask] | None = None
    parts: frozenset[Part] = FACE_PARTS
    enhance: int = 0

    def check(self) -> None:
        """Whether it can be done at all, by whatever engine.

        Raises:
            RecipeError: it cannot.
        """
        if not LEAST_STRENGTH <= self.strength <= 100:
            raise RecipeError(
                "strength_range", f"The strength goes from {LEAST_STRENGTH} to 100 per cent."
            )
        if not 0 <= self.enhance <= 100:
            raise RecipeError("enhance_range", "The enhancer goes from 0 to 100 per cent.")
        if self.detail is not None and self.detail not in DETAILS:
            raise RecipeError("unknown_detail", "This fineness is not known.")
        masks = self.masks or frozenset()
        if masks - set(MASKS) or self.parts - set(PARTS):
            raise RecipeError("unknown_mask", "This part of the face is not known.")
        if "regions" in masks and not self.parts:
            raise RecipeError(
                "no_part",
                "No part of the face is chosen.",
                "Choose at least one, or show the whole face.",
            )

    def check_offers(self, offers: "NeuralOffers | None") -> None:
        """Whether this site can do it.

        Raises:
            RecipeError: ``option_missing``.
        """
        if self.fitted(offers) != self:
            raise RecipeError(
                "option_missing",
                "This site cannot draw the face with these settings.",
                "Choose among the settings that the studio shows.",
            )

    def fitted(self, offers: "NeuralOffers | None") -> "Drawing":
        """The same without what a site does not offer; nothing is offered by None."""
        if offers is None:
            return Drawing()
        return replace(
            self,
            strength=self.strength if offers.steerable else 100,
            detail=self.detail if self.detail in offers.boosts else None,
            masks=None if self.masks is None else self.masks & cast(Any, offers.masks),
            enhance=self.enhance if offers.enhancer else 0,
        )

    def options(self) -> NeuralOptions:
        """In the engine's words."""
        return NeuralOptions(
            strength=self.strength / 100,
            boost_px=self.detail,
            masks=None if self.masks is None else frozenset({"box", *self.masks}),
            regions=frozenset[Region]().union(*(PARTS[part] for part in self.parts)),
            enhance=self.enhance / 100,
        )

    def shows(self, mask: Mask, offers: "NeuralOffers") -> bool:
        """Whether ``mask`` narrows the face: chosen, or the engine's own choice."""
        if self.masks is None:
            return mask == "occlusion" and mask in offers.masks
        return mask in self.masks

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "strength": self.strength,
            "detail": self.detail,
            "masks": None if self.masks is None else _in_order(self.masks, MASKS),
            "parts": _in_order(self.parts, PARTS),
            "enhance": self.enhance,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From JSON; what is left out has its default.

        Raises:
            TypeError, ValueError: the data is not of this shape.
        """
        unknown = data.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings: {len(unknown)}")
        plain = cls()
        detail, masks = data.get("detail"), data.get("masks")
        return cls(
            strength=int(data.get("strength", plain.strength)),
            detail=None if detail is None else int(detail),
            masks=None if masks is None else cast(Any, _names(masks)),
            parts=cast(Any, _names(data.get("parts", plain.parts))),
            enhance=int(data.get("enhance", plain.enhance)),
        )

    def words(self, offers: "NeuralOffers") -> list[tuple[str, str]]:
        """What was set, as label and value, for the page of the result."""
        shown = [MASK_WORDS[mask] for mask in MASKS if self.shows(mask, offers)]
        words = [
            ("Strength", f"{self.strength} %"),
            ("Detail", f"{self.detail or offers.boosts[0]} px"),
            ("Mask", ", ".join(shown) or "whole square"),
        ]
        if self.shows("regions", offers):
            words.append(("Parts", ", ".join(_in_order(self.parts, PARTS))))
        words.append(("Enhancer", f"{self.enhance} %" if self.enhance else "off"))
        return words


MASK_WORDS: Final[dict[Mask, str]] = {
    "occlusion": "what is in front stays",
    "hull": "outline of the face",
    "regions": "parts of the face",
}


def _in_order(chosen: Collection[str], order: Collection[str]) -> list[str]:
    """Known names in their usual order, unknown ones after them."""
    return [name for name in order if name in chosen] + sorted(set(chosen) - set(order))


def _names(values: Any) -> frozenset[str]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TypeError("expected a list of names")
    return frozenset(values)
