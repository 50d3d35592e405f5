"""Ways to swap faces: one module each. Arrays in, arrays out: nothing here knows of the site."""

from typing import Final

MODULES: Final[list[str]] = [
    "swaps.engines.neural",
    "swaps.engines.builtin",
    "swaps.engines.classic",
]
"""The engines' modules, the preferred ones first; each has its ``ENGINE``."""
