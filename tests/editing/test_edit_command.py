"""``manage.py edit``: the engine on the command line."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import manage_alone, sample_path, shared_dir

edit = partial(manage_alone, "edit")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.png"


def test_it_writes_the_version_and_prints_one_json_object(tmp_path, out):
    photo = sample_path("astronaut")
    done = edit(photo, "--smile", "50", "--age", "-30", "-o", out, "--json", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["engine"] == "classic"
    assert report["asked"] == {"smile": 0.5, "age": -0.3}
    assert 0 < report["applied"]["smile"] <= 0.5
    assert 1 > report["similarity"] >= report["threshold"] >= 0.8
    assert 1 <= report["evaluations"] <= 8
    assert {"decode", "find_faces", "edit", "check", "encode", "total"} < report[
        "timings_ms"
    ].keys()
    result, before = cv2.imread(str(out)), cv2.imread(str(photo))
    assert result is not None and before is not None
    assert result.shape == before.shape
    assert np.abs(result.astype(int) - before).max() > 20


def test_a_face_too_small_to_judge_is_exit_2_and_a_sentence(tmp_path, out):
    photo = cv2.imread(str(sample_path("astronaut")))
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), cv2.resize(photo, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA))
    done = edit(small, "--smile", "50", "-o", out, "--json", data_dir=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["verdict"] == "unsure"
    assert "too small" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--smile", "150"], "Smile goes from -100 to 100 %."),
        (["--smile", "broad"], "Smile cannot be set to this."),
        (["--target-age", "60"], "unrecognized arguments: --target-age 60"),
        (["--smile", "50", "--face", "3"], "There is no face 3: the photo has 1 face."),
    ],
)
def test_what_cannot_be_asked_is_exit_2_and_a_sentence(tmp_path, out, arguments, sentence):
    done = edit(sample_path("astronaut"), *arguments, "-o", out, data_dir=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_of_several_faces_one_has_to_be_named(tmp_path, out):
    photo = shared_dir("photos") / "couple.jpg"
    asked = edit(photo, "--age", "40", "-o", out, "--json", data_dir=tmp_path)
    assert asked.returncode == 2
    assert json.loads(asked.stdout) == {
        "verdict": "unsure",
        "reason": "several_faces",
        "similarity": None,
    }
    assert "The photo has 2 faces. Say by --face N which one" in asked.stderr
    assert not out.exists()
    named = edit(photo, "--age", "40", "--face", "1", "-o", out, data_dir=tmp_path)
    assert named.returncode == 0, named.stderr
    assert out.exists()


def test_no_face_is_unsure_and_says_so_in_json(tmp_path, out):
    photo = shared_dir("photos") / "noface_house.jpg"
    done = edit(photo, "--age", "40", "-o", out, "--json", data_dir=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["reason"] == "no_face"
    assert "No face was found" in done.stderr
    assert not out.exists()


def test_a_bad_file_is_exit_2_and_a_sentence(tmp_path, out):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"hello")
    done = edit(bad, "--age", "50", "-o", out, data_dir=tmp_path)
    assert done.returncode == 2
    assert "not a photo in a format" in done.stderr
    assert "Traceback" not in done.stderr
