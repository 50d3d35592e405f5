"""Landmarks, poses and warps."""

import numpy as np
import pytest

from models.geometry import points as geometry
from tests.models import faces


def _landmarks() -> np.ndarray:
    points = faces.faces("astronaut")[0].landmarks
    assert points is not None
    return points


@pytest.mark.parametrize("degrees", [-170.0, -40.0, 15.0, 90.0])
def test_roll_is_measured_clockwise_and_yaw_does_not_change_with_it(degrees: float) -> None:
    points = _landmarks()
    before = geometry.pose(points)
    after = geometry.pose(
        geometry.transform_points(points, geometry.rotation_matrix(points[30], degrees))
    )
    assert (after.roll - before.roll - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    assert after.yaw == pytest.approx(before.yaw, abs=0.05)
    assert after.pitch == pytest.approx(before.pitch, abs=0.1)


def test_mirroring_swaps_sides_and_turns_the_yaw_round() -> None:
    points = faces.faces("woman_b_2")[0].landmarks
    assert points is not None
    mirrored = geometry.mirrored_landmarks(points, 224)
    assert geometry.pose(points).yaw > 11
    assert geometry.pose(mirrored).yaw == pytest.approx(-geometry.pose(points).yaw, abs=1e-2)
    assert mirrored[36, 0] < mirrored[45, 0]
    assert np.allclose(geometry.mirrored_landmarks(mirrored, 224), points, atol=1e-4)


def test_similarity_is_recovered_exactly() -> None:
    points = _landmarks()
    matrix = np.array([[0.6, -0.9, 12.0], [0.9, 0.6, -7.0]], np.float32)
    found = geometry.similarity_matrix(points, geometry.transform_points(points, matrix))
    assert np.allclose(found, matrix, atol=1e-3)


def test_thin_plate_map_hits_its_points_and_keeps_an_affine_map_affine() -> None:
    rng = np.random.default_rng(7)
    control = (rng.uniform(8, 250, (40, 2))).astype(np.float32)
    bent = control + rng.normal(0, 3, control.shape).astype(np.float32)
    warp = geometry.thin_plate_map(control, bent, (260, 260), step=4)
    at_control = np.array([warp[round(float(y)), round(float(x))] for x, y in control])
    assert np.abs(at_control - bent).max() < 2.0

    affine = geometry.transform_points(control, np.array([[1.2, 0.1, 5], [-0.1, 0.9, 3]]))
    warp = geometry.thin_plate_map(control, affine, (101, 203))
    y, x = np.mgrid[0:101, 0:203]
    assert np.abs(warp[..., 0] - (1.2 * x + 0.1 * y + 5)).max() < 0.05
    assert np.abs(warp[..., 1] - (-0.1 * x + 0.9 * y + 3)).max() < 0.05


def test_mouth_opening_tells_open_from_closed() -> None:
    opened = faces.faces("man_a_smile")[0].landmarks
    closed = faces.faces("hopper")[0].landmarks
    assert opened is not None
    assert closed is not None
    assert geometry.mouth_opening(opened) > geometry.mouth_opening(closed) + 0.1
