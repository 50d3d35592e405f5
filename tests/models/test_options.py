"""The schema of an engine's options: what is valid, what is made of it, what comes back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.options import (
    BoolOption,
    ChoiceOption,
    FloatOption,
    IntOption,
    Item,
    Option,
    OptionSchema,
    SetOption,
    Values,
    When,
    values_from_json,
    values_to_json,
)
from models.refusals import Refusal

PARTS = ("skin", "brows", "nose", "glasses")
SCHEMA = OptionSchema(
    (
        IntOption(key="strength", label="Strength", low=10, high=100, default=100, unit="%"),
        IntOption(key="years", label="Years", low=1, high=120, default=None),
        FloatOption(key="soft", label="Softness", low=0.0, high=2.0, default=0.5),
        BoolOption(key="grain", label="Grain", default=True),
        ChoiceOption(
            key="detail",
            label="Detail",
            items=tuple(Item(side, side) for side in ("128", "256")),
            default="128",
        ),
        SetOption(
            key="mask",
            label="Mask",
            items=(Item("front", "In front"), Item("parts", "Parts")),
            default=("front",),
        ),
        SetOption(
            key="part",
            label="Part",
            items=tuple(Item(part, part) for part in PARTS),
            default=("skin", "nose"),
            least=1,
            when=When("mask", ("parts",)),
        ),
    )
)


def in_order(names: set[str]) -> tuple[str, ...]:
    return tuple(part for part in PARTS if part in names)


whole = st.fixed_dictionaries(
    {
        "strength": st.integers(10, 100),
        "years": st.none() | st.integers(1, 120),
        "soft": st.integers(0, 200).map(lambda hundredths: hundredths / 100),
        "grain": st.booleans(),
        "detail": st.sampled_from(["128", "256"]),
        "mask": st.sampled_from([(), ("front",), ("parts",), ("front", "parts")]),
        "part": st.sets(st.sampled_from(PARTS), min_size=1).map(in_order),
    }
)


def texts(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    sent: dict[str, list[str]] = {}
    for key, text in pairs:
        sent.setdefault(key, []).append(text)
    return sent


@given(whole)
def test_values_come_back_from_json_and_from_an_address(values: Values) -> None:
    assert SCHEMA.check(values) == values
    assert SCHEMA.fit(values) == values
    kept = json.loads(json.dumps(values_to_json(SCHEMA.changed(values))))
    assert SCHEMA.check(values_from_json(kept)) == values
    assert SCHEMA.parse(texts(SCHEMA.pairs(values))) == values


def test_what_nobody_changed_leaves_no_trace() -> None:
    assert SCHEMA.changed(SCHEMA.defaults()) == {}
    assert SCHEMA.pairs(SCHEMA.defaults()) == []
    assert SCHEMA.parse({}) == SCHEMA.check({}) == SCHEMA.defaults()


@pytest.mark.parametrize(
    ("given_", "code", "named"),
    [
        ({"speed": 3}, "option_missing", "speed"),
        ({"strength": 9}, "option_out_of_range", "Strength"),
        ({"strength": 101}, "option_out_of_range", "Strength"),
        ({"strength": 50.0}, "option_unknown_value", "Strength"),
        ({"strength": True}, "option_unknown_value", "Strength"),
        ({"strength": None}, "option_unknown_value", "Strength"),
        ({"years": 0}, "option_out_of_range", "Years"),
        ({"soft": 2.01}, "option_out_of_range", "Softness"),
        ({"soft": float("nan")}, "option_out_of_range", "Softness"),
        ({"soft": 10**400}, "option_out_of_range", "Softness"),
        ({"soft": "much"}, "option_unknown_value", "Softness"),
        ({"grain": 1}, "option_unknown_value", "Grain"),
        ({"detail": "384"}, "option_unknown_value", "Detail"),
        ({"mask": "front"}, "option_unknown_value", "Mask"),
        ({"mask": ("magic",)}, "option_unknown_value", "Mask"),
        ({"mask": [["front"]]}, "option_unknown_value", "Mask"),
        ({"mask": ("parts",), "part": ()}, "option_nothing_chosen", "Part"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(
    given_: dict[str, Any], code: str, named: str
) -> None:
    with pytest.raises(Refusal) as refused:
        SCHEMA.check(given_)
    assert (refused.value.code, refused.value.params["option"]) == (code, named)


def test_a_set_that_means_nothing_may_be_empty() -> None:
    assert SCHEMA.check({"mask": ("front",), "part": ()})["part"] == ()
    assert not SCHEMA.is_shown(SCHEMA["part"], SCHEMA.defaults())
    assert SCHEMA.is_shown(SCHEMA["part"], {"mask": ("front", "parts")})


def test_old_values_are_fitted_to_a_smaller_offer() -> None:
    small = OptionSchema(
        (
            IntOption(key="strength", label="Strength", low=50, high=80, default=60),
            ChoiceOption(key="detail", label="Detail", items=(Item("512", "512"),), default="512"),
            SetOption(key="mask", label="Mask", items=(Item("parts", "Parts"),)),
        )
    )
    asked: Values = {
        "strength": 100, "detail": "256", "mask": ("front", "parts"), "grain": False,
    }  # fmt: skip
    assert small.fit(asked) == {"strength": 80, "detail": "512", "mask": ("parts",)}
    assert small.fit({"strength": "much", "mask": 3}) == {
        "strength": 60, "detail": "512", "mask": (),
    }  # fmt: skip
    assert SCHEMA.fit({"mask": ("parts",), "part": ("ear",)})["part"] == ("skin", "nose")
    assert SCHEMA.fit({"soft": 10**400})["soft"] == 2.0
    assert SCHEMA.fit({"soft": float("inf"), "mask": [["front"]]}) == {
        **SCHEMA.defaults(), "mask": (),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"), [(1.0, "1.0"), (1e-6, "0.000001"), (1 / 3, "0.333333")]
)
def test_a_number_is_written_as_it_can_be_read(number: float, text: str) -> None:
    assert SCHEMA["soft"].texts(number) == (text,)
    assert SCHEMA["soft"].parse([text]) == pytest.approx(number, abs=1e-6)


@pytest.mark.parametrize(
    ("sent", "key", "value"),
    [
        ({"strength": ["x"]}, "strength", 100),
        ({"strength": ["5"]}, "strength", 10),
        ({"strength": ["99999"]}, "strength", 100),
        ({"strength": ["٣"]}, "strength", 100),
        ({"strength": ["20", "30"]}, "strength", 30),
        ({"years": [""]}, "years", None),
        ({"years": ["500"]}, "years", 120),
        ({"soft": ["1.5"]}, "soft", 1.5),
        ({"soft": ["."]}, "soft", 0.5),
        ({"grain": ["0"]}, "grain", False),
        ({"grain": ["0", "1"]}, "grain", True),
        ({"grain": ["maybe"]}, "grain", True),
        ({"detail": ["384"]}, "detail", "128"),
        ({"mask": [""]}, "mask", ()),
        ({"mask": ["", "parts", "magic"]}, "mask", ("parts",)),
        ({"mask": ["parts", "front"]}, "mask", ("front", "parts")),
    ],
)
def test_a_form_is_read_leniently(sent: dict[str, list[str]], key: str, value: object) -> None:
    assert SCHEMA.parse({**sent, "unknown": ["x"]})[key] == value


def test_a_schema_that_makes_no_sense_cannot_be_written() -> None:
    strength = IntOption(key="strength", label="Strength", low=0, high=1, default=0)
    for wrong in (
        lambda: IntOption(key="target", label="Target", low=0, high=1, default=0),
        lambda: IntOption(key="Strength", label="Strength", low=0, high=1, default=0),
        lambda: ChoiceOption(key="a", label="A", items=(Item("x", "X"),), default="y"),
        lambda: SetOption(
            key="a", label="A", items=(Item("x", "X"), Item("y", "Y")), default=("y", "x")
        ),
        lambda: OptionSchema((strength, strength)),
        lambda: OptionSchema((BoolOption(key="a", label="A", when=When("b", (True,))),)),
    ):
        with pytest.raises((ValueError, Refusal)):
            wrong()


def test_every_kind_of_option_has_a_default_that_is_valid() -> None:
    option: Option
    for option in SCHEMA:
        assert option.check(option.initial) == option.initial
        assert option.parse(option.texts(option.initial)) == option.initial


def test_json_of_another_kind_is_no_value() -> None:
    with pytest.raises(TypeError):
        values_from_json({"strength": {"how": "much"}})
    with pytest.raises(TypeError):
        values_from_json({"mask": [1]})
