"""Where networks that more than one engine uses lie in the weights store; loads none of them."""

from __future__ import annotations

from typing import Final

from models.store.weights import Unavailable, Weight, WeightStore

PACK: Final = "buffalo_l"
AGE_FILE: Final = "genderage.onnx"
PARSER_CARDS: Final = ("parser_resnet34", "parser_resnet18", "parser")
"""Face parsers, the better one first."""


FINDER: Final = "finder"
MESH: Final = "mesh"
PARSER: Final = "parser"
IDENTITY: Final = "identity"
BUILTIN_CARDS: Final = (FINDER, MESH, PARSER, IDENTITY)


def missing_builtin(store: WeightStore) -> dict[str, Unavailable]:
    """By card, why a built-in network cannot be used; empty when all are here."""
    found = {key: store.resolve_model(key) for key in BUILTIN_CARDS}
    return {key: why for key, why in found.items() if isinstance(why, Unavailable)}


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
