"""The visible badge: "AI-edited" in the lower right corner of a picture.

Light letters on a dark pill with a light edge, so that it can be read on anything. Its height is
3.8 % of the picture's size (the root of its area), at least 18 px; a picture too narrow for that
gets as large a one as fits.
"""

from functools import lru_cache
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

TEXT: Final = "AI-edited"
SHARE: Final = 0.038
SMALLEST_PX: Final = 18

_PILL = (24, 22, 20, 224)
_EDGE = (255, 255, 255, 120)
_INK = (250, 248, 244, 255)
# Drawn this many times larger and reduced: smooth edges.
_OVERSAMPLED = 4
# In heights of the pill: its whole width with the text set in DejaVu Sans Bold.
_WIDTH = 4.35
_MARGIN = 0.45
# A four-pointed spark in a box of 1, the same as beside the badge on pages.
_SPARK = (
    (0.5, 0.0), (0.64, 0.36), (1.0, 0.5), (0.64, 0.64),
    (0.5, 1.0), (0.36, 0.64), (0.0, 0.5), (0.36, 0.36),
)  # fmt: skip


def badge_draw(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of the picture, uint8 (H, W, 3) BGR, with the badge on it."""
    drawn = image.copy()
    height, width = image.shape[:2]
    tall = max(SMALLEST_PX, round(SHARE * sqrt(width * height)))
    tall = min(tall, int(width / (_WIDTH + 2 * _MARGIN)), int(height / (1 + 2 * _MARGIN)))
    if tall < 1:
        return drawn
    ink, cover = _pill(tall)
    rows, columns = cover.shape[:2]
    margin = round(_MARGIN * tall)
    bottom, right = max(height - margin, rows), max(width - margin, columns)
    corner = drawn[bottom - rows : bottom, right - columns : right]
    corner[:] = np.rint(corner * (1 - cover) + ink * cover).astype(np.uint8)
    return drawn


@lru_cache(maxsize=8)
def _pill(tall: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The badge ``tall`` px high: its colours (h, w, 3) BGR 0..255 and its cover (h, w, 1) 0..1."""
    scale = tall * _OVERSAMPLED
    wide = round(_WIDTH * tall)
    size = (wide * _OVERSAMPLED, scale)
    canvas = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    edge = max(scale // 22, 1)
    box = (0, 0, size[0] - 1, size[1] - 1)
    draw.rounded_rectangle(box, radius=scale // 2, fill=_PILL, outline=_EDGE, width=edge)
    spark, left, top = 0.5 * scale, 0.36 * scale, 0.25 * scale
    draw.polygon([(left + spark * x, top + spark * y) for x, y in _SPARK], fill=_INK)
    font = ImageFont.truetype(str(_font_path()), round(0.56 * scale))
    draw.text((round(1.02 * scale), scale / 2), TEXT, font=font, fill=_INK, anchor="lm")
    # Premultiplied, so that the transparent outside does not darken the edge.
    pixels = np.asarray(canvas, np.float32)
    cover = pixels[..., 3:] / 255
    shape = (tall, _OVERSAMPLED, wide, _OVERSAMPLED, -1)
    colour = (pixels[..., :3] * cover).reshape(shape).mean(axis=(1, 3))
    reduced = cover.reshape(shape).mean(axis=(1, 3))
    ink = colour[..., ::-1] / np.maximum(reduced, 1e-6)
    return ink.astype(np.float32), reduced.astype(np.float32)


def _font_path() -> Path:
    """DejaVu Sans Bold, which comes with matplotlib; loading matplotlib itself is not needed."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("matplotlib, whose fonts are used, is not installed")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
