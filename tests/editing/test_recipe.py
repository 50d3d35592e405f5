"""An edit's recipe is small, validated data that survives JSON."""

import json
from uuid import uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from editing.recipe import EditRecipe
from faceweb.work.kinds.recipes import RecipeError

percents = st.integers(-100, 100)


@given(st.uuids(), st.integers(0, 50), percents, percents)
def test_a_recipe_comes_back_from_json_as_it_went(photo, face, smile, age):
    assume(smile or age)
    recipe = EditRecipe(photo, face, smile, age, others={"pose": 20})
    assert EditRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_engine_gets_shares_of_one():
    request = EditRecipe(uuid4(), 0, smile=50, age=-25, others={"pose": 10}).request()
    assert (request.smile, request.age, request.others) == (0.5, -0.25, {"pose": 0.1})


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "nothing_asked"),
        ({"smile": 101}, "out_of_range"),
        ({"age": -101}, "out_of_range"),
        ({"age": 20, "target_age": 40}, "out_of_range"),
        ({"target_age": 500}, "out_of_range"),
    ],
)
def test_what_cannot_be_asked_for_has_a_code_and_a_sentence(asked, code):
    with pytest.raises(RecipeError) as caught:
        EditRecipe(uuid4(), 0, **asked)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"photo": "x", "face": 0, "smile": 10},
        {"photo": str(uuid4()), "face": -1, "smile": 10},
        {"photo": str(uuid4()), "face": 0, "smile": "much"},
        {"photo": str(uuid4()), "face": 0, "others": 3},
    ],
)
def test_malformed_data_is_refused_not_raised(data):
    with pytest.raises(RecipeError) as caught:
        EditRecipe.from_dict(data)
    assert caught.value.code == "malformed"
