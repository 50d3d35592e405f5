"""Decoding, encoding and cutting."""

import numpy as np
import pytest

from models.imaging import decode_image, encode_jpeg, reduced_region, upright_patch


def test_jpeg_round_trip_keeps_colour_edges() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = (0, 0, 255)
    image[:, 1::2] = (255, 0, 0)
    again = decode_image(encode_jpeg(image))
    assert np.abs(again.astype(int) - image).mean() < 6


@pytest.mark.parametrize("data", [b"", b"not an image", b"\xff\xd8\xff\xd9"])
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
