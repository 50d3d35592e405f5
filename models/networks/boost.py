"""Pixel boost: one face drawn in several tiles by a network of a fixed size."""

from __future__ import annotations

from typing import Final

SIDES: Final = (128, 256, 512, 1024)
"""Sides in pixels that swappers and their boosts come in."""


def boost_sides(size: int) -> tuple[int, ...]:
    """Sides in pixels that a face may be drawn at by a network of `size` px, its own first."""
    return (size, *(side for side in SIDES if side > size and side % size == 0))
