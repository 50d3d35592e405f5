"""Faces as data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.faces.face import Face
from tests.conftest import stored_face


def test_a_face_survives_json_to_a_hundredth() -> None:
    face = Face.from_dict(stored_face(yaw=0.123, sharpness=9.876, glasses=True))
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


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": 99},
        {"box": [1, 2, 3]},
        {"kps": [[0, 0]] * 4 + [[0, float("nan")]]},
        {"landmarks": [[0, 0]] * 67},
        {"pose": {"yaw": 0.0}},
        {"quality": None},
    ],
)
def test_malformed_data_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"schema|shape|malformed"):
        Face.from_dict({**stored_face(), **damage})


def test_scaling_moves_every_coordinate_and_leaves_the_ratios() -> None:
    face = Face.from_dict(stored_face(yaw=0.2))
    double = face.scaled(2)
    assert np.allclose(double.box, 2 * face.box)
    assert np.allclose(double.kps, 2 * face.kps)
    assert double.quality.width_px == 2 * face.quality.width_px
    assert double.pose == face.pose
    assert double.area == pytest.approx(4 * face.area)
