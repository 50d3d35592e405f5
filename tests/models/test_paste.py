"""Pasting back: parity with insightface, nothing touched outside, no shrinking with roll."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from models.geometry.crops import crop_matrix, inverse
from models.pixels.crop_masks import box_mask
from models.pixels.paste import paste_back, paste_back_like_insightface
from tests.models.test_crops import TEMPLATE, points_at

RNG = np.random.default_rng(0)
PLACES = {
    "middle": (0.5, 0.5, 0.3),
    "left edge": (0.02, 0.5, 0.3),
    "bottom edge": (0.5, 0.97, 0.4),
    "corner": (0.99, 0.99, 0.25),
}


def photo(width: int, height: int) -> np.ndarray:
    small = RNG.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def swapped_tensor() -> np.ndarray:
    """What a swapper might answer, float32 (1, 3, 128, 128) RGB, partly out of range."""
    noise = cv2.GaussianBlur(RNG.random((128, 128, 3)), (0, 0), 3)
    return (noise.transpose(2, 0, 1)[None] * 3 - 1).astype(np.float32)


def insightface_paste(image: np.ndarray, kps: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    """The real ``INSwapper.get(paste_back=True)``, its network replaced by a given answer."""
    from insightface.model_zoo.inswapper import INSwapper

    swapper = INSwapper.__new__(INSwapper)
    swapper.input_size, swapper.input_std, swapper.input_mean = (128, 128), 255.0, 0.0
    swapper.emap = np.eye(4, dtype=np.float32)
    swapper.input_names, swapper.output_names = ["target", "source"], ["output"]
    swapper.session = SimpleNamespace(run=lambda names, inputs: [tensor])
    source = SimpleNamespace(normed_embedding=np.full(4, 0.5, np.float32))
    result: np.ndarray = swapper.get(image, SimpleNamespace(kps=kps), source, paste_back=True)
    return result


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = float(((a.astype(np.float64) - b) ** 2).mean())
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("roll", [0, 8, 30, 45])
@pytest.mark.parametrize("size", [(800, 600), (1600, 1200)])
def test_compatible_paste_equals_insightface(size: tuple[int, int], roll: int, place: str) -> None:
    _assert_parity(size, roll, place)


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
@pytest.mark.parametrize(("roll", "place"), [(0, "middle"), (30, "left edge"), (45, "corner")])
def test_compatible_paste_equals_insightface_at_12_megapixels(roll: int, place: str) -> None:
    _assert_parity((4000, 3000), roll, place)


def _assert_parity(size: tuple[int, int], roll: int, place: str) -> None:
    width, height = size
    x, y, share = PLACES[place]
    kps = points_at((x * width, y * height), share * height, roll)
    image, tensor = photo(width, height), swapped_tensor()
    expected = insightface_paste(image, kps, tensor)
    crop = np.clip(255 * tensor[0].transpose(1, 2, 0), 0, 255).astype(np.uint8)[..., ::-1]

    ours = image.copy()
    box = paste_back_like_insightface(
        ours, np.ascontiguousarray(crop), crop_matrix(kps, TEMPLATE, 128)
    )

    assert not np.array_equal(ours, image)
    assert np.abs(ours.astype(int) - expected).max() <= 2
    assert psnr(ours, expected) >= 75
    assert (
        psnr(ours[box[1] : box[3], box[0] : box[2]], expected[box[1] : box[3], box[0] : box[2]])
        > 65
    )


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("roll", [0, 45])
@pytest.mark.parametrize("side", [60, 300])
def test_nothing_outside_the_mask_is_touched(side: int, roll: int, place: str) -> None:
    image = photo(800, 600)
    x, y, _ = PLACES[place]
    matrix = crop_matrix(points_at((x * 800, y * 600), side, roll), TEMPLATE, 128)
    crop = RNG.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    pasted = image.copy()

    x1, y1, x2, y2 = paste_back(pasted, crop, box_mask(128), matrix)

    weight = cv2.warpAffine(box_mask(128), inverse(matrix), (800, 600), flags=cv2.INTER_LINEAR)
    touched = (pasted != image).any(axis=2)
    assert touched.any()
    assert not (touched & (weight == 0)).any()
    outside = np.ones((600, 800), bool)
    outside[y1:y2, x1:x2] = False
    assert not touched[outside].any()


def test_full_mask_shows_the_crop_and_half_mask_the_mean() -> None:
    image = np.full((400, 400, 3), 50, np.uint8)
    matrix = crop_matrix(points_at((200, 200), 200, 30), TEMPLATE, 128)
    crop = np.full((128, 128, 3), 250, np.uint8)
    whole, half = image.copy(), image.copy()

    paste_back(whole, crop, box_mask(128), matrix)
    paste_back(half, crop, box_mask(128) * np.float32(0.5), matrix)

    assert (whole[180:220, 180:220] == 250).all()
    assert (half[180:220, 180:220] == 150).all()


@pytest.mark.parametrize("side", [50, 128, 400])
def test_a_crop_comes_back_to_where_it_was_cut(side: int) -> None:
    from models.geometry.crops import crop_face

    image = cv2.GaussianBlur(photo(640, 480), (0, 0), 12)
    matrix = crop_matrix(points_at((320, 240), side, 20), TEMPLATE, 128)
    pasted = image.copy()

    box = paste_back(pasted, crop_face(image, matrix, 128), box_mask(128), matrix)

    assert (box[2] - box[0]) * (box[3] - box[1]) > side * side * 0.7
    assert np.abs(pasted.astype(int) - image).max() <= 2


def _covered(paste: Any, roll: float) -> int:
    image = np.zeros((900, 900, 3), np.uint8)
    paste(image, crop_matrix(points_at((450, 450), 400, roll), TEMPLATE, 128))
    return int((image[..., 0] > 127).sum())


def test_default_mask_keeps_its_size_when_a_head_is_rolled() -> None:
    white = np.full((128, 128, 3), 255, np.uint8)

    def default(image: np.ndarray, matrix: np.ndarray) -> None:
        paste_back(image, white, box_mask(128), matrix)

    def compatible(image: np.ndarray, matrix: np.ndarray) -> None:
        paste_back_like_insightface(image, white, matrix)

    assert _covered(default, 30) == pytest.approx(_covered(default, 0), rel=0.01)
    assert _covered(compatible, 30) < 0.9 * _covered(compatible, 0)


def test_a_face_outside_the_photo_changes_nothing() -> None:
    image = photo(320, 240)
    matrix = crop_matrix(points_at((2000, 2000), 100, 0), TEMPLATE, 128)
    before, crop = image.copy(), np.zeros((128, 128, 3), np.uint8)

    assert paste_back(image, crop, box_mask(128), matrix) == (0, 0, 0, 0)
    assert paste_back_like_insightface(image, crop, matrix) == (0, 0, 0, 0)
    assert np.array_equal(image, before)


def test_an_empty_mask_changes_nothing() -> None:
    image = photo(320, 240)
    before = image.copy()
    matrix = crop_matrix(points_at((160, 120), 100, 0), TEMPLATE, 128)

    paste_back(image, np.zeros((128, 128, 3), np.uint8), np.zeros((128, 128), np.float32), matrix)

    assert np.array_equal(image, before)


@pytest.mark.parametrize("roll", [0, 33])
def test_everything_that_the_mask_reaches_is_written(roll: int) -> None:
    """A mask that is full to its rim leaves no part of itself outside the rectangle."""
    image = np.zeros((600, 600, 3), np.uint8)
    matrix = crop_matrix(points_at((300, 300), 300, roll), TEMPLATE, 64)
    mask = np.ones((64, 64), np.float32)

    paste_back(image, np.full((64, 64, 3), 255, np.uint8), mask, matrix)

    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    shifted = inverse(matrix).copy()
    shifted[:, 2] -= shifted[:, :2].sum(axis=1)
    everywhere = 255 * cv2.warpAffine(framed, shifted, (600, 600), flags=cv2.INTER_LINEAR)
    assert np.abs(image[..., 0] - everywhere).max() <= 2


def test_a_crop_that_gets_smaller_is_averaged() -> None:
    """One-pixel stripes become grey; picked pixel by pixel they would stay stripes."""
    image = np.zeros((200, 200, 3), np.uint8)
    matrix = crop_matrix(points_at((100, 100), 40, 0), TEMPLATE, 256)
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255

    paste_back(image, stripes, box_mask(256), matrix)

    middle = image[90:110, 90:110].astype(float)
    assert middle.mean() == pytest.approx(127.5, abs=6)
    assert middle.std() < 25
