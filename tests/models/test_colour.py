"""Colour, light and sharpness carried from one picture to another."""

import cv2
import numpy as np

from models.pixels import colour


def _lab(lightness: float, a: float, b: float, noise: float = 3.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    flat = np.array([lightness, a, b], np.float32)
    return (flat + rng.normal(0, noise, (64, 64, 3))).astype(np.float32)


def test_the_mean_colour_becomes_the_targets() -> None:
    source, target = _lab(90, 140, 150), _lab(190, 138, 146, seed=2)
    weight = np.ones((64, 64), np.float32)
    match = colour.match_colour(source, target, weight, 12.0)
    assert np.allclose(match.recoloured(source).mean((0, 1)), target.mean((0, 1)), atol=1.5)


def test_black_and_white_stay_when_a_dark_face_goes_onto_a_light_one() -> None:
    source, target = _lab(80, 140, 150, 1), _lab(200, 138, 146, 1, seed=2)
    weight = np.ones((64, 64), np.float32)
    weight[:8] = 0
    source[:4] = (5, 128, 128)
    source[4:8] = (250, 128, 128)
    match = colour.match_colour(source, target, weight, 4.0)
    result = match.recoloured(source)
    assert result[1, :, 0].mean() < 60
    assert 235 < result[6, :, 0].mean() < 262
    assert np.diff([result[1, 0, 0], result[30, :, 0].mean(), result[6, 0, 0]]).min() > 0


def test_a_grey_target_takes_the_colour_away() -> None:
    source, target = _lab(150, 142, 150), _lab(150, 128, 128, 0)
    weight = np.ones((64, 64), np.float32)
    result = colour.match_colour(source, target, weight, 8.0).recoloured(source)
    assert np.abs(result[..., 1:] - 128).max() < 2


def test_side_light_is_carried_over() -> None:
    source, target = _lab(150, 140, 145, 1), _lab(150, 140, 145, 1, seed=2)
    target[..., 0] += np.linspace(-40, 40, 64, dtype=np.float32)
    weight = np.ones((64, 64), np.float32)
    result = colour.match_colour(source, target, weight, 8.0).recoloured(source)
    assert result[:, -12:, 0].mean() - result[:, :12, 0].mean() > 45


def test_sharpness_follows_the_reference_both_ways() -> None:
    rng = np.random.default_rng(3)
    sharp = np.repeat(rng.uniform(100, 124, (96, 96, 1)), 3, axis=2).astype(np.float32)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.2).astype(np.float32)
    weight = np.ones((96, 96), np.float32)

    def detail(image: np.ndarray) -> float:
        return float(cv2.Laplacian(image[..., 0], cv2.CV_32F).std())

    softened = colour.match_sharpness(sharp, soft, weight, 1.0)
    assert abs(detail(softened) - detail(soft)) < 0.3 * detail(sharp)
    assert detail(softened) < 0.5 * detail(sharp)
    sharpened = colour.match_sharpness(soft, sharp, weight, 1.0)
    assert detail(soft) < detail(sharpened) < detail(sharp)
    assert colour.match_sharpness(sharp, sharp, weight, 1.0) is sharp
