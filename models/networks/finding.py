"""Where networks that more than one engine uses lie in the weights store; loads none of them."""

from __future__ import annotations

from typing import Final

from models.store.weights import Unavailable, Weight, WeightStore

PACK: Final = "buffalo_l"
AGE_FILE: Final = "genderage.onnx"
PARSER_CARDS: Final = ("parser_resnet34", "parser_resnet18")
"""Face parsers, the better one first."""


def find_parser(store: WeightStore) -> Weight | None:
    """The best face parser that is present and verified."""
    for key in PARSER_CARDS:
        weight = store.resolve_model(key)
        if isinstance(weight, Weight):
            return weight
    return None


def find_age_network(store: WeightStore) -> Weight | Unavailable:
    """The network that tells how old a face looks, or why there is none."""
    return store.resolve_model(PACK, AGE_FILE)
