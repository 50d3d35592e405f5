"""``manage.py swap``: the engine on the command line."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import manage_alone, sample_path

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
    [(b"hello", "not a JPEG, PNG or WebP"), (None, "No such file")],
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
    assert "the target has 1 face" in done.stderr
