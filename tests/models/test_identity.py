"""What the likeness figure says."""

from itertools import pairwise

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


def vectors(cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors of unequal length with that cosine."""
    a, b = np.zeros(128, np.float32), np.zeros(128, np.float32)
    a[0], b[0], b[1] = 3.0, 5.0 * cosine, 5.0 * np.sqrt(1 - cosine**2)
    return a, b


def test_sface_says_at_most_what_its_cosine_says_and_keeps_the_order() -> None:
    cosines = np.linspace(0.05, 0.999, 60)
    read = [identity.sface_similarity(*vectors(float(cosine))) for cosine in cosines]
    assert all(low < high for low, high in pairwise(read))
    assert all(value <= cosine + 1e-6 for value, cosine in zip(read, cosines, strict=True))
    assert identity.sface_similarity(*vectors(0.88)) == pytest.approx(0.8, abs=1e-5)
    same = np.arange(128, dtype=np.float32)
    assert identity.sface_similarity(same, 2 * same) == pytest.approx(1, abs=1e-6)
    assert identity.sface_similarity(same, 0 * same) == 0


def test_a_turned_face_needs_a_margin() -> None:
    margins = [
        identity.turned_margin(Face.from_dict(stored_face(yaw=yaw)))
        for yaw in (0, 15, -30, 45, -80)
    ]
    assert margins == pytest.approx([0, 0, 0.02, 0.04, 0.04], abs=1e-6)
