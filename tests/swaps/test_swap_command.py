"""``manage.py swap``: the engine on the command line."""

import io
import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from django.core.management import call_command

from swaps.services import get_engine
from tests.conftest import manage_alone, sample_path
from tests.swaps.engines.test_neural import (
    LEFT,
    RIGHT,
    SOFTENED,
    SOURCE,
    SOURCE_FACE,
    TARGET,
    noise,
)

swap = partial(manage_alone, "swap")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.png"


def test_it_writes_the_result_and_prints_one_json_object(tmp_path, out):
    source, target = sample_path("astronaut"), sample_path("hopper")
    done = swap(source, target, "-o", out, "--json", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["engine"] == "classic"
    assert report["faces_source"] == report["faces_target"] == 1
    assert 1 >= report["similarity_to_source"] > report["similarity_to_target"] >= 0
    assert {"decode", "find_faces", "encode", "total"} < report["timings_ms"].keys()
    result, before = cv2.imread(str(out)), cv2.imread(str(target))
    assert result is not None and before is not None
    assert result.shape == before.shape
    assert np.abs(result.astype(int) - before).max() > 50


def test_no_face_is_exit_2_and_a_sentence(tmp_path, out):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((300, 300, 3), 200, np.uint8))
    done = swap(blank, sample_path("hopper"), "-o", out, data_dir=tmp_path)
    assert done.returncode == 2
    assert "No face was found in the source photo." in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"hello", "not a photo in a format"), (None, "No such file")],
)
def test_a_bad_file_is_exit_2_and_a_sentence(tmp_path, out, content, sentence):
    bad = tmp_path / "bad.jpg"
    if content is not None:
        bad.write_bytes(content)
    done = swap(bad, sample_path("hopper"), "-o", out, data_dir=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_face_that_is_not_there_is_exit_2_and_says_how_many_there_are(tmp_path, out):
    done = swap(
        sample_path("astronaut"), sample_path("hopper"), "-o", out, "--map", "0:3",
        data_dir=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Faces in the target: 1" in done.stderr


def test_what_the_classic_engine_cannot_do_is_exit_2_and_a_sentence(tmp_path, out):
    source, target = sample_path("astronaut"), sample_path("hopper")
    for flags in (("--enhance", "50"), ("--also", source), ("--strength", "5")):
        done = swap(source, target, "-o", out, *flags, data_dir=tmp_path)
        assert done.returncode == 2, flags
        assert "Traceback" not in done.stderr
        assert not out.exists()
    done = swap(source, target, "-o", out, "--also", source, data_dir=tmp_path)
    assert "taken from one photo only" in done.stderr


def test_the_neural_engine_takes_the_same_settings_as_the_studio(
    neural_site, monkeypatch, tmp_path, out
):
    neural_site()
    engine = get_engine()
    monkeypatch.setattr(
        engine.analyser,
        "find_faces",
        lambda image: [LEFT, RIGHT] if image.shape[1] == 960 else [SOURCE_FACE],
    )
    seen = []
    run = engine.run

    def watched(*given):
        seen.append(given)
        return run(*given)

    monkeypatch.setattr(engine, "run", watched)
    paths = {}
    for name, image in (
        ("target", TARGET),
        ("source", SOURCE),
        ("softened", SOFTENED),
        ("stranger", noise(400, 400, 9)),
    ):
        paths[name] = tmp_path / f"{name}.png"
        cv2.imwrite(str(paths[name]), image)
    printed = io.StringIO()

    call_command(
        "swap",
        *map(str, (paths["source"], paths["target"], "-o", out, "--json", "--strength", 60)),
        *map(str, ("--detail", 256, "--enhance", 30, "--mask", "regions")),
        *map(str, ("--part", "skin", "nose", "--also", paths["softened"], paths["stranger"])),
        stdout=printed,
    )

    report = json.loads(printed.getvalue())
    assert report["engine"] == "neural"
    assert report["faces"][0]["left_out"] == [str(paths["stranger"])]
    assert seen[0][3] == {
        "strength": 60,
        "enhance": 30,
        "detail": "256",
        "mask": ("regions",),
        "part": ("skin", "nose"),
    }
    assert cv2.imread(str(out)) is not None
