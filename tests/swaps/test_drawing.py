"""How a face is drawn: validated, kept, offered only where it can be done."""

import json

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from faceweb.work.recipes import RecipeError
from swaps.drawing import DETAILS, FACE_PARTS, MASKS, PARTS, Drawing
from swaps.engines.neural_loader import NeuralOffers
from swaps.forms import StudioState
from swaps.settings_panel import panel_open

EVERYTHING = NeuralOffers(
    (128, 256, 512, 1024), masks=frozenset({"box", "hull", "regions", "occlusion"}), enhancer=True
)
BARE = NeuralOffers((128, 256), absent=("the enhancer", "single parts of the face"))

drawings = st.builds(
    Drawing,
    strength=st.integers(10, 100),
    detail=st.none() | st.sampled_from(DETAILS),
    masks=st.none() | st.frozensets(st.sampled_from(MASKS)),
    parts=st.frozensets(st.sampled_from(sorted(PARTS)), min_size=1),
    enhance=st.integers(0, 100),
)


@given(drawings)
def test_it_comes_back_from_json_and_from_the_address(drawing: Drawing) -> None:
    drawing.check()
    assert Drawing.from_dict(json.loads(json.dumps(drawing.to_dict()))) == drawing
    state = StudioState.from_query(QueryDict(StudioState(drawing=drawing).query()))
    # Parts mean nothing without boxes, and travel with them.
    expected = drawing.parts if drawing.masks is not None else FACE_PARTS
    assert (state.drawing.masks, state.drawing.parts) == (drawing.masks, expected)
    assert (state.drawing.strength, state.drawing.detail, state.drawing.enhance) == (
        drawing.strength,
        drawing.detail,
        drawing.enhance,
    )


def test_the_default_leaves_no_trace_in_the_address() -> None:
    assert StudioState().query() == ""


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Drawing(strength=0), "strength_range"),
        (Drawing(strength=101), "strength_range"),
        (Drawing(enhance=-1), "enhance_range"),
        (Drawing(enhance=101), "enhance_range"),
        (Drawing(detail=384), "unknown_detail"),
        (Drawing(masks=frozenset({"magic"})), "unknown_mask"),  # type: ignore[arg-type]
        (Drawing(parts=frozenset({"ear"})), "unknown_mask"),  # type: ignore[arg-type]
        (Drawing(masks=frozenset({"regions"}), parts=frozenset()), "no_part"),
    ],
)
def test_what_cannot_be_drawn_has_a_code_and_a_sentence(wrong: Drawing, code: str) -> None:
    with pytest.raises(RecipeError) as caught:
        wrong.check()
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        {"strength": "much"},
        {"masks": "hull"},
        {"parts": [1]},
        {"detail": []},
        {"speed": 3},
        {"enhance": None},
    ],
)
def test_malformed_json_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Drawing.from_dict(data)


@pytest.mark.parametrize(
    "query",
    ["strength=x&enhance=-3&detail=7&mask=magic&part=ear", "strength=99999&detail=%00&enhance=٣"],
)
def test_an_address_that_cannot_be_read_has_the_defaults(query: str) -> None:
    drawing = StudioState.from_query(QueryDict(query)).drawing
    assert (drawing.strength, drawing.enhance, drawing.detail) == (100, 0, None)


def test_boxes_that_are_not_ticked_are_a_choice() -> None:
    drawing = StudioState.from_query(QueryDict("mask=box")).drawing
    assert (drawing.masks, drawing.parts) == (frozenset(), frozenset())
    assert drawing.options().masks == frozenset({"box"})
    assert Drawing().options().masks is None


def test_it_tells_the_engine_in_the_engines_words() -> None:
    options = Drawing(
        strength=70,
        detail=256,
        masks=frozenset({"regions"}),
        parts=frozenset({"brows", "nose"}),
        enhance=40,
    ).options()
    assert (options.strength, options.boost_px, options.enhance) == (0.7, 256, 0.4)
    assert options.masks == frozenset({"box", "regions"})
    assert options.regions == {"left_brow", "right_brow", "nose"}


def test_what_a_site_does_not_offer_is_dropped_on_its_page_and_refused_when_asked() -> None:
    asked = Drawing(strength=50, detail=512, masks=frozenset({"hull", "occlusion"}), enhance=30)
    asked.check_offers(EVERYTHING)
    assert asked.fitted(EVERYTHING) == asked
    assert asked.fitted(BARE) == Drawing(strength=50, masks=frozenset())
    assert asked.fitted(None) == Drawing()
    for offers in (BARE, None):
        with pytest.raises(RecipeError) as caught:
            asked.check_offers(offers)
        assert caught.value.code == "option_missing"
        assert caught.value.way_on
    with pytest.raises(RecipeError):
        Drawing(strength=50).check_offers(NeuralOffers((256,), steerable=False))
    Drawing().check_offers(None)


def test_the_panel_shows_what_is_offered_and_names_what_is_not() -> None:
    full = panel_open(Drawing(detail=256), EVERYTHING)
    assert full.strength is not None
    assert full.enhance is not None
    assert [tick.value for tick in full.details if tick.is_chosen] == ["256"]
    assert [(tick.value, tick.is_chosen) for tick in full.masks] == [
        ("occlusion", True),
        ("hull", False),
        ("regions", False),
    ]
    assert {tick.value for tick in full.parts if tick.is_chosen} == FACE_PARTS
    assert full.absent == ""

    bare = panel_open(Drawing(), BARE)
    assert bare.enhance is None
    assert bare.masks == bare.parts == ()
    assert bare.absent == "the enhancer and single parts of the face"
    fixed = panel_open(Drawing(), NeuralOffers((512,), steerable=False))
    assert fixed.strength is None
    assert fixed.details == ()
