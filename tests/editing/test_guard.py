"""The guard delivers the strongest version that passes, whatever the similarity does."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from editing.guard import MIN_SHARE, GuardResult, guard
from models.pixels.imaging import Image

Curve = Callable[[float], float | None]

CURVES: dict[str, Curve] = {
    "falling": lambda share: 1 - 0.5 * share,
    "bumpy": lambda share: 0.8 + 0.15 * math.cos(12 * share),
    "all above": lambda share: 0.9,
    "all below": lambda share: 0.7,
    "unknown when strong": lambda share: None if share > 0.6 else 0.85,
}


class Recorder:
    """An edit whose image holds its strength, judged by a curve over the share of the asked one."""

    def __init__(self, asked: float, curve: Curve) -> None:
        self.asked, self.curve = asked, curve
        self.batches: list[list[float]] = []
        self.judged: dict[float, float | None] = {}

    def edit(self, strengths: Sequence[float]) -> list[Image]:
        self.batches.append(list(strengths))
        return [
            np.array([strength], np.float64).view(np.uint8).reshape(1, 8, 1)
            for strength in strengths
        ]

    def similarity(self, image: Image) -> float | None:
        strength = float(np.ascontiguousarray(image).reshape(8).view(np.float64)[0])
        self.judged[strength] = self.curve(strength / self.asked)
        return self.judged[strength]

    def run(self, **options: float) -> GuardResult:
        return guard(self.edit, self.similarity, self.asked, **options)  # type: ignore[arg-type]

    @property
    def made(self) -> list[float]:
        return [strength for batch in self.batches for strength in batch]


def check_invariants(recorder: Recorder, result: GuardResult, threshold: float) -> None:
    passed = [s for s, v in recorder.judged.items() if v is not None and v >= threshold]
    best = max(passed, key=abs, default=0.0)
    assert result.applied == best
    assert result.evaluations == len(recorder.made) <= 8
    assert all(0 < made / recorder.asked <= 1 for made in recorder.made)
    assert {point.strength: point.similarity for point in result.curve} == recorder.judged
    # Nothing stronger than what is delivered was made without being judged.
    assert all(made in recorder.judged for made in recorder.made if abs(made) >= abs(best) > 0)
    if passed:
        assert result.image is not None
        assert result.similarity == recorder.judged[best]
        assert result.similarity is not None and result.similarity >= threshold
        assert result.verdict == ("applied" if best == recorder.asked else "reduced")
    else:
        assert (result.image, result.similarity) == (None, None)
        assert result.verdict in ("none", "unsure")


@pytest.mark.parametrize("asked", [1.0, -0.6, 0.25])
@pytest.mark.parametrize("name", CURVES)
def test_the_best_version_judged_is_delivered(name: str, asked: float) -> None:
    recorder = Recorder(asked, CURVES[name])
    check_invariants(recorder, recorder.run(), 0.8)


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1, 1)), min_size=1, max_size=20),
    asked=st.floats(0.01, 1).flatmap(lambda value: st.sampled_from([value, -value])),
    threshold=st.floats(0.05, 1),
    most=st.integers(1, 8),
)
def test_any_curve_at_all(
    values: list[float | None], asked: float, threshold: float, most: int
) -> None:
    def curve(share: float) -> float | None:
        return values[min(int(share * len(values)), len(values) - 1)]

    recorder = Recorder(asked, curve)
    result = recorder.run(threshold=threshold, max_evaluations=most)
    check_invariants(recorder, result, threshold)
    assert result.evaluations <= most


@given(cut=st.floats(0.05, 1))
def test_a_falling_curve_is_followed_to_its_crossing(cut: float) -> None:
    recorder = Recorder(1.0, lambda share: 0.9 if share <= cut else 0.5)
    result = recorder.run()
    if cut >= 0.25 or result.applied:
        assert 0 <= cut - result.applied <= 0.02 + 1e-9
    else:
        assert cut < 2 * MIN_SHARE


def test_the_grid_is_one_batch_and_an_accepted_wish_needs_no_more() -> None:
    recorder = Recorder(1.0, CURVES["all above"])
    result = recorder.run()
    assert recorder.batches == [[1.0, 0.75, 0.5, 0.25]]
    assert result.verdict == "applied"
    assert recorder.judged == {1.0: 0.9}


def test_asking_for_nothing_makes_nothing() -> None:
    recorder = Recorder(1.0, CURVES["all above"])
    result = guard(recorder.edit, recorder.similarity, 0.0)
    assert recorder.batches == []
    assert (result.image, result.applied, result.verdict) == (None, 0.0, "none")


def test_what_cannot_be_judged_is_unsure_and_not_sought_further() -> None:
    recorder = Recorder(1.0, lambda share: None)
    result = recorder.run()
    assert (result.verdict, result.image) == ("unsure", None)
    # Where nothing on the grid can be judged, one much weaker version is tried and no more.
    assert recorder.made == [1.0, 0.75, 0.5, 0.25, 0.125]


def test_not_a_number_never_passes() -> None:
    assert Recorder(1.0, lambda share: math.nan).run().verdict == "unsure"


def test_an_edit_that_drops_versions_is_an_error() -> None:
    with pytest.raises(ValueError, match="4 versions were asked for, 1 were made"):
        guard(lambda strengths: [np.zeros((1, 1, 3), np.uint8)], lambda image: 1.0, 1.0)


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (math.nan, {}),
        (1.0, {"threshold": 0.0}),
        (1.0, {"threshold": 1.1}),
        (1.0, {"max_evaluations": 0}),
    ],
)
def test_senseless_arguments_are_refused(asked: float, options: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        guard(lambda strengths: [], lambda image: 1.0, asked, **options)  # type: ignore[arg-type]


def test_what_is_given_out_is_judged_as_it_is_given_out() -> None:
    recorder = Recorder(1.0, lambda share: 1 - 0.2 * share)
    finished: list[float] = []

    def finish(image: Image) -> Image:
        # Marks and encoding cost a twentieth, here as if the edit had been stronger.
        strength = float(np.ascontiguousarray(image).reshape(8).view(np.float64)[0]) * 1.05
        finished.append(strength)
        return np.array([strength], np.float64).view(np.uint8).reshape(1, 8, 1)

    result = guard(recorder.edit, recorder.similarity, 1.0, finish=finish)
    assert len(finished) == 2
    assert result.applied == pytest.approx(0.85)
    assert result.similarity == pytest.approx(1 - 0.2 * 0.85 * 1.05)
    assert result.verdict == "reduced"


def test_where_marks_always_cost_too_much_nothing_is_given_out() -> None:
    recorder = Recorder(1.0, lambda share: 0.9 if share <= 1 else 0.1)
    result = guard(
        recorder.edit,
        recorder.similarity,
        1.0,
        finish=lambda image: np.array([2.0]).view(np.uint8).reshape(1, 8, 1),
    )
    assert (result.verdict, result.image, result.similarity) == ("none", None, None)


def test_less_than_a_tenth_of_what_was_asked_is_not_given_out() -> None:
    assert Recorder(1.0, lambda share: 0.9 if share < 0.1 else 0.1).run().verdict == "none"
