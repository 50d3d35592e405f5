"""Same person or not, and which photo shows them best."""

from dataclasses import replace

import numpy as np
import pytest

from models.faces.analysis.insightface_analyser import cosine, pose_of
from models.faces.best_source import best_source, source_weight
from models.faces.face import Face, Pose, Quality
from models.faces.same_person import (
    PersonThresholds,
    is_same_person,
    kps_agreement,
)
from models.geometry.crops import ARCFACE_112

KPS = (ARCFACE_112 * 200).astype(np.float32)


def face(
    width: float = 160, sharpness: float = 12, yaw: float = 0, embedding: object = (1, 0, 0)
) -> Face:
    return Face(
        box=np.array([0, 0, 200, 200], np.float32),
        kps=KPS,
        landmarks=None,
        score=0.9,
        pose=Pose(yaw=yaw, pitch=0, roll=0),
        quality=Quality(width_px=width, sharpness=sharpness),
        embedding=np.array(embedding, np.float32),
    )


def test_geometry_ignores_place_size_and_roll() -> None:
    angle = np.radians(40)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (KPS @ turn.T * 3 + [500, 900]).astype(np.float32)

    assert kps_agreement(KPS, moved) == pytest.approx(1, abs=1e-4)
    assert kps_agreement(KPS, KPS[[0, 2, 1, 4, 3]]) < 0.6


def test_both_measures_must_agree() -> None:
    alike, unlike = face(embedding=(0.9, 0.3, 0)), face(embedding=(0, 1, 0))
    crooked = replace(alike, kps=KPS[[0, 2, 1, 4, 3]])

    assert is_same_person(face(), alike)
    assert not is_same_person(face(), unlike)
    assert not is_same_person(face(), crooked)
    assert not is_same_person(face(), alike, PersonThresholds(cosine=0.99))
    with pytest.raises(ValueError, match="embeddings"):
        is_same_person(face(), replace(alike, embedding=None))


def test_best_source_is_large_sharp_and_frontal() -> None:
    good = face()

    for worse in (face(width=60), face(sharpness=3), face(yaw=45)):
        assert source_weight(worse) < source_weight(good)
        assert best_source([worse, good, worse]) == 1
    assert source_weight(face(width=0, sharpness=0)) > 0


def test_cosine_of_a_zero_vector_is_zero() -> None:
    assert cosine(np.zeros(3, np.float32), np.ones(3, np.float32)) == 0


def test_pose_of_five_points() -> None:
    assert pose_of(KPS).yaw == pytest.approx(0, abs=3)
    turned = KPS.copy()
    turned[2, 0] += 25
    assert pose_of(turned).yaw > 16
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rolled = pose_of((turned @ turn.T).astype(np.float32))
    assert rolled.roll == pytest.approx(30, abs=1)
    assert rolled.yaw == pytest.approx(pose_of(turned).yaw, abs=1)
