"""Fetching weights over a real local server that drops, lies and refuses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from models.store import (
    DownloadError,
    LicenceRefused,
    NotFound,
    State,
    Unavailable,
    Weight,
    WeightStore,
)
from models.store.download import Wanted, fetch
from tests.models.store_kit import (
    IMPATIENT,
    Site,
    World,
    conv_model,
    make_world,
    serving,
    sha256,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def test_pull_brings_a_verified_file(world: World) -> None:
    told: list[tuple[int, int | None]] = []
    with serving(Site(world.layout())) as site:
        store = world.store(site.url)
        status = store.pull("net", progress=lambda here, total: told.append((here, total)))
    assert status.state is State.VERIFIED
    weight = store.resolve_model("net")
    assert isinstance(weight, Weight)
    assert weight.path.read_bytes() == world.net
    assert weight.contract is not None
    assert weight.contract.size == 8
    assert told[-1] == (len(world.net), len(world.net))
    assert not list(world.folder.rglob("*.part"))


def test_what_is_here_is_not_fetched_again(world: World) -> None:
    with serving(Site(world.layout())) as site:
        world.store(site.url).pull("net")
        world.store(site.url).pull("net")
    assert len(site.asked) == 1


def test_a_dropped_connection_is_resumed_where_it_broke(world: World) -> None:
    with serving(Site(world.layout(), drop_after=[500, 300])) as site:
        world.store(site.url).pull("net")
    assert [part for _, part in site.asked] == [None, "bytes=500-", "bytes=800-"]
    assert world.store("").status("net").state is State.VERIFIED


def test_a_later_pull_resumes_what_an_earlier_one_left(world: World) -> None:
    with serving(Site(world.layout(), drop_after=[500, 0, 0, 0])) as site:
        store = world.store(site.url)
        with pytest.raises(DownloadError, match="pull again to go on"):
            store.pull("net")
        assert store.path("net", "net.onnx.part").stat().st_size == 500
        assert isinstance(store.resolve("net"), Unavailable)
        site.asked.clear()
        store.pull("net")
    assert site.asked == [("net/net.onnx", "bytes=500-")]


def test_a_server_without_ranges_is_read_from_the_start(world: World) -> None:
    with serving(Site(world.layout(), drop_after=[500], ignore_range=True)) as site:
        world.store(site.url).pull("net")
    assert world.store("").status("net").state is State.VERIFIED


def test_a_bad_half_from_before_is_fetched_anew(world: World) -> None:
    part = world.folder / "net" / "net.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 700)
    with serving(Site(world.layout())) as site:
        world.store(site.url).pull("net")
    assert [wanted for _, wanted in site.asked] == ["bytes=700-", None]
    assert (world.folder / "net" / "net.onnx").read_bytes() == world.net


def test_all_of_it_is_here_but_unchecked(tmp_path: Path) -> None:
    data = b"x" * 1000
    (tmp_path / "file.bin.part").write_bytes(data)
    with serving(Site({"file.bin": data})) as site:
        fetch(
            f"{site.url}/file.bin",
            tmp_path / "file.bin",
            Wanted(sha256(data), None),
            patience=IMPATIENT,
        )
    assert site.asked == [("file.bin", "bytes=1000-")]
    assert (tmp_path / "file.bin").read_bytes() == data


@pytest.mark.parametrize("position", [0, 400, -1])
def test_a_flipped_byte_is_thrown_away(world: World, position: int) -> None:
    position %= len(world.net)
    with serving(Site({"net/net.onnx": flipped(world.net, position)})) as site:
        store = world.store(site.url)
        with pytest.raises(DownloadError, match="SHA-256 digest is not the pinned one"):
            store.pull("net")
    assert not list((world.folder / "net").glob("net.onnx*"))
    assert store.status("net").state is State.MISSING


@pytest.mark.parametrize("change", [b"", b"longer"])
def test_a_wrong_size_is_refused_before_a_byte_is_kept(world: World, change: bytes) -> None:
    data = world.net + change if change else world.net[:-1]
    said = f"size offered is {len(data)} bytes"
    with serving(Site({"net/net.onnx": data})) as site, pytest.raises(DownloadError, match=said):
        world.store(site.url).pull("net")
    assert len(site.asked) == 1
    assert not list((world.folder / "net").glob("net.onnx*"))


def test_a_server_error_is_tried_again_and_not_for_ever(world: World) -> None:
    with serving(Site(world.layout(), statuses=[503, 500])) as site:
        world.store(site.url).pull("net")
        assert len(site.asked) == 3
    world.store("").path("net", "net.onnx").unlink()
    with serving(Site(world.layout(), statuses=[503] * 9)) as site:
        with pytest.raises(DownloadError, match="HTTP 503"):
            world.store(site.url).pull("net")
        assert len(site.asked) == IMPATIENT.attempts


def test_what_the_server_lacks_or_refuses_is_not_asked_twice(world: World) -> None:
    with serving(Site({})) as site, pytest.raises(NotFound, match="does not have it"):
        world.store(site.url).pull("net")
    assert len(site.asked) == 1
    refusing = Site(world.layout(), statuses=[403])
    with serving(refusing) as site, pytest.raises(DownloadError, match="refused it"):
        world.store(site.url).pull("net")
    assert len(site.asked) == 1


def test_offline_is_a_plain_error(world: World) -> None:
    with serving(Site({})) as site:
        gone = site.url
    with pytest.raises(DownloadError, match="the connection failed"):
        world.store(gone).pull("net")


def test_other_schemes_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only http, https and file"):
        fetch("ftp://example.org/x", tmp_path / "x", Wanted("0" * 64, None))


def test_nothing_is_fetched_before_the_licence_is_accepted(world: World) -> None:
    with serving(Site(world.layout())) as site:
        store = world.store(site.url, accept=False)
        with pytest.raises(LicenceRefused, match="House licence"):
            store.pull("net")
        assert site.asked == []
        store.accept(world.manifest.licences["house"])
        store.pull("net")
    recorded = json.loads((world.folder / "accepted.json").read_text())["house"]
    assert recorded["text_sha256"] == world.manifest.licences["house"].digest
    assert recorded["accepted_at"].startswith("20")


def test_a_changed_licence_is_to_be_accepted_again(world: World) -> None:
    store = world.store("")
    text = (world.folder.parent / "manifest.toml").read_text()
    changed = world.folder.parent / "changed.toml"
    changed.write_text(text.replace("selling it", "giving it away"))
    again = WeightStore(world.folder, manifest=type(world.manifest).read(changed))
    assert store.is_accepted(store.manifest.licences["house"])
    assert not again.is_accepted(again.manifest.licences["house"])


@pytest.mark.parametrize("as_url", [False, True])
def test_a_folder_is_a_mirror(world: World, tmp_path: Path, as_url: bool) -> None:
    folder = tmp_path / "usb stick"
    world.serve_from(folder)
    store = world.store(folder.as_uri() if as_url else str(folder))
    assert store.pull("net").state is State.VERIFIED
    assert store.pull("pack").state is State.VERIFIED


def test_another_sites_weights_folder_is_a_mirror(world: World, tmp_path: Path) -> None:
    world.serve_from(tmp_path / "other", archive=False)
    assert world.store(str(tmp_path / "other")).pull("pack").state is State.VERIFIED
    with serving(Site(world.layout(archive=False))) as site:
        world.store("").path("pack", "b.bin").unlink()
        assert world.store(site.url).pull("pack").state is State.VERIFIED
    assert [path for path, _ in site.asked] == ["pack/pack.zip", "pack/b.bin"]


def test_a_folder_without_the_file_says_so(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file in the folder"):
        world.store(str(tmp_path / "empty")).pull("net")


def test_an_archive_leaves_only_what_the_card_names(world: World) -> None:
    with serving(Site(world.layout())) as site:
        store = world.store(site.url)
        assert store.pull("pack").state is State.VERIFIED
    seen = {path.name for path in (world.folder / "pack").iterdir() if path.name[0] != "."}
    assert seen == {"a.onnx", "b.bin"}
    assert store.path("pack", "b.bin").read_bytes() == world.binary


def repacked(world: World, members: list[tuple[zipfile.ZipInfo | str, bytes]]) -> WeightStore:
    """A store whose pack is pinned to a zip of `members`, on a folder mirror."""
    root = world.folder.parent
    mirror = root / "mirror" / "pack"
    mirror.mkdir(parents=True)
    with zipfile.ZipFile(mirror / "pack.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    digest = sha256((mirror / "pack.zip").read_bytes())
    text = (root / "manifest.toml").read_text().replace(sha256(world.archive), digest)
    (root / "repacked.toml").write_text(text)
    store = WeightStore(
        world.folder,
        manifest=type(world.manifest).read(root / "repacked.toml"),
        mirror=str(root / "mirror"),
        patience=IMPATIENT,
    )
    store.accept(store.manifest.licences["house"])
    return store


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = 0o120777 << 16
    return member


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("../../escaped.bin", b"x"), "points outside it"),
        (("/tmp/escaped.bin", b"x"), "points outside it"),
        (("in\\..\\escaped.bin", b"x"), "points outside it"),
        ((link("c.bin"), b"/etc/passwd"), "holds a link"),
        (("twice/a.onnx", b"x"), "holds 2 files of this name"),
    ],
)
def test_hostile_archives_write_nothing(
    world: World, extra: tuple[zipfile.ZipInfo | str, bytes], said: str
) -> None:
    good: list[tuple[zipfile.ZipInfo | str, bytes]] = [
        ("a.onnx", world.net),
        ("b.bin", world.binary),
    ]
    store = repacked(world, [*good, extra])
    with pytest.raises(DownloadError, match=said):
        store.pull("pack")
    assert not list(world.folder.parent.rglob("escaped*"))
    assert not store.path("pack", "a.onnx").exists()


def test_a_member_must_be_the_pinned_one(world: World) -> None:
    store = repacked(world, [("a.onnx", world.net), ("b.bin", flipped(world.binary, 7))])
    with pytest.raises(DownloadError, match=r"b.bin: its SHA-256 digest"):
        store.pull("pack")
    assert not store.path("pack", "b.bin").exists()
    assert store.status("pack").state is State.MISSING


def test_a_member_that_swells_is_cut_off(world: World) -> None:
    bomb = b"\0" * 5_000_000
    store = repacked(world, [("a.onnx", bomb), ("b.bin", world.binary)])
    with pytest.raises(DownloadError, match=f"longer than {len(world.net)} bytes"):
        store.pull("pack")
    assert not list((world.folder / "pack").glob("*.unpacked"))


def test_bring_your_own_takes_the_operators_file(world: World, tmp_path: Path) -> None:
    data = conv_model(seed=5).SerializeToString()
    brought = tmp_path / "downloads" / "whatever.onnx"
    brought.parent.mkdir()
    brought.write_bytes(data)
    world.folder.mkdir()
    (world.folder / "local.toml").write_text(
        f'[own."own.onnx"]\nsha256 = "{sha256(data)}"\npath = "{brought}"\n'
    )
    store = world.store("")
    assert store.pull("own").state is State.VERIFIED
    weight = store.resolve("own")
    assert isinstance(weight, Weight)
    assert weight.sha256 == sha256(data)
    brought.write_bytes(flipped(data, 3))
    weight.path.unlink()
    with pytest.raises(DownloadError, match="SHA-256"):
        store.pull("own")


def test_bring_your_own_without_a_pin_says_what_to_do(world: World) -> None:
    store = world.store("")
    with pytest.raises(DownloadError, match="bring-your-own"):
        store.pull("own")
    why = store.resolve("own")
    assert isinstance(why, Unavailable)
    assert "local.toml" in why.remedy


def test_a_mistake_in_local_toml_hurts_only_what_is_brought(world: World) -> None:
    with serving(Site(world.layout())) as site:
        world.store(site.url).pull("net")
    (world.folder / "local.toml").write_text("[own\n")
    store = world.store("")
    assert isinstance(store.resolve("net"), Weight)
    why = store.resolve("own")
    assert isinstance(why, Unavailable)
    assert "local.toml" in why.reason
