"""Networks out of the weights store: what is taken, what may be missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from models.networks.finding import find_age_network, find_parser, missing_builtin
from models.networks.genderage import GenderAge
from models.networks.opening import open_age_network, open_builtin, open_parser
from models.sessions import SessionConfig, SessionFactory
from models.store import Manifest, Unavailable, Weight, WeightStore
from models.store.files import sha256_of
from tests.builtin_networks import BUILTIN_FILES
from tests.models.networks import graphs

PARSERS = [("parser_resnet34", "resnet34.onnx"), ("parser_resnet18", "resnet18.onnx")]
AGE = ("buffalo_l", "genderage.onnx")


def store_of(folder: Path, files: dict[tuple[str, str], Callable[[Path], Path]]) -> WeightStore:
    """A weights folder of small graphs whose digests are pinned in the cards."""
    manifest = Manifest.read()
    cards = dict(manifest.cards)
    for (key, name), build in files.items():
        (folder / key).mkdir(parents=True, exist_ok=True)
        path = build(folder / key / name)
        pinned = tuple(
            replace(file, sha256=sha256_of(path), bytes=None) if file.name == name else file
            for file in cards[key].files
        )
        cards[key] = replace(cards[key], files=pinned)
    return WeightStore(folder, manifest=replace(manifest, cards=MappingProxyType(cards)))


@pytest.fixture
def sessions(tmp_path: Path) -> SessionFactory:
    return SessionFactory(SessionConfig(providers=("cpu",), cache_dir=tmp_path / "cache"))


@pytest.mark.parametrize("present", [PARSERS, PARSERS[1:], []])
def test_the_better_parser_is_taken(present: list[tuple[str, str]], tmp_path: Path) -> None:
    found = find_parser(store_of(tmp_path, dict.fromkeys(present, graphs.parser)))
    assert (found.key if found else None) == (present[0][0] if present else None)


def test_a_damaged_parser_is_none(tmp_path: Path) -> None:
    store = store_of(tmp_path, {PARSERS[0]: graphs.parser})
    with store.path(*PARSERS[0]).open("ab") as file:
        file.write(b"more")
    assert find_parser(store) is None


def test_the_parser_gives_labels(tmp_path: Path, sessions: SessionFactory) -> None:
    weight = find_parser(store_of(tmp_path / "weights", {PARSERS[0]: graphs.parser}))
    assert weight is not None
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[:, 32:] = 255
    labels = open_parser(weight, sessions).parse(crop)
    assert (labels[:, :250] == 0).all() and (labels[:, 262:] == 1).all()


def test_the_age_network_is_opened_with_its_own_scaling(
    tmp_path: Path, sessions: SessionFactory
) -> None:
    store = store_of(tmp_path / "weights", {AGE: graphs.genderage})
    assert isinstance(find_age_network(store), Weight)
    network = open_age_network(store, sessions)
    assert isinstance(network, GenderAge)
    grey = np.full((100, 100, 3), 51, np.uint8)
    assert network.years(grey, np.array([30, 30, 70, 70], np.float32)) == pytest.approx(
        20, abs=0.01
    )


def test_without_the_pack_it_is_said_how_to_get_it(
    tmp_path: Path, sessions: SessionFactory
) -> None:
    answer = open_age_network(store_of(tmp_path, {}), sessions)
    assert isinstance(answer, Unavailable)
    assert "models pull buffalo_l" in answer.remedy


def test_the_built_in_analyser_is_opened_with_what_is_here(
    tmp_path: Path, sessions: SessionFactory, builtin_networks: Path
) -> None:
    manifest = Manifest.read()
    folder = tmp_path / "weights"
    for key, name in BUILTIN_FILES.items():
        if key != "identity":
            (folder / key).mkdir(parents=True)
            (folder / key / name).symlink_to((builtin_networks / name).resolve())
    files = {
        key: replace(manifest.card(key).file(), sha256=sha256_of(folder / key / name), bytes=None)
        for key, name in BUILTIN_FILES.items()
        if key != "identity"
    }
    cards = {
        key: replace(card, files=(files[key],)) if key in files else card
        for key, card in manifest.cards.items()
    }
    store = WeightStore(folder, manifest=replace(manifest, cards=MappingProxyType(cards)))
    analyser = open_builtin(store, sessions)
    assert analyser.can_parse
    assert not analyser.can_identify
    assert list(missing_builtin(store)) == ["identity"]
