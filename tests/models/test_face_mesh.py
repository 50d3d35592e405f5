"""The canonical face and what is measured on a mesh."""

import numpy as np
import pytest

from models.geometry import face_mesh


def placed(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The canonical face turned by real degrees, 20 px a centimetre, at (300, 250)."""
    y, p, r = np.radians([-yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned = face_mesh.CANONICAL @ (about_z @ about_y @ about_x).T
    return (turned * 20 + [300, 250, 0]).astype(np.float32)


@pytest.mark.parametrize("pose", [(0, 0, 0), (35, 0, 0), (-20, 10, 0), (10, -25, 40), (50, 5, -80)])
def test_a_head_turned_by_degrees_is_measured_in_degrees(pose: tuple[float, ...]) -> None:
    place = face_mesh.place_head(placed(*pose))
    assert (place.pose.yaw, place.pose.pitch, place.pose.roll) == pytest.approx(pose, abs=0.01)
    assert place.scale == pytest.approx(20, rel=1e-4)
    assert np.allclose(place.to_head(placed(*pose)), face_mesh.CANONICAL, atol=1e-3)
    assert np.allclose(place.to_image(face_mesh.CANONICAL), placed(*pose), atol=1e-2)


def test_the_nose_of_a_face_turned_right_lies_right_of_its_middle() -> None:
    mesh = placed(30, 0, 0)
    assert mesh[face_mesh.NOSE_TIP, 0] > mesh[face_mesh.OVAL, 0].mean() + 20
    assert placed(0, 25, 0)[face_mesh.NOSE_TIP, 1] > placed(0, 0, 0)[face_mesh.NOSE_TIP, 1] + 20


def test_every_point_has_its_mirror_and_its_neighbours() -> None:
    assert np.array_equal(face_mesh.MIRROR[face_mesh.MIRROR], np.arange(face_mesh.POINTS))
    assert face_mesh.MIRROR[face_mesh.LEFT_EYE_CORNER] == face_mesh.RIGHT_EYE_CORNER
    assert np.allclose(face_mesh.NEIGHBOURS.sum(axis=1), 1, atol=1e-5)
    assert face_mesh.TRIANGLES.shape == (898, 3)
    assert set(face_mesh.TRIANGLES.ravel()) == set(range(face_mesh.POINTS))


def test_normals_look_outwards_and_turn_with_the_head() -> None:
    front = face_mesh.vertex_normals(placed(0, 0, 0))
    assert front[face_mesh.NOSE_TIP, 2] < -0.8
    assert front[454, 0] > 0.8
    assert front[234, 0] < -0.8
    assert np.allclose(np.linalg.norm(front, axis=1), 1, atol=1e-4)
    assert face_mesh.vertex_normals(placed(60, 0, 0))[face_mesh.NOSE_TIP, 0] > 0.7


def test_openings_are_ratios() -> None:
    mesh = placed(0, 0, 0)
    wider = mesh.copy()
    wider[14, 1] += 30
    assert face_mesh.mouth_opening(wider) > face_mesh.mouth_opening(mesh) + 0.2
    left, right = face_mesh.lid_openings(mesh)
    assert left == pytest.approx(right, abs=0.02)
    assert face_mesh.mouth_opening((wider * 2).astype(np.float32)) == pytest.approx(
        face_mesh.mouth_opening(wider), rel=1e-4
    )


def test_the_region_turns_with_the_face() -> None:
    level, tilted = (face_mesh.face_region(placed(0, 0, roll)) for roll in (0, 70))
    assert tilted.roll - level.roll == pytest.approx(70, abs=0.1)
    assert tilted.side == pytest.approx(level.side, rel=1e-3)


def test_smoothing_keeps_a_constant_and_halves_a_spike() -> None:
    assert np.allclose(face_mesh.smoothed(np.ones(468, np.float32), 3), 1, atol=1e-5)
    spike = np.zeros(468, np.float32)
    spike[10] = 1
    assert face_mesh.smoothed(spike, 1)[10] == pytest.approx(0.5)
