"""Ways to edit a face, one module each. Arrays in, arrays out: nothing here knows of the site."""

from typing import Final

MODULES: Final[list[str]] = [
    "editing.engines.stylegan",
    "editing.engines.builtin",
    "editing.engines.classic",
]
"""The engines' modules, the preferred ones first; each has its ``ENGINE``."""
