"""What the built-in engine says of a pair from stored data alone."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.engines import level_of
from models.faces.face import Face, Hints, Pose, Quality
from swaps.engines import builtin
from swaps.engines.builtin.pair import check_pair
from swaps.words import WORDS


def face(
    *, yaw: float = 0, pitch: float = 0, width: float = 200, sharp: float = 12, **hints: Any
) -> Face:
    plain = {"mouth": 0.05, "skin": (65.0, 12.0, 16.0), "lid_left": 0.3, "lid_right": 0.3}
    return Face(
        box=np.array([0, 0, width, width], np.float32),
        kps=np.zeros((5, 2), np.float32),
        landmarks=None,
        score=1.0,
        pose=Pose(yaw, pitch, 0),
        quality=Quality(width, sharp),
        hints=Hints(**{**plain, **hints}),
    )


def codes(target: Face, source: Face) -> set[str]:
    return {notice.code for notice in check_pair(target, source)}


def test_two_plain_faces_are_a_good_pair() -> None:
    assert check_pair(face(), face()) == []


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"yaw": 30}, "yaw_differs"),
        ({"yaw": -30}, "yaw_differs"),
        ({"pitch": 30}, "pitch_differs"),
        ({"glasses": 0.4}, "source_glasses"),
        ({"covered": 0.4}, "source_partly_covered"),
        ({"fringe": 0.8}, "source_fringe"),
        ({"skin": (30.0, 12.0, 16.0)}, "source_darker"),
        ({"mouth": 0.6}, "mouths_differ"),
        ({"contrast": 1.4}, "source_hard_light"),
        ({"lid_left": 0.03, "lid_right": 0.02}, "source_eyes_shut"),
        ({"width": 60.0}, "source_coarse"),
        ({"sharp": 3.0}, "source_blurred"),
        ({"cut": 0.1}, "source_cut_partly"),
    ],
)
def test_each_weakness_is_said_by_itself(source: dict[str, Any], code: str) -> None:
    notices = check_pair(face(), face(**source))
    assert [notice.code for notice in notices] == [code]
    assert level_of(notices) == "will_show"


@pytest.mark.parametrize(
    ("target", "source", "code"),
    [
        ({"width": 30.0}, {}, "face_too_small"),
        ({}, {"width": 30.0}, "source_too_small"),
        ({}, {"covered": 0.7}, "source_occluded"),
        ({}, {"covered": 0.7, "sharp": 3.0}, "source_unclear"),
        ({}, {"cut": 0.5}, "source_cut_off"),
        ({"yaw": 50}, {"yaw": 60}, "source_profile"),
        ({}, {"yaw": 48}, "yaw_difference"),
        ({}, {"yaw": 30, "glasses": 0.4, "contrast": 1.4}, "pair_unfit"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    target: dict[str, Any], source: dict[str, Any], code: str
) -> None:
    notices = check_pair(face(**target), face(**source))
    assert [notice.code for notice in notices] == [code]
    assert level_of(notices) == "refused"


def test_turned_to_either_side_counts_alike() -> None:
    assert codes(face(yaw=30), face(yaw=-30)) == codes(face(yaw=30), face(yaw=30))


@pytest.mark.parametrize("beard", [0.3, 0.7, 1.0])
def test_a_beard_is_never_something_that_covers(beard: float) -> None:
    assert check_pair(face(beard=beard), face()) == []
    assert check_pair(face(), face(beard=beard)) == []


def test_what_nobody_looked_for_says_nothing() -> None:
    unknown = face(mouth=None, skin=None, lid_left=None, lid_right=None)
    assert check_pair(unknown, unknown) == []


def test_every_code_of_the_engine_has_words() -> None:
    used = set()
    for path in Path(builtin.__file__).parent.glob("*.py"):
        used |= set(
            re.findall(r"(?:Notice|FaceError|refused)\(\s*\"([a-z_]+)\"", path.read_text("utf-8"))
        )
    assert len(used) > 15
    assert used <= set(WORDS)
