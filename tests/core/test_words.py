"""The catalogue of words, and the refusals whose words it holds."""

import ast
import pickle
from pathlib import Path

import pytest
from django.utils.translation import gettext_lazy, ngettext_lazy, override

from faceweb.core import words
from faceweb.core.words import (
    Words,
    placeholders_of,
    refusal_answer,
    refusal_headers,
    refusal_text,
    remedy_of,
    sentence_of,
    status_of,
    words_register,
)
from models.refusals import JSON, Refusal

ROOT = Path(__file__).resolve().parent.parent.parent


class Smaller(Refusal):
    """A refusal that is caught apart."""


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_catalogue", dict(words._catalogue))
    words_register(
        {
            "test_small": Words(
                gettext_lazy("This face is %(width)s pixels wide, 100 %% too few."),
                gettext_lazy("Use one of %(least)s."),
                422,
            ),
            "test_count": Words(
                ngettext_lazy("%(count)s job waits.", "%(count)s jobs wait.", "count")
            ),
            "test_needs": Words("This needs %(parts)s."),
            "test_part": Words("the hair"),
        }
    )


def test_a_refusal_holds_a_code_and_parameters_and_survives_pickling() -> None:
    refusal = Smaller("face_too_small", width=31)
    again = pickle.loads(pickle.dumps(refusal))
    assert type(again) is Smaller
    assert (again.code, again.params) == ("face_too_small", {"width": 31})
    assert str(again) == "face_too_small (width=31)"
    assert again.to_dict() == {"code": "face_too_small", "params": {"width": 31}}


def test_a_sentence_is_filled_with_its_parameters_when_it_is_shown(catalogue: None) -> None:
    params = {"width": 31, "least": 5000}
    assert sentence_of("test_small", params) == "This face is 31 pixels wide, 100 % too few."
    assert remedy_of("test_small", params) == "Use one of 5,000."
    assert status_of("test_small") == 422
    assert refusal_text(Refusal("test_small", **params)).endswith("too few. Use one of 5,000.")
    assert refusal_answer(Refusal("test_part")) == {
        "code": "test_part",
        "sentence": "the hair",
        "remedy": "",
    }


def test_a_plural_counts_by_its_parameter(catalogue: None) -> None:
    assert sentence_of("test_count", {"count": 1}) == "1 job waits."
    assert sentence_of("test_count", {"count": 1200}) == "1,200 jobs wait."
    assert sentence_of("test_count", {}) == "… jobs wait."
    assert placeholders_of(words.words_registered()["test_count"].sentence) == {"count"}


def test_a_parameter_may_be_a_code_or_a_list(catalogue: None) -> None:
    assert sentence_of("test_needs", {"parts": {"code": "test_part"}}) == "This needs the hair."
    assert sentence_of("test_needs", {"parts": ["a", {"code": "test_part"}]}) == (
        "This needs a, the hair."
    )


def test_numbers_are_written_as_the_reader_writes_them(catalogue: None) -> None:
    with override("de"):
        assert "5.000" in remedy_of("test_small", {"width": 31, "least": 5000})


def test_an_unknown_code_or_a_lost_parameter_never_breaks_a_page(catalogue: None) -> None:
    assert sentence_of("test_nobody_knows") == "Something went wrong on our side."
    assert status_of("test_nobody_knows") == 500
    assert sentence_of("test_small", {}) == "This face is … pixels wide, 100 % too few."


def test_two_slices_cannot_give_one_code_two_meanings(catalogue: None) -> None:
    with pytest.raises(ValueError, match="test_small"):
        words_register({"test_small": Words("Another sentence.")})


def test_when_to_ask_again_is_a_header() -> None:
    assert refusal_headers(Refusal("x", retry_after=30)) == {"Retry-After": "30"}
    assert refusal_headers(Refusal("x")) == {}


def test_every_sentence_of_the_catalogue_can_be_filled() -> None:
    for code, said in words.words_registered().items():
        names = placeholders_of(said.sentence) | placeholders_of(said.remedy)
        filled: dict[str, JSON] = dict.fromkeys(names, 3)
        assert sentence_of(code, filled).strip(), code
        assert "…" not in sentence_of(code, filled) + remedy_of(code, filled), code


def _raised_codes() -> dict[tuple[str, int], tuple[str, set[str]]]:
    """Every ``SomeRefusal("code", name=...)`` in the sources, by place."""
    found = {}
    for folder in ("faceweb", "swaps", "editing", "models"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for call in ast.walk(tree):
                if not (isinstance(call, ast.Call) and call.args):
                    continue
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                code = call.args[0]
                if name not in REFUSALS or not isinstance(code, ast.Constant):
                    continue
                if any(keyword.arg is None for keyword in call.keywords):
                    continue
                given = {str(keyword.arg) for keyword in call.keywords}
                # A notice holds its parameters in a dictionary of its own.
                if name == "Notice" and len(call.args) > 1:
                    if not isinstance(call.args[1], ast.Dict):
                        continue
                    given = {str(ast.literal_eval(key)) for key in call.args[1].keys if key}
                found[str(path.relative_to(ROOT)), call.lineno] = (str(code.value), given)
    return found


def _subclasses(kind: type[Refusal]) -> set[type[Refusal]]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= _subclasses(child)
    return found


REFUSALS = {kind.__name__ for kind in _subclasses(Refusal)} - {"Smaller"} | {"Notice"}


def test_every_raised_code_has_words_that_its_parameters_fill() -> None:
    catalogue = words.words_registered()
    for place, (code, given) in _raised_codes().items():
        assert code in catalogue, (place, code)
        said = catalogue[code]
        asked = placeholders_of(said.sentence) | placeholders_of(said.remedy)
        assert asked <= given, (place, code)
