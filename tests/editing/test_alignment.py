"""The FFHQ frame by its formula, and what goes into a crop and comes back out of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.faces.face import FloatArray
from models.geometry.alignment import (
    add_delta,
    crop_bounds,
    cut_crop,
    ffhq_matrix,
    ffhq_quad,
    inside_mask,
    resized,
    scale_of,
)

LEVEL = np.array([[40, 50], [60, 50], [50, 60], [42, 72], [58, 72]], np.float32)


def turned(kps: FloatArray, degrees: float, scale: float, shift: tuple[float, float]) -> FloatArray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (kps @ turn.T * scale + shift).astype(np.float32)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3), np.uint8)


def test_the_frame_of_a_level_face_by_hand() -> None:
    # e = (20, 0), m = (0, 22): x is along (42, 0), its length max(40, 39.6) = 40;
    # the centre is (50, 50) + 0.1 (0, 22).
    expected = [[10, 12.2], [10, 92.2], [90, 92.2], [90, 12.2]]
    assert np.allclose(ffhq_quad(LEVEL), expected)


def test_a_long_face_takes_its_size_from_the_mouth() -> None:
    kps = LEVEL.copy()
    kps[3:, 1] = 90
    assert np.linalg.norm(np.subtract(*ffhq_quad(kps)[[3, 0]])) == pytest.approx(2 * 1.8 * 40)


def test_the_nose_plays_no_part() -> None:
    kps = LEVEL.copy()
    kps[2] = (3, 4)
    assert np.array_equal(ffhq_quad(kps), ffhq_quad(LEVEL))


@given(st.floats(-180, 180), st.floats(0.2, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_the_frame_moves_with_the_face(degrees: float, scale: float, x: float, y: float) -> None:
    expected = turned(ffhq_quad(LEVEL).astype(np.float32), degrees, scale, (x, y))
    found = ffhq_quad(turned(LEVEL, degrees, scale, (x, y)))
    assert np.abs(found - expected).max() < 1e-3 * (scale + 1)


def test_the_matrix_takes_the_frames_corners_to_the_outer_edges_of_the_crop() -> None:
    kps = turned(LEVEL, 25, 3, (30, -10))
    matrix = ffhq_matrix(kps, 256)
    corners = ffhq_quad(kps) @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(corners, [[-0.5, -0.5], [-0.5, 255.5], [255.5, 255.5], [255.5, -0.5]])
    assert np.allclose(resized(matrix, 2.0), ffhq_matrix(kps, 512))
    assert scale_of(matrix) == pytest.approx(256 / 240)


def test_points_that_span_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="span no frame"):
        ffhq_quad(np.ones((5, 2), np.float32))


def test_a_crop_at_one_to_one_is_a_plain_cut() -> None:
    image = noise(120, 140)
    # A frame of 80 px whose corners lie on pixel edges.
    kps = LEVEL + np.array([0.5, 0.3], np.float32)
    assert np.array_equal(cut_crop(image, ffhq_matrix(kps, 80), 80), image[13:93, 11:91])


def test_a_large_face_is_reduced_by_area() -> None:
    image = noise(1000, 1000)
    kps = LEVEL * np.float32(8) + np.array([3.5, 5.9], np.float32)
    crop = cut_crop(image, ffhq_matrix(kps, 80), 80)
    blocks = image[104:744, 84:724].reshape(80, 8, 80, 8, 3).mean(axis=(1, 3))
    assert np.abs(crop - blocks).max() <= 1


def test_what_was_not_edited_gives_the_photo_back() -> None:
    image = noise(200, 150)
    for degrees, scale in ((0, 1.0), (33, 2.4), (-80, 0.4)):
        matrix = ffhq_matrix(turned(LEVEL, degrees, scale, (20, 30)), 64)
        delta = np.zeros((64, 64, 3), np.float32)
        assert np.array_equal(add_delta(image, delta, matrix), image)


@pytest.mark.parametrize("scale", [0.15, 0.5, 1.3, 4.0])
def test_a_delta_comes_back_where_it_was_cut_and_nowhere_else(scale: float) -> None:
    image = np.full((400, 400, 3), 100, np.uint8)
    kps = turned(LEVEL - 50, 20, scale, (200, 180))
    matrix = ffhq_matrix(kps, 128)
    delta = np.zeros((128, 128, 3), np.float32)
    delta[32:96, 32:96] = (10, 20, -30)
    result = add_delta(image, delta, matrix)
    ys, xs = np.mgrid[0:400, 0:400]
    u, v = np.tensordot(matrix[:, :2], np.stack([xs, ys]), 1) + matrix[:, 2][:, None, None]
    margin = 3 * max(scale_of(matrix), 1)
    inner = (np.abs(u - 63.5) < 32 - margin) & (np.abs(v - 63.5) < 32 - margin)
    outer = (np.abs(u - 63.5) > 32 + margin) | (np.abs(v - 63.5) > 32 + margin)
    assert (result[inner] == (110, 120, 70)).all()
    assert np.array_equal(result[outer], image[outer])
    x1, y1, x2, y2 = crop_bounds(image.shape, delta, matrix)
    untouched = np.ones((400, 400), bool)
    untouched[y1:y2, x1:x2] = False
    assert np.array_equal(result[untouched], image[untouched])
    assert (result != image).any()


def test_adding_clips_at_black_and_white() -> None:
    image = np.full((100, 100, 3), 250, np.uint8)
    delta = np.full((64, 64, 3), 30, np.float32)
    result = add_delta(image, delta, ffhq_matrix(LEVEL, 64))
    assert result.max() == 255
    assert add_delta(result, -20 * delta, ffhq_matrix(LEVEL, 64)).min() == 0


def test_a_mask_is_zero_where_the_photo_ends() -> None:
    kps = LEVEL - np.array([30, 0], np.float32)
    matrix = ffhq_matrix(kps, 128)
    mask = inside_mask((100, 100), matrix, 128, feather=10)
    u, _ = matrix[:, :2] @ [0, 50] + matrix[:, 2]
    assert u > 20
    assert (mask[:, : int(u)] == 0).all()
    assert (mask[30:80, int(u) + 14 : 110] == 1).all()
    assert (mask[[0, -1]] == 0).all() and (mask[:, [0, -1]] == 0).all()


def test_a_frame_beyond_the_photo_changes_nothing() -> None:
    image = noise(40, 40)
    matrix = ffhq_matrix(LEVEL + 500, 64)
    assert (inside_mask((40, 40), matrix, 64, 4) == 0).all()
    assert np.array_equal(add_delta(image, np.full((64, 64, 3), 9, np.float32), matrix), image)
