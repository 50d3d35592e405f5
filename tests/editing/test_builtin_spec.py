"""What the built-in edits declare before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from editing.engines.builtin import ENGINE
from models.engines import Machine
from models.faces.face import Face, Hints, Pose
from models.store.weights import Unavailable
from tests.conftest import stored_face


def machine(*absent: str, analyser: Any = None) -> Machine:
    def resolve_model(key: str) -> Any:
        if key in absent:
            return Unavailable(key, f"{key} is not here.", "Fetch it.")
        return SimpleNamespace(path=None, sha256="")

    store: Any = SimpleNamespace(resolve_model=resolve_model)
    return Machine(store, lambda: pytest.fail("opened"), lambda: analyser)


def test_with_everything_here_both_sliders_are_offered() -> None:
    offer = ENGINE.offer(machine())
    assert offer.missing == ""
    assert {option.key for option in offer.options} == {"smile", "age"}


@pytest.mark.parametrize("network", ["finder", "mesh"])
def test_without_finder_or_mesh_there_is_no_engine(network: str) -> None:
    assert ENGINE.offer(machine(network)).missing == f"{network} is not here."


def test_without_the_parser_it_only_does_less() -> None:
    offer = ENGINE.offer(machine("parser"))
    assert offer.missing == ""
    assert offer.absent == ("grey hair, and skin told from what covers it",)


def test_where_little_can_change_it_says_so() -> None:
    face = Face.from_dict(stored_face())
    assert ENGINE.check(face) == []
    speaking = replace(face, hints=Hints(mouth=0.3))
    assert [notice.code for notice in ENGINE.check(speaking)] == ["mouth_open"]
    turned = replace(face, pose=Pose(-45.0, 0.0, 0.0))
    assert [notice.code for notice in ENGINE.check(turned)] == ["face_turned_away"]


def test_the_sites_own_recogniser_judges_where_there_is_one(builtin_analyser: Any) -> None:
    engine = ENGINE.load(machine(analyser=builtin_analyser))
    assert engine.analyser is builtin_analyser
