"""One image put into another."""

import cv2
import numpy as np
import pytest

from models.pixels import blending, masks


def _pair() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    target = np.full((160, 180, 3), 120, np.float32) + rng.normal(0, 2, (160, 180, 3))
    source = np.full((160, 180, 3), 140, np.float32) + rng.normal(0, 2, (160, 180, 3))
    source[60:90, 70:100] = 20
    inside = np.zeros((160, 180), np.uint8)
    cv2.ellipse(inside, (90, 80), (55, 60), 0, 0, 360, 255, -1)
    mask = masks.blurred(masks.as_float(inside), 4.0)
    support = masks.as_float(masks.grown(inside, 8))
    return source.astype(np.float32), target.astype(np.float32), mask, support


def test_multiband_changes_nothing_outside_its_support_and_all_of_the_middle() -> None:
    source, target, mask, support = _pair()
    delta = blending.multiband_delta(source, target, mask, support, 5)
    assert not delta[support == 0].any()
    result = target + delta
    assert np.abs(result[75, 85] - 20).max() < 15


def test_multiband_leaves_a_softer_seam_than_a_hard_cut() -> None:
    source, target, _, support = _pair()
    hard = np.zeros(support.shape, np.float32)
    hard[20:140, 35:145] = 1
    blended = target + blending.multiband_delta(source, target, hard, np.ones_like(hard), 5)
    cut = target + blending.alpha_delta(source, target, hard)
    across = np.abs(np.diff(blended[40:120, 30:40].mean(axis=(0, 2)))).max()
    assert across < 0.6 * np.abs(np.diff(cut[40:120, 30:40].mean(axis=(0, 2)))).max()


@pytest.mark.parametrize("blend", [blending.alpha_delta, blending.poisson_delta])
def test_a_blend_shifts_nothing(blend: object) -> None:
    source, target, mask, _ = _pair()
    delta = blend(source, target, mask)  # type: ignore[operator]
    result = (target + delta)[..., 0]
    rows, columns = np.nonzero(result < 70)
    assert rows.min() == pytest.approx(60, abs=1)
    assert rows.max() == pytest.approx(89, abs=1)
    assert columns.min() == pytest.approx(70, abs=1)
    assert columns.max() == pytest.approx(99, abs=1)


def test_a_mask_off_centre_and_of_odd_size_does_not_shift_the_clone() -> None:
    source, target, _, _ = _pair()
    for corner in ((50, 60, 101, 115), (51, 61, 101, 115), (50, 60, 102, 114)):
        mask = np.zeros(target.shape[:2], np.float32)
        mask[corner[0] : corner[2], corner[1] : corner[3]] = 1
        mask[:, :60] = 0
        delta = blending.poisson_delta(source, target, mask)
        rows, columns = np.nonzero((target + delta)[..., 0] < 70)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 89, 70, 99)


def test_a_difference_is_enlarged_saturated_and_zero_where_it_is_zero() -> None:
    target = np.full((80, 90, 3), 200, np.uint8)
    delta = np.zeros((40, 45, 3), np.float32)
    delta[10:20, 10:20] = 100
    delta[25:35, 25:35] = -1000
    blending.add_delta(target, delta)
    assert (target[24:36, 24:36] == 255).all()
    assert (target[54:66, 54:66] == 0).all()
    assert (target[:10] == 200).all()
    assert (target[:, 80:] == 200).all()
