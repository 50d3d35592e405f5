"""What people reported elsewhere, tried here: docs/tried-reports.md names the report of each."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.models import Asset
from tests.conftest import ROOT
from tests.media.charts import HDR, cicp, png_with
from tests.media.conftest import Upload, corners, encoded, stored_pixels

pytestmark = pytest.mark.django_db

PHOTO = corners(64, 48)
RED, GREEN = (255, 0, 0), (0, 255, 0)


def near(pixel: Any, colour: tuple[int, ...], most: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= most)


def multi_picture() -> bytes:
    """Two pictures in one JPEG, as phones with two lenses write them."""
    return encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(180)], quality=95)


def without_end(trailer: bytes = b"", **options: Any) -> bytes:
    content = encoded(PHOTO, quality=95, **options)
    assert content.endswith(b"\xff\xd9")
    return content[:-2] + trailer


def cmyk(adobe_marker: bool) -> bytes:
    content = encoded(PHOTO.convert("CMYK"), quality=95)
    at = content.find(b"\xff\xee")
    if adobe_marker or at < 0:
        return content
    return content[:at] + content[at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0] :]


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(PHOTO, exif=exif, quality=95)


def claims(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


def test_wide_colour_arrives_as_it_was_meant(upload: Upload) -> None:
    strong = Image.new("RGB", (16, 16), (220, 60, 60))
    assert upload(png_with(cicp(12, 13), image=strong), "IMG_0042.png").status_code == 201
    photo = Asset.objects.get()
    for role in ("original", "preview", "thumb"):
        assert near(stored_pixels(photo, role)[8, 8], (239, 35, 50), 6), role


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_photo_is_upright_everywhere(orientation: int, upload: Upload) -> None:
    assert upload(turned(orientation)).status_code == 201
    photo = Asset.objects.get()
    upright = {3: PHOTO.rotate(180), 6: PHOTO.rotate(-90, expand=True)}.get(
        orientation, PHOTO.rotate(90, expand=True)
    )
    assert (photo.width, photo.height) == upright.size
    corner = np.asarray(upright)[4, 4]
    for role in ("original", "preview", "thumb"):
        assert near(stored_pixels(photo, role)[4, 4], tuple(map(int, corner)), 40), role


@pytest.mark.parametrize("size", [(21_600, 21_600), (20_992, 10_496), (65_500, 65_500)])
def test_a_huge_claim_is_answered_in_words(size: tuple[int, int], upload: Upload) -> None:
    response = upload(claims(*size), "blue-marble.png")
    assert response.status_code in {413, 415, 422}
    answer = response.json()
    assert answer["sentence"] and answer["remedy"]
    assert not Asset.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "\N{DIZZY SYMBOL}.jpg",
        "Grüner Baum.jpg",
        "café.jpg",
        "photo\N{THIN SPACE}one.jpg",
        "a, b's (1) #2 100%.jpg",
        "照片.jpg",
        "IMG_7872.JPG",
        "photo.jfif",
        "photo.png",
        "photo",
        "x" * 240 + ".jpg",
    ],
)
def test_a_name_never_matters(name: str, upload: Upload) -> None:
    assert upload(encoded(PHOTO), name).status_code == 201


def test_a_browser_that_knows_no_type_is_believed_nothing(
    client_for: Callable[[Any], Client], user: Any, media: Any, published: Any
) -> None:
    file = SimpleUploadedFile("image", encoded(PHOTO), "")
    response = client_for(user).post(
        reverse("photo_upload"),
        {"consent": CONSENT_VERSION, "file": file},
        headers={"accept": "application/json"},
    )
    assert response.status_code == 201


@pytest.mark.parametrize("adobe_marker", [True, False])
def test_print_colours_are_not_inverted(adobe_marker: bool, upload: Upload) -> None:
    assert upload(cmyk(adobe_marker), "print.jpg").status_code == 201
    pixels = stored_pixels(Asset.objects.get())
    if adobe_marker:
        assert near(pixels[6, 6], RED, 60)
        assert near(pixels[6, 58], GREEN, 60)
    assert pixels.std() > 30


def test_sixteen_bit_grey_is_neither_white_nor_black(upload: Upload) -> None:
    ramp = np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16)
    assert upload(encoded(Image.fromarray(ramp), "PNG"), "teaser.png").status_code == 201
    pixels = stored_pixels(Asset.objects.get())
    assert pixels[0, 0].max() < 20
    assert pixels[-1, -1].min() > 235
    assert 100 < pixels.mean() < 155


def test_hdr_is_neither_flat_nor_burnt_out(upload: Upload) -> None:
    for name in ("cicp-9-16.png", "nclx-9-16.avif", "cicp-9-18.png"):
        assert upload(HDR[name], name).status_code == 201
    for photo in Asset.objects.all():
        pixels = stored_pixels(photo)
        assert pixels.std() > 40
        assert (pixels.min(axis=2) >= 250).mean() < 0.5


def test_two_pictures_in_one_file_are_the_first_of_them(upload: Upload) -> None:
    content = multi_picture()
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "MPO"
    assert upload(content, "portrait.jpg").status_code == 201
    assert near(stored_pixels(Asset.objects.get())[6, 6], RED, 30)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(without_end(), id="plain"),
        pytest.param(without_end(progressive=True), id="progressive"),
        pytest.param(
            without_end(b"\0\0\0\x18ftypmp42" + bytes(5000) + b"SEFT"), id="phone panorama"
        ),
    ],
)
def test_a_jpeg_whose_end_is_missing_is_taken(content: bytes, upload: Upload) -> None:
    assert upload(content, "20160620.jpg").status_code == 201
    assert near(stored_pixels(Asset.objects.get())[6, 6], RED, 30)


def test_every_report_in_the_list_has_its_result() -> None:
    page = (ROOT / "docs" / "tried-reports.md").read_text()
    rows = re.findall(r"^\| (\S+) \| (.+) \| (.+) \|$", page, re.MULTILINE)[1:]
    assert len(rows) >= 20
    tests = set(re.findall(r"^def (test_\w+)", (ROOT / __file__).read_text(), re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named <= tests
    assert all(source.startswith("github.com/") for source, _, _ in rows)
