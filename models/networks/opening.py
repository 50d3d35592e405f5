"""Networks that more than one engine opens from the weights store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from models.networks.finding import find_age_network
from models.networks.genderage import GenderAge, scales_itself
from models.networks.parser import FaceParser, with_argmax
from models.sessions import SessionFactory
from models.sessions.copies import kept_copy
from models.store.files import sha256_of
from models.store.weights import Unavailable, Weight, WeightStore

_LABELS_NAME: Final = "labels.onnx"


def open_parser(weight: Weight, sessions: SessionFactory) -> FaceParser:
    """The face parser in `weight`, by a copy that gives labels, made at the first time.

    Raises:
        ContractError: the file is no such parser.
        CopyFailed, OSError: the copy cannot be made.
    """
    cache_dir = sessions.config.cache_dir or weight.path.parent
    folder = cache_dir / f"{weight.sha256[:16]}-labels"

    def make(made: Path) -> dict[str, str]:
        with_argmax(weight.path, made / _LABELS_NAME)
        return {"sha256": sha256_of(made / _LABELS_NAME)}

    digest = str(kept_copy(folder, make)["sha256"])
    return FaceParser(sessions.get(folder / _LABELS_NAME, digest))


def open_age_network(store: WeightStore, sessions: SessionFactory) -> GenderAge | Unavailable:
    """The network that tells how old a face looks, loaded, or why there is none.

    Raises:
        ContractError: the file is not that network.
    """
    weight = find_age_network(store)
    if isinstance(weight, Unavailable):
        return weight
    return GenderAge(sessions.get(weight.path, weight.sha256), scales_itself(weight.path))
