"""An edit's recipe is small, validated data that survives JSON."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editing.engines.base import AGE, SMILE, YEARS, slider
from editing.recipe import EditRecipe
from faceweb.work.kinds.recipes import RecipeError
from models.options import OptionSchema
from models.refusals import Refusal

SCHEMA = OptionSchema((SMILE, AGE, YEARS, slider("pose", "Pose")))
percents = st.integers(-100, 100)


@given(st.uuids(), st.integers(0, 50), percents, percents)
def test_a_recipe_comes_back_from_json_as_it_went(photo, face, smile, age):
    recipe = EditRecipe(photo, face, {"smile": smile, "age": age, "pose": 20})
    assert EditRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_engine_gets_shares_of_one():
    request = EditRecipe(uuid4(), 0, {"smile": 50, "age": -25, "pose": 10}).request(SCHEMA)
    assert (request.smile, request.age, request.others) == (0.5, -0.25, {"pose": 0.1})


def test_an_age_in_years_takes_the_place_of_a_strength():
    request = EditRecipe(uuid4(), 0, {"smile": 50, "age": 20, "target_age": 40}).request(SCHEMA)
    assert (request.smile, request.age, request.target_age) == (0.5, 0.0, 40)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "nothing_asked"),
        ({"smile": 0, "age": 0}, "nothing_asked"),
        ({"smile": 101}, "option_out_of_range"),
        ({"age": -101}, "option_out_of_range"),
        ({"target_age": 500}, "option_out_of_range"),
        ({"hat": 20}, "option_missing"),
        ({"smile": "broad"}, "option_unknown_value"),
    ],
)
def test_what_cannot_be_asked_for_has_a_code(asked, code):
    with pytest.raises((Refusal, RecipeError)) as caught:
        EditRecipe(uuid4(), 0, asked).request(SCHEMA)
    error: Any = caught.value
    assert error.code == code


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"version": 2, "photo": str(uuid4()), "face": 0},
        {"photo": "x", "face": 0, "smile": 10},
        {"photo": str(uuid4()), "face": -1, "smile": 10},
        {"photo": str(uuid4()), "face": 0, "options": {"smile": {"how": "much"}}},
        {"photo": str(uuid4()), "face": 0, "options": 3},
        {"photo": str(uuid4()), "face": float("inf")},
    ],
)
def test_malformed_data_is_refused_not_raised(data):
    with pytest.raises(RecipeError) as caught:
        EditRecipe.from_dict({"version": 1, **data})
    assert caught.value.code == "malformed"
