"""Decoding, encoding and cutting."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from models.pixels.imaging import decode_image, encode_jpeg, reduced_region, upright_patch


def scene() -> np.ndarray:
    """Smooth, and different in every corner; uint8 (45, 70, 3) RGB."""
    y, x = np.mgrid[0:45, 0:70]
    return np.dstack([3 * x, 5 * y, 255 - 2 * x - y]).astype(np.uint8)


def as_jpeg(mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene()).convert(mode).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def seen_by_pillow(data: bytes) -> np.ndarray:
    """uint8 (H, W, 3) BGR, upright."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(image.convert("RGB"))[..., ::-1]


def test_jpeg_round_trip_keeps_colour_edges() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = (0, 0, 255)
    image[:, 1::2] = (255, 0, 0)
    again = decode_image(encode_jpeg(image))
    assert np.abs(again.astype(int) - image).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_jpeg_comes_out_upright(orientation: int, endian: str) -> None:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    data = as_jpeg(exif=exif)

    decoded = decode_image(data)

    assert np.array_equal(decoded, seen_by_pillow(data))
    assert decoded.shape[:2] == ((70, 45) if orientation >= 5 else (45, 70))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"subsampling": 0}),
        ("RGB", {"subsampling": 1}),
        ("RGB", {"subsampling": 2}),
        ("RGB", {"progressive": True}),
        ("L", {}),
        ("RGB", {"keep_rgb": True}),
        ("CMYK", {}),
    ],
)
def test_every_kind_of_jpeg_is_read(mode: str, options: dict[str, Any]) -> None:
    data = as_jpeg(mode, **options)
    difference = np.abs(decode_image(data).astype(int) - seen_by_pillow(data))
    # CMYK has no one conversion; the rest are the same decoder's pixels.
    assert difference.max() <= (12 if mode == "CMYK" else 1)


def test_what_the_fast_decoder_refuses_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = as_jpeg()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ValueError

    expected = decode_image(data)
    monkeypatch.setattr(simplejpeg, "decode_jpeg_header", refuse)
    assert np.abs(decode_image(data).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0??",
    ],
)
def test_broken_exif_changes_nothing(exif: bytes) -> None:
    plain = as_jpeg()
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    assert np.array_equal(decode_image(plain[:2] + segment + plain[2:]), decode_image(plain))


def test_jpegs_are_written_without_chroma_subsampling() -> None:
    image = np.ascontiguousarray(scene()[..., ::-1])
    # A view with gaps in memory is as good.
    data = encode_jpeg(np.dstack([image, image])[..., :3])
    assert simplejpeg.decode_jpeg_header(data)[2:] == ("YCbCr", "444")
    again = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert again is not None
    assert np.abs(again.astype(int) - image).max() <= 6


@pytest.mark.parametrize("data", [b"", b"not an image", b"\xff\xd8\xff\xd9", as_jpeg()[:-200]])
def test_rubbish_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="readable"):
        decode_image(data)


@pytest.mark.parametrize("scale", [1.0, 0.31])
def test_a_region_knows_where_its_pixels_came_from(scale: float) -> None:
    y, x = np.mgrid[0:200, 0:220]
    image = np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)
    region, matrix = reduced_region(image, (20, 30, 180, 190), scale)
    column, row = matrix @ np.array([100, 90, 1])
    value = region[round(row), round(column)]
    assert np.abs(value[:2].astype(int) - (100, 90)).max() <= 1 / scale


@pytest.mark.parametrize(("side", "roll"), [(60.0, 0.0), (60.0, 30.0), (150.0, -50.0)])
def test_a_patch_and_its_matrix_agree(side: float, roll: float) -> None:
    y, x = np.mgrid[0:200, 0:220]
    image = np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)
    patch, matrix = upright_patch(image, np.array([110, 100], np.float32), side, roll, 50)
    for point in ((110, 100), (118, 95), (104, 112)):
        column, row = matrix @ np.array([*point, 1])
        value = patch[round(row), round(column)]
        assert np.abs(value[:2].astype(int) - point).max() <= side / 50 + 1
