"""What the likeness figure says."""

import numpy as np
import pytest

from models.faces import identity
from models.faces.face import Face
from tests.conftest import stored_face
from tests.models import faces


def test_the_scale_is_the_documented_one() -> None:
    a = np.zeros(128, np.float32)
    b = a.copy()
    b[0] = 0.3
    assert identity.dlib_similarity(a, a) == 1
    assert identity.dlib_similarity(a, b) == pytest.approx(0.80, abs=0.005)
    b[0] = 0.6
    assert identity.dlib_similarity(a, b) == pytest.approx(0.41, abs=0.005)


def test_the_same_person_in_two_photos_is_more_alike_than_two_people() -> None:
    measured = {}
    for name in ("man_a_closeup", "man_a_smile", "woman_b_1", "woman_b_2"):
        analyser = faces.analyser()
        measured[name] = analyser.embed(faces.photo(name), faces.faces(name)[0])

    def similarity(a: str, b: str) -> float:
        return faces.analyser().similarity(measured[a], measured[b])

    same = min(similarity("man_a_closeup", "man_a_smile"), similarity("woman_b_1", "woman_b_2"))
    assert same > identity.SAME_PERSON_HINT
    assert similarity("man_a_smile", "woman_b_1") < 0.4
    assert similarity("man_a_closeup", "woman_b_2") < 0.4


def test_small_faces_are_not_judged() -> None:
    assert identity.is_judgeable(Face.from_dict(stored_face(width_px=61.0)))
    assert not identity.is_judgeable(Face.from_dict(stored_face(width_px=59.0)))
