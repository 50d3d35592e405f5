"""Every file of the hostile set through the real upload: an answer, never a trace of trouble."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceweb.media import decode_child
from faceweb.media.models import Asset
from tests.conftest import ROOT, shared_dir
from tests.media.conftest import Upload, corners, encoded, files_in, stored_pixels

pytestmark = pytest.mark.django_db

SHARED = Path(os.environ.get("FACEWEB_SHARED", ROOT.parent / "shared")) / "hostile"
MANIFEST = SHARED / "manifest.csv"
ANSWER_SECONDS = 5


def manifest() -> list[Any]:
    if not MANIFEST.is_file():
        skip = pytest.mark.skip(reason="test data folder 'hostile' is not here (FACEWEB_SHARED)")
        return [pytest.param({}, id="absent", marks=skip)]
    with MANIFEST.open(newline="", encoding="utf-8") as file:
        return [pytest.param(row, id=row["file"]) for row in csv.DictReader(file)]


def assert_clean(photo: Asset, sent: bytes) -> None:
    """The stored copies open again and carry nothing but pixels."""
    for field in ("original", "preview", "thumb"):
        with photo.file_of(field).open("rb") as file:
            content = file.read()
        assert hashlib.sha256(content).digest() != hashlib.sha256(sent).digest()
        for marker in (b"Exif\x00", b"ICC_PROFILE", b"ICCP", b"EXIF", b"http://ns.adobe", b"XMP "):
            assert marker not in content
    with photo.file_of("original").open("rb") as file:
        content = file.read()
        image = Image.open(file)
        image.load()
    assert image.size == (photo.width, photo.height)
    assert (image.format, image.mode) in {("JPEG", "RGB"), ("WEBP", "RGBA")}
    plain = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not set(image.info) - plain - {"loop", "background", "timestamp", "duration"}
    # Nothing rides behind the picture.
    if image.format == "JPEG":
        assert content.endswith(b"\xff\xd9")
        assert content.count(b"\xff\xd9") == 1
    else:
        assert int.from_bytes(content[4:8], "little") == len(content) - 8


@pytest.mark.parametrize("row", manifest())
def test_answers_as_the_manifest_expects(
    row: dict[str, str], upload: Upload, media: Path, tmp_path: Path
) -> None:
    sent = (SHARED / row["file"]).read_bytes()
    begun = time.monotonic()
    response = upload(sent, row["file"])
    assert time.monotonic() - begun < ANSWER_SECONDS
    if row["expected"] == "accept":
        assert response.status_code == 201, response.json()
    elif row["expected"] == "reject":
        assert 400 <= response.status_code < 500
    else:
        assert response.status_code == 201 or 400 <= response.status_code < 500
    if response.status_code == 201:
        photo = Asset.objects.get(pk=response.json()["id"])
        assert len(files_in(media)) == 3
        assert_clean(photo, sent)
    else:
        answer = response.json()
        assert answer["sentence"].endswith(".")
        assert answer["remedy"].endswith(".")
        assert not Asset.objects.exists()
        assert files_in(tmp_path) == []
    assert list((media / "incoming").glob("*")) == []


@pytest.mark.parametrize(
    ("mode", "size", "format_", "code"),
    [
        ("1", (30_001, 20), "PNG", "side_too_long"),
        ("1", (15_000, 14_000), "PNG", "too_many_pixels"),
        ("L", (29_000, 7_200), "PNG", "too_many_pixels"),
    ],
)
def test_small_files_of_many_pixels_are_refused_by_their_header(
    mode: str, size: tuple[int, int], format_: str, code: str, upload: Upload, media: Path
) -> None:
    response = upload(encoded(Image.new(mode, size), format_, compress_level=9))
    assert response.status_code == 422
    assert response.json()["code"] == code
    assert files_in(media) == []


@pytest.mark.parametrize(
    ("size", "format_", "options", "kept"),
    [
        ((16_320, 12_240), "JPEG", {"quality": 50}, (8_160, 6_120)),
        ((16_320, 12_240), "JPEG", {"quality": 50, "progressive": True}, (8_160, 6_120)),
        ((12_000, 9_000), "JPEG", {"quality": 50, "progressive": True}, (6_000, 4_500)),
        ((8_160, 6_144), "JPEG", {"quality": 50, "progressive": True}, (8_160, 6_144)),
        ((12_000, 9_000), "PNG", {"compress_level": 1}, (6_000, 4_500)),
        ((30_000, 2_400), "PNG", {"compress_level": 1}, (10_000, 800)),
        ((8_160, 6_144), "WEBP", {"method": 0, "quality": 20}, (8_160, 6_144)),
    ],
)
def test_what_phones_write_is_taken_in_less_than_a_gigabyte(
    size: tuple[int, int],
    format_: str,
    options: dict[str, Any],
    kept: tuple[int, int],
    tmp_path: Path,
) -> None:
    """200, 108 and 50 megapixels, and a long panorama."""
    with (tmp_path / "upload").open("wb") as file:
        Image.new("RGB", size, "gray").save(file, format_, **options)
    limits = json.dumps(asdict(decode_child.Limits(205_000_000, 30_000, 52_000_000, 10_000)))
    child = f"[sys.executable, '-I', {decode_child.__file__!r}, '.', {limits!r}]"
    # A small process in between: a child's figure begins with what its parent has when it forks.
    measure = (
        f"import resource, subprocess, sys; subprocess.run({child});"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", measure], cwd=tmp_path, capture_output=True, check=True
    )
    answer, peak_kb = done.stdout.splitlines()
    original = json.loads(answer)["files"]["original"]
    assert (original["width"], original["height"]) == kept
    assert int(peak_kb) < 1024 * 1024


def test_a_tail_behind_the_picture_is_not_kept(upload: Upload) -> None:
    response = upload(encoded(corners()) + b"PK\x03\x04 something else entirely" * 1000)
    photo = Asset.objects.get(pk=response.json()["id"])
    with photo.file_of("original").open("rb") as file:
        assert b"something else" not in file.read()


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_photo_is_refused(format_: str, cut: float, upload: Upload) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (200, 300, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), format_)
    response = upload(whole[: int(len(whole) * cut)])
    assert response.status_code in {415, 422}
    assert not Asset.objects.exists()


UPRIGHT = ("jpeg_named_hopper.png", [f"hopper_orientation_{n}.jpg" for n in (2, 3, 4, 8)])
UPRIGHT_WEBP = ("jpeg_named_hopper.png", [f"hopper_orientation_{n}.webp" for n in (5, 6, 8)])
UPRIGHT_PHOTO = ("vips_rotation_1.jpg", ["vips_rotation_2.jpg"])


@pytest.mark.parametrize(("upright", "turned"), [UPRIGHT, UPRIGHT_WEBP, UPRIGHT_PHOTO])
def test_pictures_stored_turned_with_a_tag_stand_upright(
    upright: str, turned: list[str], upload: Upload
) -> None:
    folder = shared_dir("hostile")

    def stored(name: str) -> np.ndarray:
        answer = upload((folder / name).read_bytes()).json()
        return stored_pixels(Asset.objects.get(pk=answer["id"])).astype(int)

    expected = stored(upright)
    for name in turned:
        pixels = stored(name)
        assert pixels.shape == expected.shape
        assert np.abs(pixels - expected).mean() < 10
        assert np.abs(pixels[:, ::-1] - expected).mean() > 40
