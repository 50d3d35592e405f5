"""One face onto another, from views of both to the finished photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.pixels.imaging import Box, Image
from swaps.engines.builtin.features import in_one_hue, recolour_features, target_hue
from swaps.engines.builtin.light import relight
from swaps.engines.builtin.light_plain import Colour, relight_plainly
from swaps.engines.builtin.masks import Masks, make_masks
from swaps.engines.builtin.paste import Blend, paste
from swaps.engines.builtin.source import Shape, WarpedSource, warp_source
from swaps.engines.builtin.target import TargetFrame, cut_target
from swaps.engines.builtin.view import FaceView


@dataclass(frozen=True)
class Style:
    """How a person wants the swap done.

    Attributes:
        shape: what of the source's geometry is taken.
        blend: how the face is put in.
        colour: how it takes the target's light.
    """

    shape: Shape = field(default_factory=Shape)
    blend: Blend = "multiband"
    colour: Colour = "class"


@dataclass(frozen=True, eq=False)
class Drawing:
    """One face drawn, with what judging it needs.

    Attributes:
        box: outside of it nothing changed; None where nothing could be shown.
    """

    box: Box | None
    frame: TargetFrame
    warped: WarpedSource
    masks: Masks


def draw_face(
    photo: Image, target: FaceView, sources: Sequence[FaceView], style: Style | None = None
) -> Drawing:
    """Draws the face of `sources`, best photo first, over `target` into `photo`, in place.

    Args:
        photo: uint8 (H, W, 3) BGR; the target's own, or a copy some faces of which are drawn.
        target: the face to be replaced.
        sources: views of one person.
        style: how.
    """
    style = style or Style()
    frame = cut_target(target)
    warped = warp_source(sources, frame, style.shape)
    masks = make_masks(frame, warped)
    if style.colour == "class":
        relit = relight(frame, warped, masks)
        relit = replace(relit, image=recolour_features(relit.image, frame, warped, masks))
    else:
        relit = relight_plainly(frame, warped, masks, style.colour)
    hue = target_hue(frame)
    if hue is not None:
        relit = replace(
            relit,
            image=in_one_hue(relit.image, hue),
            chroma_gain=np.zeros_like(relit.chroma_gain),
        )
    box = paste(photo, frame, warped, relit, masks, style.blend)
    return Drawing(box, frame, warped, masks)
