"""A recipe is small, validated data that survives JSON."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaps.recipe import MAX_FACES, FaceMapping, RecipeError, SwapRecipe

mappings = st.lists(
    st.builds(
        FaceMapping,
        target_face=st.integers(0, 50),
        source=st.uuids(),
        source_face=st.integers(0, 50),
    ),
    min_size=1,
    max_size=MAX_FACES,
    unique_by=lambda face: face.target_face,
)


@given(st.uuids(), mappings, st.sampled_from(["multiband", "poisson", "alpha"]))
def test_a_recipe_comes_back_from_json_as_it_went(target, faces, blend):
    recipe = SwapRecipe(target, tuple(faces), blend)
    assert SwapRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_sources_are_named_once_in_order_of_use():
    first, second = uuid4(), uuid4()
    recipe = SwapRecipe(
        uuid4(),
        (FaceMapping(0, second, 0), FaceMapping(1, first, 0), FaceMapping(2, second, 1)),
    )
    assert recipe.sources == (second, first)


@pytest.mark.parametrize(
    ("faces", "blend", "code"),
    [
        ([], "multiband", "nothing_mapped"),
        ([(0, 0), (0, 1)], "multiband", "face_mapped_twice"),
        ([(0, 0)], "magic", "unknown_blend"),
        ([(number, 0) for number in range(MAX_FACES + 1)], "multiband", "too_many_faces"),
    ],
)
def test_what_cannot_be_asked_for_has_a_code_and_a_sentence(faces, blend, code):
    source = uuid4()
    with pytest.raises(RecipeError) as caught:
        SwapRecipe(uuid4(), tuple(FaceMapping(t, source, s) for t, s in faces), blend)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"target": "not-a-uuid", "mapping": []},
        {
            "target": str(uuid4()),
            "mapping": [{"target_face": -1, "source": str(uuid4()), "source_face": 0}],
        },
        {"target": str(uuid4()), "mapping": "abc"},
        {"target": str(uuid4()), "mapping": [{"target_face": "x"}]},
        {"target": str(uuid4()), "mapping": None},
    ],
)
def test_malformed_data_is_refused_not_raised(data):
    with pytest.raises(RecipeError) as caught:
        SwapRecipe.from_dict(data)
    assert caught.value.code == "malformed"
