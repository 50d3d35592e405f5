"""The built-in engine as a whole, with its networks."""

from typing import Any

import cv2
import numpy as np
import pytest

from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.errors import FaceError
from models.refusals import Refusal
from swaps.engines.base import Source, Target
from swaps.engines.builtin import ENGINE, OPTIONS
from swaps.engines.builtin.engine import BuiltinSwapEngine
from tests.swaps.engines.portraits import masked, portrait


@pytest.fixture(scope="module")
def engine(builtin_analyser: BuiltinAnalyser) -> BuiltinSwapEngine:
    return BuiltinSwapEngine(builtin_analyser)


def found(engine: BuiltinSwapEngine, image: np.ndarray) -> Any:
    return engine.analyser.find_faces(image)[0]


def test_the_result_is_the_source_rather_than_the_target(engine: BuiltinSwapEngine) -> None:
    target, source = portrait("hopper").image, portrait("astronaut").image
    face, new = found(engine, target), found(engine, source)
    before = target.copy()
    strangers = engine.analyser.similarity(
        engine.analyser.embed(target, face), engine.analyser.embed(source, new)
    )
    stages: list[tuple[str, float]] = []
    result = engine.run(
        target, [Source(source, new)], [Target(face)], None, lambda *at: stages.append(at)
    )
    outcome = result.outcomes[0]
    assert outcome.similarity_to_source is not None
    assert outcome.similarity_to_target is not None
    assert outcome.similarity_to_source > strangers + 0.15
    assert outcome.similarity_to_target < 0.7
    assert (target == before).all()
    x1, y1, x2, y2 = result.touched[0]
    outside = np.ones(target.shape[:2], bool)
    outside[y1:y2, x1:x2] = False
    assert (result.image[outside] == target[outside]).all()
    assert next(stage for stage, _ in stages) == "prepare"
    assert stages[-1] == ("measure", 1.0)


def test_one_session_serves_many_frames_alike(engine: BuiltinSwapEngine) -> None:
    target, source = portrait("hopper").image, portrait("astronaut").image
    face = found(engine, target)
    session = engine.prepare([Source(source, found(engine, source))])
    first = session.apply(target, [Target(face)], measure=False)
    again = session.apply(target, [Target(face)], measure=False)
    assert (first.image == again.image).all()
    assert first.outcomes[0].similarity_to_source is None
    untouched = session.apply(target, [])
    assert (untouched.image == target).all()


def test_further_photos_of_another_person_are_left_out(engine: BuiltinSwapEngine) -> None:
    source, other = portrait("astronaut").image, portrait("hopper").image
    brighter = cv2.convertScaleAbs(source, alpha=1.1)
    more = tuple((image, (found(engine, image),)) for image in (other, brighter))
    result = engine.run(
        other, [Source(source, found(engine, source), more)], [Target(found(engine, other))]
    )
    assert result.outcomes[0].left_out == (0,)


def test_a_masked_source_is_refused(engine: BuiltinSwapEngine) -> None:
    target, source = portrait("hopper").image, masked(portrait("astronaut")).image
    with pytest.raises(FaceError) as refusal:
        engine.run(target, [Source(source, found(engine, source))], [Target(found(engine, target))])
    assert refusal.value.code == "source_occluded"


def test_an_option_that_is_not_offered_is_refused(engine: BuiltinSwapEngine) -> None:
    source = portrait("astronaut").image
    with pytest.raises(Refusal):
        engine.prepare([Source(source, found(engine, source))], {"enhance": True})


def test_without_finder_or_mesh_there_is_no_engine(tmp_path: Any) -> None:
    from models.engines import Machine
    from models.store import WeightStore

    def nothing() -> Any:
        raise AssertionError("an offer opens no network")

    offer = ENGINE.offer(Machine(WeightStore.open(tmp_path), nothing, nothing))
    assert offer.missing
    assert not offer.takes_several
    assert {need.card for need in offer.needs if need.is_required} == {"finder", "mesh"}


def test_the_schema_holds_what_a_person_may_choose() -> None:
    assert OPTIONS.defaults() == {
        "expression": "source",
        "shape": 95,
        "colour": "class",
        "blend": "multiband",
    }
