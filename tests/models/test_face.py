"""Faces as data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.faces.face import Face, Hints
from tests.conftest import stored_face


def test_a_face_survives_json_to_a_hundredth() -> None:
    face = Face.from_dict(stored_face(yaw=12.34, sharpness=9.88, glasses=True))
    again = Face.from_dict(json.loads(json.dumps(face.to_dict())))
    assert np.allclose(again.box, face.box, atol=0.005)
    assert np.allclose(again.kps, face.kps, atol=0.005)
    assert again.landmarks is not None
    assert face.landmarks is not None
    assert np.allclose(again.landmarks, face.landmarks, atol=0.006)
    assert again.landmarks.dtype == np.float32
    assert again.pose == face.pose
    assert again.quality == face.quality
    assert again.quality.glasses is True


def test_an_embedding_is_never_written_or_shown() -> None:
    face = replace(Face.from_dict(stored_face()), embedding=np.full(128, 0.777, np.float32))
    assert "0.777" not in json.dumps(face.to_dict())
    assert "embedding" not in face.to_dict()
    assert "0.777" not in repr(face)


def test_a_face_without_landmarks_round_trips() -> None:
    face = replace(Face.from_dict(stored_face()), landmarks=None)
    assert Face.from_dict(face.to_dict()).landmarks is None


def test_mesh_and_hints_survive_json() -> None:
    mesh = np.random.default_rng(1).uniform(-80, 500, (468, 3)).astype(np.float32)
    hints = Hints(lid_left=0.31, mouth=0.0, skin=(61.5, 12.0, 18.25), contrast=0.2)
    face = replace(Face.from_dict(stored_face()), mesh=mesh, hints=hints)
    again = Face.from_dict(json.loads(json.dumps(face.to_dict())))
    assert again.mesh is not None
    assert np.allclose(again.mesh, mesh, atol=0.01)
    assert again.hints == hints
    assert len(json.dumps(face.to_dict()["mesh"])) < 4200


def test_a_moved_face_takes_its_mesh_along() -> None:
    mesh = np.arange(468 * 3, dtype=np.float32).reshape(468, 3)
    face = replace(Face.from_dict(stored_face()), mesh=mesh)
    moved = face.mapped(np.array([[0.5, 0, -10], [0, 0.5, 20]], np.float32))
    assert moved.mesh is not None
    assert np.allclose(moved.mesh, mesh * 0.5 + [-10, 20, 0], atol=1e-3)
    half = face.scaled(0.5)
    assert half.mesh is not None
    assert np.allclose(half.mesh, mesh * 0.5)


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": 99},
        {"box": [1, 2, 3]},
        {"kps": [[0, 0]] * 4 + [[0, float("nan")]]},
        {"landmarks": [[0, 0]] * 67},
        {"pose": {"yaw": 0.0}},
        {"quality": None},
        {"mesh": {"corner": [0, 0, 0], "step": 1.0, "points": "AAAA"}},
        {"hints": {"nose": 1.0}},
    ],
)
def test_malformed_data_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"schema|shape|malformed"):
        Face.from_dict({**stored_face(), **damage})


def test_scaling_moves_every_coordinate_and_leaves_the_ratios() -> None:
    face = Face.from_dict(stored_face(yaw=12))
    double = face.scaled(2)
    assert np.allclose(double.box, 2 * face.box)
    assert np.allclose(double.kps, 2 * face.kps)
    assert double.quality.width_px == 2 * face.quality.width_px
    assert double.pose == face.pose
    assert double.area == pytest.approx(4 * face.area)
