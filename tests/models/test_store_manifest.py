"""Cards are data, and data that is wrong is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.store import Manifest, ManifestError
from models.store.cards import read_own_files
from tests.conftest import shared_dir
from tests.models.store_kit import MANIFEST, World, make_world, sha256

FILLED = MANIFEST.format(
    net_bytes=10, net_sha256="a" * 64, zip_sha256="b" * 64, bin_sha256="c" * 64
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Manifest]:
    def read_text(text: str) -> Manifest:
        path = tmp_path / "cards.toml"
        path.write_text(text, encoding="utf-8")
        return Manifest.read(path)

    return read_text


def test_the_programs_own_manifest_is_sound() -> None:
    manifest = Manifest.read()
    swapper = manifest.card("inswapper_128").file()
    assert swapper.bytes == 554_253_681
    assert swapper.sha256.startswith("e4a3f08c753cb72d")
    assert swapper.contract is not None
    assert swapper.contract.source is not None
    assert swapper.contract.source.kind == "embedding_emap"
    assert manifest.card("inswapper_128").licence.forbids
    assert {card.key for card in manifest.cards.values() if card.recommended} >= {
        "buffalo_l",
        "inswapper_128",
    }
    for card in manifest.cards.values():
        for file in card.files:
            assert bool(file.sha256) != card.bring_your_own


def test_only_pinned_cards_have_addresses() -> None:
    for card in Manifest.read().cards.values():
        for file in card.files:
            expected = not card.bring_your_own and card.archive is None and not card.builtin
            assert bool(file.url) == expected
            assert (file.origin is not None) == card.builtin


def test_the_templates_are_those_of_the_reference() -> None:
    insightface = pytest.importorskip("insightface.utils.face_align")
    templates = Manifest.read().templates
    assert np.allclose(templates["arcface_112_v2"] * 112, insightface.arcface_dst, atol=1e-3)
    shifted = (insightface.arcface_dst + np.array([8.0, 0.0])) / 128
    assert np.allclose(templates["arcface_128"], shifted, atol=1e-5)
    assert not templates["ffhq_512"].flags.writeable


def test_the_pinned_directions_are_the_published_ones() -> None:
    folder = shared_dir("directions") / "e4e"
    manifest = Manifest.read()
    for key in ("smile", "age"):
        file = manifest.card(f"direction_{key}").file()
        data = (folder / file.name).read_bytes()
        assert sha256(data) == file.sha256
        assert len(data) == file.bytes


def test_one_number_stands_for_three_channels(read: Callable[[str], Manifest]) -> None:
    contract = read(FILLED).card("net").file().contract
    assert contract is not None
    assert contract.mean == (0.5, 0.5, 0.5)
    assert contract.std == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('vendor = "Nobody"\nyear = 2020', "year = 2020", "cards.net: vendor: is missing"),
        ("year = 2020", 'year = "2020"', "cards.net: year: must be a whole number"),
        ("year = 2020", "year = 2020\nyaer = 1", "cards.net: yaer: this key is not known"),
        ('licence = "house"', 'licence = "barn"', "cards.net: licence: must be one of house"),
        ("a" * 64, "a" * 63, "sha256: must be a SHA-256 digest"),
        ("a" * 64, "A" * 64, "sha256: must be a SHA-256 digest"),
        ('"https://example.org/net.onnx"', '"http://example.org/net.onnx"', "url: must be an http"),
        ('"net.onnx"', '"../net.onnx"', "name: must be a plain file name"),
        ('"net.onnx"', '".net"', "name: must be a plain file name"),
        ('task = "parsing"', 'task = "magic"', "contract: task: must be one of"),
        ('template = "square"', 'template = "circle"', "contract: template: must be one of"),
        ("mean = 0.5", "mean = [1, 2]", "contract: mean: must be a number or three"),
        ("mean = 0.5", f"mean = {'9' * 400}", "contract: mean: must be a number or three"),
        ("mean = 0.5", "mean = nan", "contract: mean: must be a number or three"),
        ("year = 2020", f"year = {'9' * 5000}", "cards.toml"),
        ("year = 2020", f"year = {'[' * 3000}", "cards.toml"),
        ('"https://example.org/net.onnx"', '"https://[::"', "url: must be an http"),
        ("mean = 0.5, ", "", "contract: mean: mean and std go together"),
        ('task = "parsing"', 'task = "swap"', "contract: source: a swapper has a source"),
        ("[cards.net]", "[cards.Net]", "is no plain lower-case name"),
        ("[0.5, 0.6]", "[0.5]", "templates.square: points: must be five pairs"),
        ('name = "b.bin"', 'name = "a.onnx"', "cards.pack: files: two files have the same name"),
        ("bring_your_own = true", "bring_your_own = 1", "bring_your_own: must be true or false"),
        ('name = "own.onnx"', 'name = "own.onnx"\nsha256 = "x"', "sha256: this key is not known"),
        ("[licences.house]", "[licences.house", "cards.toml"),
    ],
)
def test_what_is_wrong_is_named(
    read: Callable[[str], Manifest], old: str, new: str, said: str
) -> None:
    assert old in FILLED
    with pytest.raises(ManifestError) as caught:
        read(FILLED.replace(old, new, 1))
    assert said in str(caught.value)


def test_a_converter_must_be_a_card(read: Callable[[str], Manifest]) -> None:
    swapper = 'task = "swap", source = { kind = "converted_raw", converter = "nowhere" }'
    with pytest.raises(ManifestError, match="no card is called 'nowhere'"):
        read(FILLED.replace('task = "parsing"', swapper))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[nothing."x.onnx"]\nsha256 = "a"', "nothing: there is no such card"),
        ('[net."net.onnx"]\nsha256 = "a"', "net: this card's digest is pinned already"),
        ('[own."other.onnx"]\nsha256 = "a"', "own: other.onnx: no such file"),
        ('[own."own.onnx"]\npath = "/x"', "own: own.onnx: sha256: is missing"),
        ('[own."own.onnx"]\nsha256 = "abc"', "own: own.onnx: sha256: must be a SHA-256"),
        (f'[own."own.onnx"]\nsha256 = "{"a" * 64}"\nsize = 3', "size: this key is not known"),
        ("own = 3", "own: must be a table"),
        ("own =", "local.toml"),
    ],
)
def test_the_operators_own_pins_are_checked(world: World, text: str, said: str) -> None:
    path = world.folder.parent / "local.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        read_own_files(path, world.manifest)
    assert said in str(caught.value)
