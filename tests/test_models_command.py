"""``manage.py models`` and ``manage.py doctor`` as an operator meets them."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from faceweb.core import weights
from models.engines import Need
from models.store import WeightStore
from swaps.choice import engine_choice
from swaps.engines.base import SwapOffer
from tests.models.store_kit import IMPATIENT, Site, World, make_world, serving


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The commands with a small manifest in place of the program's own."""
    world = make_world(tmp_path)

    def store() -> WeightStore:
        from django.conf import settings

        return WeightStore(
            world.folder,
            manifest=world.manifest,
            mirror=settings.WEIGHTS_MIRROR,
            patience=IMPATIENT,
        )

    monkeypatch.setattr("faceweb.management.commands.models.weight_store", store)
    monkeypatch.setattr("faceweb.management.commands.doctor.weight_store", store)
    return world


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    """A mirror of everything, over HTTP."""
    with serving(Site(world.layout())) as served, override_settings(WEIGHTS_MIRROR=served.url):
        yield served


def models(*arguments: str) -> tuple[str, str]:
    """Output and errors of the command, and of what stopped it."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("models", *arguments, stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        err.write(f"\nSTOPPED: {error}")
    return out.getvalue(), err.getvalue()


def state_of(listing: str, key: str) -> str:
    [line] = [line for line in listing.splitlines() if re.match(rf"{key}\b", line)]
    return re.split(r"\s{2,}", line)[1]


def test_list_shows_the_state_of_every_card(world: World, site: Site) -> None:
    listing, _ = models("list")
    assert state_of(listing, "net") == "missing"
    assert state_of(listing, "own") == "bring your own"
    models("pull", "net", "--accept-licence")
    (world.folder / "pack").mkdir()
    (world.folder / "pack" / "a.onnx").write_bytes(b"short")
    (world.folder / "pack" / "b.bin").write_bytes(world.binary)
    listing, _ = models("list")
    assert state_of(listing, "net") == "verified"
    assert state_of(listing, "pack") == "DAMAGED"
    assert "house (accepted)" in listing


def test_pull_shows_the_licence_and_needs_a_yes(world: World, site: Site) -> None:
    out, err = models("pull", "net")
    assert "It forbids: selling it." in out
    assert "Not accepted, so not fetched: net" in err
    assert "STOPPED" in err
    assert site.asked == []
    out, err = models("pull", "net", "--accept-licence")
    assert "net: verified" in out
    assert err == ""
    assert "It forbids" not in models("pull", "net")[0]


@pytest.mark.parametrize(("answer", "fetched"), [("y", True), ("Yes", True), ("", False)])
def test_a_person_is_asked_once(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch, answer: str, fetched: bool
) -> None:
    questions: list[str] = []

    def reply(question: str) -> str:
        questions.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", reply)
    models("pull", "net", "pack")
    assert len(questions) == 1
    assert bool(site.asked) == fetched
    assert (world.folder / "net" / "net.onnx").is_file() == fetched


def test_pull_without_keys_takes_the_recommended(world: World, site: Site) -> None:
    models("pull", "--accept-licence")
    assert [path for path, _ in site.asked] == ["net/net.onnx"]


def test_one_failure_does_not_hold_up_the_rest(world: World, site: Site) -> None:
    del site.files["net/net.onnx"]
    out, err = models("pull", "net", "pack", "own", "--accept-licence")
    assert "pack: verified" in out
    assert "net: net.onnx: the server does not have it" in err
    assert "own: own.onnx: this card is bring-your-own" in err
    assert "STOPPED" in err


def test_verify_finds_a_flipped_byte_and_pull_mends_it(world: World, site: Site) -> None:
    models("pull", "net", "--accept-licence")
    assert models("verify") == ("net/net.onnx: verified\n", "")
    path = world.folder / "net" / "net.onnx"
    path.write_bytes(world.net[:-1] + bytes([world.net[-1] ^ 1]))
    out, err = models("verify")
    assert "net/net.onnx: DAMAGED: is not the file that was pinned" in out
    assert "STOPPED" in err
    models("pull", "net")
    assert models("verify", "net") == ("net/net.onnx: verified\n", "")


def test_verify_of_a_missing_card_fails_only_when_asked_for(world: World) -> None:
    assert models("verify") == ("No weights are here.\n", "")
    out, err = models("verify", "net")
    assert "net/net.onnx: missing" in out
    assert "STOPPED" in err


def test_path_prints_only_what_can_be_trusted(world: World, site: Site) -> None:
    out, err = models("path", "net")
    assert out == ""
    assert "net.onnx is not here" in err
    models("pull", "net", "pack", "--accept-licence")
    assert models("path", "net") == (f"{world.folder / 'net' / 'net.onnx'}\n", "")
    assert "has these files: a.onnx, b.bin" in models("path", "pack")[1]
    assert models("path", "pack", "b.bin")[0].endswith("pack/b.bin\n")


def test_an_unknown_key_is_named(world: World) -> None:
    for action in ("pull", "verify", "path"):
        assert "no card called nonsense" in models(action, "nonsense")[1]


def test_prepare_loads_what_is_here(world: World, site: Site, settings: Any) -> None:
    settings.MODEL_CACHE_DIR = world.folder.parent / "cache"
    models("pull", "pack", "--accept-licence")
    assert models("prepare") == ("pack/a.onnx: ready\n", "")


def test_the_settings_reach_store_and_sessions(settings: Any, tmp_path: Path) -> None:
    settings.WEIGHTS_DIR = tmp_path / "w"
    settings.ORT_PROVIDERS = ["cpu"]
    settings.ORT_THREADS = 3
    settings.GPU_MEMORY_LIMIT_MB = 100
    settings.MODEL_CACHE_DIR = tmp_path / "c"
    assert weights.weight_store().path("a", "b") == tmp_path / "w" / "a" / "b"
    config = weights.session_config()
    assert (config.providers, config.threads) == (("cpu",), 3)
    assert (config.gpu_memory_limit_mb, config.cache_dir) == (100, tmp_path / "c")


@pytest.fixture
def house(world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Folders of its own, and the embedded Redis not running."""
    settings.WEIGHTS_DIR = world.folder
    settings.MODEL_CACHE_DIR = tmp_path / "cache"
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"
    monkeypatch.delenv("FACEWEB_REDIS_URL", raising=False)
    return settings


def examined() -> tuple[bool, dict[tuple[str, str], dict[str, str]], bool]:
    """The doctor's verdict, its findings by area and name, and whether it failed."""
    out, failed = io.StringIO(), False
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as stop:
        failed = stop.code == 1
    report = json.loads(out.getvalue())
    findings = {(item["area"], item["name"]): item for item in report["findings"]}
    return report["healthy"], findings, failed


@pytest.mark.django_db
def test_the_doctor_finds_a_healthy_house(house: Any, world: World, site: Site) -> None:
    models("pull", "net", "--accept-licence")
    healthy, findings, failed = examined()
    assert (healthy, failed) == (True, False)
    assert findings["models", "net"]["value"] == "verified"
    assert findings["services", "database"]["verdict"] == "ok"
    assert findings["services", "Redis"]["remedy"] == "make run starts it"
    assert findings["hardware", "providers"]["value"].endswith("CPUExecutionProvider")
    assert findings["versions", "Django"]["value"].startswith("5.2")
    assert findings["folders", "data"]["verdict"] == "ok"
    assert ("engine", "FACEWEB_ENGINE") in findings


@pytest.mark.django_db
def test_missing_and_damaged_weights_are_notes_not_failures(house: Any, world: World) -> None:
    _, findings, failed = examined()
    assert findings["models", "net"]["verdict"] == "note"
    assert "models pull net" in findings["models", "net"]["remedy"]
    assert not failed
    (world.folder / "net").mkdir(parents=True)
    (world.folder / "net" / "net.onnx").write_bytes(b"\0" * len(world.net))
    _, findings, failed = examined()
    assert "is not the file that was pinned" in findings["models", "net"]["value"]
    assert not failed


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["redis", "providers", "disk", "folder", "check"])
def test_what_is_needed_and_broken_fails(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = {
        "redis": ("services", "Redis"),
        "providers": ("hardware", "providers"),
        "disk": ("folders", "data"),
        "folder": ("folders", "media"),
        "check": ("doctor", "folders"),
    }[what]
    if what == "redis":
        monkeypatch.setenv("FACEWEB_REDIS_URL", house.REDIS_URL)
    elif what == "providers":
        house.ORT_PROVIDERS = ["NoSuchProvider"]
    elif what == "disk":
        house.DISK_FLOOR_MB = 10**9
    elif what == "folder":
        really = os.access
        monkeypatch.setattr(
            "os.access",
            lambda path, mode: Path(path) != house.MEDIA_ROOT.parent and really(path, mode),
        )
        house.DATA_DIR = house.MODEL_CACHE_DIR = tmp_path / "weights"
        (tmp_path / "weights").mkdir()
    else:
        house.DISK_FLOOR_MB = None
    healthy, findings, failed = examined()
    assert findings[place]["verdict"] == "broken"
    assert (healthy, failed) == (False, True)


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["", "inswapper_128.onnx is not here."])
def test_the_doctor_says_what_the_engine_lacks(
    house: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    choice = replace(
        engine_choice(),
        offer=SwapOffer(
            missing=missing, needs=(Need("gfpgan_1.4", "the enhancer", False, "It is not here."),)
        ),
    )
    monkeypatch.setattr("swaps.kind.engine_choice", lambda: choice)
    healthy, findings, _ = examined()
    assert findings["engine", "FACEWEB_ENGINE"]["verdict"] == ("broken" if missing else "ok")
    assert findings["engine", "FACEWEB_ENGINE"]["remedy"] == missing
    if not missing:
        assert findings["engine", "not offered"]["value"] == "the enhancer"
    assert healthy != bool(missing)


@pytest.mark.django_db
def test_the_doctor_reads_well(house: Any) -> None:
    out = io.StringIO()
    call_command("doctor", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert "models" in lines
    assert any(re.match(r"  note +net +missing \(manage.py models pull net\)", x) for x in lines)
