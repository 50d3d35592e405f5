"""Which engine a site edits with, from what is there and what its operator said."""

import json
import shutil

import cv2
import numpy as np
import pytest

from editing import choice
from editing.engines.base import YEARS_AT_FULL, EditRequest
from editing.engines.stylegan_engine import StyleGanEngine
from faceweb.work import engines
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face
from models.pixels.imaging import Image
from models.sessions import SessionConfig, SessionFactory
from tests.conftest import sample_path, shared_dir
from tests.editing.tiny_export import write_export
from tests.models.networks import graphs
from tests.models.test_opening import AGE, PARSERS, store_of


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
    assert choice.editor_choice().spec.name == "classic"


def test_an_export_with_its_directions_is_taken_without_being_loaded(exported):
    chosen = choice.editor_choice()
    assert chosen.spec.name == "stylegan"
    assert [option.key for option in chosen.offer.options] == ["smile", "age"]


def test_a_file_and_three_lines_make_a_slider(exported):
    (exported.DIRECTIONS_DIR / "directions.toml").write_text(
        '[pose]\nfile = "pose.pt"\nrange = 2.0\n'
    )
    assert [option.key for option in choice.editor_choice().offer.options] == [
        "smile",
        "age",
        "pose",
    ]


def test_classic_stays_classic_when_the_operator_says_so(exported):
    exported.ENGINE = "builtin"
    assert choice.editor_choice().spec.name == "classic"


def test_a_damaged_export_falls_back_and_says_so_in_the_log(exported, caplog):
    (exported.STYLEGAN_DIR / "stylegan.json").write_text("{}")
    assert choice.editor_choice().spec.name == "classic"
    assert "the engine stylegan is not used" in caplog.text


def test_a_direction_that_is_not_the_pinned_one_falls_back(exported):
    (exported.DIRECTIONS_DIR / "smile.pt").write_bytes(
        (exported.DIRECTIONS_DIR / "age.pt").read_bytes()
    )
    assert choice.editor_choice().spec.name == "classic"


# --- what the engine is given -----------------------------------------------------------------


@pytest.fixture(scope="module")
def dlib() -> DlibAnalyser:
    return DlibAnalyser()


@pytest.fixture(scope="module")
def sitter(dlib: DlibAnalyser) -> tuple[Image, Face]:
    photo = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert photo is not None
    image = photo.astype(np.uint8)
    return image, dlib.find_faces(image)[0]


@pytest.fixture
def loaded(exported, monkeypatch, tmp_path, dlib):
    """Loads the engine of a small export with some files of the weights store."""

    def load(files: dict, preview_size: int | None = None) -> StyleGanEngine:
        write_export(exported.STYLEGAN_DIR, 64, 512, preview_size)
        store = store_of(exported.WEIGHTS_DIR, files)
        sessions = SessionFactory(SessionConfig(providers=("cpu",), cache_dir=tmp_path / "cache"))
        monkeypatch.setattr(engines, "weight_store", lambda: store)
        monkeypatch.setattr(engines, "session_factory", lambda: sessions)
        monkeypatch.setattr(engines, "get_analyser", lambda: dlib)
        engine = choice.editor_choice().spec.load(engines.machine_here())
        assert isinstance(engine, StyleGanEngine)
        return engine

    return load


def test_the_parser_of_the_store_draws_the_mask(loaded):
    crop = np.full((64, 64, 3), 255, np.uint8)
    labels = loaded({PARSERS[0]: graphs.parser}).parse(crop)
    assert labels is not None
    assert (labels == 1).all()


def test_without_a_parser_the_landmarks_draw_it(loaded):
    assert loaded({}).parse(np.zeros((64, 64, 3), np.uint8)) is None


def test_a_damaged_parser_is_not_opened(loaded, exported):
    store = store_of(exported.WEIGHTS_DIR, {PARSERS[0]: graphs.parser})
    with store.path(*PARSERS[0]).open("ab") as file:
        file.write(b"more")
    assert loaded({}).parse(np.zeros((64, 64, 3), np.uint8)) is None


def test_a_parser_that_is_another_network_is_done_without(loaded, caplog):
    engine = loaded({PARSERS[0]: graphs.recogniser})
    assert engine.parse(np.zeros((64, 64, 3), np.uint8)) is None
    assert "do without the face parser" in caplog.text


def test_with_the_pack_an_age_is_taken_in_years(loaded, sitter):
    engine = loaded({AGE: graphs.genderage})
    assert "target_age" in choice.editor_choice().offer.options
    photo, face = sitter
    years = engine.outlook(photo, face).years
    assert years is not None and 5 < years < 100
    asked = engine.run(photo, face, EditRequest(target_age=round(years) + 10)).asked
    assert asked.age == pytest.approx(10 / YEARS_AT_FULL, abs=0.02)


def test_without_the_pack_it_is_not(loaded, sitter):
    engine = loaded({})
    assert "target_age" not in choice.editor_choice().offer.options
    assert engine.outlook(*sitter).years is None
    with pytest.raises(FaceError, match="no_age_estimate"):
        engine.run(*sitter, EditRequest(target_age=40))


def test_on_a_cpu_faces_are_made_one_at_a_time(loaded):
    assert loaded({}).batch == 1


def test_a_classic_site_takes_no_years(settings, tmp_path):
    settings.STYLEGAN_DIR = tmp_path / "none"
    assert "target_age" not in choice.editor_choice().offer.options
