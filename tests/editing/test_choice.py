"""Which engine a site edits with, from what is there and what its operator said."""

import json
import shutil

import pytest

from editing import choice
from tests.conftest import shared_dir


@pytest.fixture(autouse=True)
def looked_up_afresh():
    choice.editor_choice.cache_clear()
    yield
    choice.editor_choice.cache_clear()


@pytest.fixture
def exported(settings, tmp_path):
    """A site with an export's files, their content not looked at yet, and the real directions."""
    settings.ENGINE = "auto"
    settings.WEIGHTS_DIR = tmp_path / "weights"
    settings.STYLEGAN_DIR = tmp_path / "stylegan"
    settings.DIRECTIONS_DIR = tmp_path / "directions"
    settings.STYLEGAN_DIR.mkdir()
    record = {
        "size": 1024,
        "source_sha256": "0" * 64,
        "sha256": {"encoder.onnx": "1" * 64, "generator.onnx": "2" * 64},
    }
    (settings.STYLEGAN_DIR / "stylegan.json").write_text(json.dumps(record))
    for name in ("encoder.onnx", "generator.onnx"):
        (settings.STYLEGAN_DIR / name).touch()
    shutil.copytree(shared_dir("directions") / "e4e", settings.DIRECTIONS_DIR)
    return settings


def test_a_fresh_site_edits_with_the_classic_engine(settings, tmp_path):
    settings.STYLEGAN_DIR = tmp_path / "none"
    assert choice.editor_choice().name == "classic"


def test_an_export_with_its_directions_is_taken_without_being_loaded(exported):
    chosen = choice.editor_choice()
    assert chosen.name == "stylegan"
    assert [slider.key for slider in chosen.sliders] == ["smile", "age"]


def test_a_file_and_three_lines_make_a_slider(exported):
    (exported.DIRECTIONS_DIR / "directions.toml").write_text(
        '[pose]\nfile = "pose.pt"\nrange = 2.0\n'
    )
    assert [slider.key for slider in choice.editor_choice().sliders] == ["smile", "age", "pose"]


def test_classic_stays_classic_when_the_operator_says_so(exported):
    exported.ENGINE = "classic"
    assert choice.editor_choice().name == "classic"


def test_a_damaged_export_falls_back_and_says_so_in_the_log(exported, caplog):
    (exported.STYLEGAN_DIR / "stylegan.json").write_text("{}")
    assert choice.editor_choice().name == "classic"
    assert "fall back to the classic engine" in caplog.text


def test_a_direction_that_is_not_the_pinned_one_falls_back(exported):
    (exported.DIRECTIONS_DIR / "smile.pt").write_bytes(
        (exported.DIRECTIONS_DIR / "age.pt").read_bytes()
    )
    assert choice.editor_choice().name == "classic"
