"""Alignment, crops and tiles."""

import cv2
import numpy as np
import pytest

from models.geometry.crops import (
    ARCFACE_112,
    crop_face,
    crop_matrix,
    inverse,
    join_tiles,
    pixel_scale,
    split_tiles,
)
from models.store.cards import Manifest

RNG = np.random.default_rng(0)
TEMPLATE = Manifest.read().templates["arcface_128"]


def points_at(centre: tuple[float, float], side: float, roll: float) -> np.ndarray:
    """The template's five points on a face of `side` px, turned by `roll` degrees."""
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((TEMPLATE - 0.5) * side @ turn.T + centre).astype(np.float32)


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
@pytest.mark.parametrize("size", [112, 128, 224, 256, 512])
def test_alignment_equals_insightface(size: int) -> None:
    from insightface.utils.face_align import norm_crop2

    template = ARCFACE_112 if size % 112 == 0 else TEMPLATE
    image = RNG.integers(0, 256, (700, 900, 3)).astype(np.uint8)
    for roll in (-40, 0, 25):
        kps = points_at((400, 300), 230, roll) + RNG.normal(0, 3, (5, 2)).astype(np.float32)
        crop, expected = norm_crop2(image, kps, size)

        matrix = crop_matrix(kps, template, size)

        assert np.allclose(matrix, expected, rtol=1e-5, atol=1e-4)
        plain = cv2.warpAffine(image, matrix, (size, size), borderValue=0.0)
        assert np.abs(plain.astype(int) - crop).max() <= 1


def test_crop_puts_the_points_on_the_template() -> None:
    kps = points_at((310, 240), 190, 33)
    matrix = crop_matrix(kps, TEMPLATE, 128)

    landed = kps @ matrix[:, :2].T + matrix[:, 2]

    assert np.allclose(landed, TEMPLATE * 128, atol=1e-3)
    assert pixel_scale(matrix) == pytest.approx(128 / 190, rel=1e-4)
    back = inverse(matrix)
    assert np.allclose(landed @ back[:, :2].T + back[:, 2], kps, atol=1e-3)


def ramp(height: int, width: int) -> np.ndarray:
    """Grey rises by 1/8 per pixel to the right: the value at x is x / 8."""
    row = np.arange(width, dtype=np.float32) / 8
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2).round().astype(np.uint8)


@pytest.mark.parametrize("side", [60, 128, 300, 1000])
def test_crop_samples_where_the_matrix_points_at_every_scale(side: int) -> None:
    image = ramp(1200, 1800)
    matrix = crop_matrix(points_at((800, 600), side, 0), TEMPLATE, 128)

    crop = crop_face(image, matrix, 128)

    columns = (np.arange(128) - matrix[0, 2]) / matrix[0, 0] / 8
    assert np.abs(crop[64, 4:-4, 1] - columns[4:-4]).max() < 1.0


def test_shrinking_does_not_alias() -> None:
    """A board of single pixels is grey from afar; plain bilinear sampling shows false stripes."""
    board = np.indices((1500, 1500)).sum(axis=0) % 2 * 255
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    matrix = crop_matrix(points_at((750, 750), 1100, 12), TEMPLATE, 128)

    ours = crop_face(image, matrix, 128)
    bilinear = cv2.warpAffine(image, matrix, (128, 128))

    assert ours.std() < 3
    assert bilinear.std() > 10


def test_crop_beyond_the_photo_repeats_its_border() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)

    crop = crop_face(image, crop_matrix(points_at((5, 5), 150, 20), TEMPLATE, 128), 128)

    assert (crop == 90).all()


@pytest.mark.parametrize("times", [1, 2, 4])
def test_tiles_are_interleaved_and_join_again(times: int) -> None:
    crops = RNG.integers(0, 256, (3, 128 * times, 128 * times, 3)).astype(np.uint8)

    tiles = split_tiles(crops, 128)

    assert tiles.shape == (3 * times * times, 128, 128, 3)
    for i in range(times):
        for j in range(times):
            tile = tiles[times * times + i * times + j]
            assert np.array_equal(tile, crops[1, i::times, j::times])
    assert np.array_equal(join_tiles(tiles, times), crops)


def test_tiles_need_a_multiple() -> None:
    with pytest.raises(ValueError, match="384 px is not a multiple of 256 px"):
        split_tiles(np.zeros((1, 384, 384, 3), np.uint8), 256)
