"""What a neural swap may be told beyond which face goes where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.faces.face import Face
from models.pixels.crop_masks import FACE_REGIONS, MaskKind, Region
from models.pixels.imaging import Image
from swaps.engines.former import FaceSwap, SwapOptions

Paste = Literal["roll-invariant", "insightface"]


@dataclass(frozen=True)
class NeuralOptions(SwapOptions):
    """How a neural swap is done; `blend` is the classic engine's and not used.

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


@dataclass(frozen=True, eq=False)
class NeuralFaceSwap(FaceSwap):
    """A swap whose new face is known from several photos.

    Attributes:
        more_sources: further photos said to show the same person, uint8 (H, W, 3) BGR, and the
            faces found in each. The face that agrees with the source's is used, and large,
            sharp, frontal ones weigh more; a photo without such a face is left out.
    """

    more_sources: tuple[tuple[Image, tuple[Face, ...]], ...] = ()


def as_neural(options: SwapOptions | None) -> NeuralOptions:
    """`options` as this engine takes them; those of another engine leave its defaults."""
    if isinstance(options, NeuralOptions):
        return options
    return NeuralOptions() if options is None else NeuralOptions(measure=options.measure)
