"""A closer look at faces follows when they are shown already."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faceweb.media import face_analysis
from faceweb.media.models import Asset, AssetTask
from models.faces.face import Face, Hints
from tests.conftest import stored_face

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("passing_screener", "published"),
]


class Student:
    """Finds one face, and more about it at a second look."""

    name = "student"
    fails = False

    def find_faces(self, image: np.ndarray) -> list[Face]:
        return [Face.from_dict(stored_face())]

    def study(self, image: np.ndarray, face: Face) -> Face:
        if self.fails:
            raise RuntimeError("no second look")
        return replace(face, hints=Hints(covered=0.25), studied=True)

    def embed(self, image: np.ndarray, face: Face) -> np.ndarray:
        return np.ones(3, np.float32)

    def similarity(self, a: np.ndarray, b: np.ndarray) -> float:
        return 1.0


@pytest.fixture
def student(monkeypatch: pytest.MonkeyPatch) -> Student:
    analyser = Student()
    monkeypatch.setattr(face_analysis, "get_analyser", lambda: analyser)
    return analyser


def found(user: Any, photo_factory: Any) -> tuple[Asset, AssetTask]:
    photo = photo_factory(user, analysis=Asset.Analysis.PENDING)
    face_analysis.asset_analyse(photo.pk)
    photo.refresh_from_db()
    assert photo.is_ready
    assert not photo.found_faces()[0].studied
    return photo, photo.tasks.get(kind="study")


def test_the_second_look_adds_to_what_is_shown(
    user: Any, photo_factory: Any, student: Student
) -> None:
    photo, task = found(user, photo_factory)
    face_analysis.asset_task_work(task.pk)
    photo.refresh_from_db()
    [face] = photo.found_faces()
    assert face.studied
    assert face.hints.covered == 0.25
    task.refresh_from_db()
    assert task.state == AssetTask.State.DONE


def test_faces_found_anew_meanwhile_are_left_alone(
    user: Any, photo_factory: Any, student: Student
) -> None:
    photo, task = found(user, photo_factory)
    Asset.objects.filter(pk=photo.pk).update(analyser="another", faces=[])
    face_analysis.asset_task_work(task.pk)
    photo.refresh_from_db()
    assert photo.faces == []
    task.refresh_from_db()
    assert task.state == AssetTask.State.DONE


def test_a_second_look_that_fails_leaves_the_photo_as_it_is(
    user: Any, photo_factory: Any, student: Student
) -> None:
    photo, task = found(user, photo_factory)
    student.fails = True
    for _ in range(4):
        AssetTask.objects.filter(pk=task.pk).update(lease_until=None)
        with suppress(RuntimeError):
            face_analysis.asset_task_work(task.pk)
    photo.refresh_from_db()
    assert photo.is_ready
    assert photo.screening == Asset.Screening.CLEAR
    assert len(photo.found_faces()) == 1
