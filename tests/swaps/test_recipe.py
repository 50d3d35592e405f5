"""A recipe is small, validated data that survives JSON."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceweb.core.words import sentence_of
from swaps.recipe import MAX_FACES, MAX_SOURCES, FaceMapping, RecipeError, SwapRecipe

mappings = st.lists(
    st.builds(
        FaceMapping,
        target_face=st.integers(0, 50),
        source=st.uuids(),
        source_face=st.integers(0, 50),
        more_sources=st.lists(st.uuids(), max_size=MAX_SOURCES - 1, unique=True).map(tuple),
    ).filter(lambda face: face.source not in face.more_sources),
    min_size=1,
    max_size=4,
    unique_by=lambda face: face.target_face,
)


options = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.booleans()
    | st.integers(-100, 100)
    | st.sampled_from(["", "natural", "256"])
    | st.sampled_from([(), ("hull",), ("hull", "regions")])
    | st.none(),
    max_size=4,
)


@given(st.uuids(), mappings, options)
def test_a_recipe_comes_back_from_json_as_it_went(target, faces, told):
    recipe = SwapRecipe(target, tuple(faces), told)
    assert SwapRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_sources_are_named_once_in_order_of_use():
    first, second = uuid4(), uuid4()
    recipe = SwapRecipe(
        uuid4(),
        (FaceMapping(0, second, 0), FaceMapping(1, first, 0), FaceMapping(2, second, 1)),
    )
    assert recipe.sources == (second, first)


def test_further_photos_of_a_person_are_sources_that_need_not_show_a_face():
    target, first, second = uuid4(), uuid4(), uuid4()
    recipe = SwapRecipe(target, (FaceMapping(0, first, 0, (second,)),))
    assert recipe.sources == (first, second)
    assert recipe.must_show_a_face == {target, first}


@pytest.mark.parametrize(
    ("more", "code"),
    [(1, "source_twice"), (MAX_SOURCES, "too_many_sources")],
)
def test_the_photos_of_one_person_are_different_ones_and_bounded(more, code):
    source = uuid4()
    further = (source,) if more == 1 else tuple(uuid4() for _ in range(more))
    with pytest.raises(RecipeError) as caught:
        SwapRecipe(uuid4(), (FaceMapping(0, source, 0, further),))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("faces", "code"),
    [
        ([], "nothing_mapped"),
        ([(0, 0), (0, 1)], "face_mapped_twice"),
        ([(number, 0) for number in range(MAX_FACES + 1)], "too_many_faces"),
    ],
)
def test_what_cannot_be_asked_for_has_a_code_and_a_sentence(faces, code):
    source = uuid4()
    with pytest.raises(RecipeError) as caught:
        SwapRecipe(uuid4(), tuple(FaceMapping(t, source, s) for t, s in faces))
    assert caught.value.code == code
    assert sentence_of(caught.value.code, caught.value.params).endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        {"version": 2},
        {"target": "not-a-uuid", "mapping": []},
        {
            "target": str(uuid4()),
            "mapping": [{"target_face": -1, "source": str(uuid4()), "source_face": 0}],
        },
        {"target": str(uuid4()), "mapping": "abc"},
        {"target": str(uuid4()), "mapping": [{"target_face": "x"}]},
        {"target": str(uuid4()), "mapping": None},
        {
            "target": str(uuid4()),
            "mapping": [
                {"target_face": 0, "source": str(uuid4()), "source_face": 0, "more_sources": "x"}
            ],
        },
        {
            "target": str(uuid4()),
            "mapping": [{"target_face": float("inf"), "source": str(uuid4()), "source_face": 0}],
        },
        {
            "target": str(uuid4()),
            "mapping": [{"target_face": 0, "source": str(uuid4()), "source_face": 0}],
            "options": {"strength": {"how": "much"}},
        },
    ],
)
def test_malformed_data_is_refused_not_raised(data):
    with pytest.raises(RecipeError) as caught:
        SwapRecipe.from_dict({"version": 1, **data})
    assert caught.value.code == "malformed"
