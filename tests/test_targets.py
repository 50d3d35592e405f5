"""The targets that last as long as is said: what each takes for broken; a little of `make fuzz`."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from bench import faults, fuzz, load, pictures

JOB = {"id": "a", "state": "done", "result": "r", "made": "picture", "error": "", "attempt": 1}
SEEN: dict[str, Any] = {"jobs": [JOB], "results": ["r"], "orphans": [], "lost": []}
NEAR_ALL = {"images": 3, "manifest": 10}


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_broken_input_is_answered(name: str) -> None:
    assert fuzz.round_run(name, seed_=5, examples=NEAR_ALL.get(name, 25)) is None


def test_a_crash_is_told_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def divide(number: int) -> None:
        assert 100 // (number - 7) is not None

    target = fuzz.Target(divide, {"number": st.integers(0, 9)}, examples=50)
    monkeypatch.setattr(fuzz, "TARGETS", {"division": target})

    assert fuzz.main(["--seconds", "20", "--seed", "3", "--rounds", "1"]) == 1
    said = capsys.readouterr().out
    assert "CRASH in division, seed 3" in said
    assert "ZeroDivisionError" in said
    assert "number=7" in said


@pytest.mark.parametrize("mutation", fuzz.MUTATIONS)
def test_a_mutation_changes_a_file_and_the_same_seed_changes_it_alike(mutation: Any) -> None:
    content = bytes(range(256)) * 4
    # One draw in some leaves all as it is: an end cut off behind the last byte.
    made = [mutation(content, random.Random(seed)) for seed in range(20)]
    assert made == [mutation(content, random.Random(seed)) for seed in range(20)]
    assert sum(one != content for one in made) > 10


def test_a_site_in_order_breaks_no_rule() -> None:
    assert faults.broken(SEEN, {"a"}) == []


@pytest.mark.parametrize(
    ("changes", "asked", "says"),
    [
        ({"jobs": [{**JOB, "state": "running", "result": ""}], "results": []}, "a", "is still"),
        (
            {"jobs": [{**JOB, "state": "failed", "result": ""}], "results": []},
            "a",
            "does not say why",
        ),
        ({"jobs": [{**JOB, "result": ""}], "results": []}, "a", "is done, made 'picture'"),
        ({"jobs": [{**JOB, "state": "cancelled"}]}, "a", "cancelled and has a result"),
        ({"results": ["r", "s"]}, "a", "2 results for 1 jobs"),
        ({}, "b", "are gone: ['b']"),
        ({"orphans": ["x.jpg"]}, "a", "no picture has the file x.jpg"),
        ({"lost": ["x.jpg"]}, "a", "lost its file x.jpg"),
    ],
)
def test_what_a_killed_process_may_not_leave_is_told(
    changes: dict[str, Any], asked: str, says: str
) -> None:
    assert any(says in sentence for sentence in faults.broken({**SEEN, **changes}, {asked}))


def test_a_pixel_outside_of_what_was_touched_is_told() -> None:
    photo = np.zeros((20, 30, 3), np.uint8)
    made = photo.copy()
    made[5:10, 5:10] = 9
    assert pictures.picture_broken(photo, photo.copy(), made, [(5, 5, 10, 10)]) == []
    assert pictures.picture_broken(photo, photo.copy(), made, [(5, 5, 10, 9)]) == [
        "5 pixels changed outside of what was touched"
    ]
    assert pictures.picture_broken(made, photo, made, [(0, 0, 30, 20)]) == [
        "the photo that was given was changed"
    ]
    assert "instead of" in pictures.picture_broken(photo, photo, photo[:5], [])[0]


def test_no_two_photos_of_a_load_are_the_same() -> None:
    assert load.photo_file(1) != load.photo_file(2)
