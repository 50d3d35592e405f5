"""Networks that more than one engine opens from the weights store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from models.faces.analysis.builtin import BuiltinAnalyser
from models.networks.face_mesh import FaceMesh
from models.networks.finding import BUILTIN_CARDS, find_age_network
from models.networks.genderage import GenderAge, scales_itself
from models.networks.parser import FaceParser, SoftParser, with_argmax
from models.networks.sface import SFace
from models.networks.yunet import YuNet
from models.sessions import Session, SessionFactory
from models.sessions.copies import kept_copy
from models.store.files import sha256_of
from models.store.weights import Unavailable, Weight, WeightStore

_LABELS_NAME: Final = "labels.onnx"


def open_builtin(store: WeightStore, sessions: SessionFactory) -> BuiltinAnalyser:
    """The built-in analyser with the networks that are here; what is missing narrows it.

    Raises:
        ContractError: a file is not the network its card says.
        SessionFailed: the runtime cannot load one.
    """

    def session(key: str) -> Session | None:
        weight = store.resolve_model(key)
        if isinstance(weight, Unavailable):
            return None
        return sessions.get(weight.path, weight.sha256)

    finder, mesh, parser, identity = map(session, BUILTIN_CARDS)
    return BuiltinAnalyser(
        None if finder is None else YuNet(finder),
        None if mesh is None else FaceMesh(mesh),
        None if parser is None else SoftParser(parser),
        None if identity is None else SFace(identity),
    )


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
