"""JSON in rows has schemas: what is stored is read back, and anything else is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from editing.made import EditFigures, EditMade, EditWhat, JudgedShare
from faceweb.core.options import options_told
from faceweb.core.stored import StoredError
from faceweb.media.details import Details, Note, UsedModel, asset_details
from faceweb.media.makers import Step, asset_steps, step_describe
from faceweb.media.models import Asset
from faceweb.work import kinds
from models.engines import Notice
from models.options import OptionSchema, Values
from swaps.engines import MODULES
from swaps.made import ChangedFace, SwapFigures, SwapWhat
from tests.stored import texts_in

FACE = ChangedFace(1, "a", 0, ("b", None), 0.6, None, (Notice("profile", {"degrees": 40}),))
FIGURES = EditFigures(
    "reduced", {"smile": 60}, {"smile": 30}, 0.81, 0.8, 3, (JudgedShare(0.5, None),),
    Notice("identity_lost", level="refused"),
)  # fmt: skip
SCHEMAS: list[Any] = [
    Step("swap", "toy", "2026-01-02T03:04:05Z", SwapWhat(2, 3, "toy").to_dict()),
    Note("note_scaled", {"width": 1, "height": 2}),
    Details("toy", {"cover": 50, "dots": True}, (UsedModel("a/b.onnx", "0f"),), {"total": 1.5}),
    SwapFigures(2, (FACE,)),
    SwapWhat(2, 3, "toy", {"strength": 70, "part": ("skin", "nose"), "years": None}),
    FIGURES,
    EditMade(None, "judge_sface", FIGURES),
    EditWhat({"smile": 30, "age": -10}, 0, "toy"),
]  # fmt: skip


@pytest.mark.parametrize("one", SCHEMAS, ids=lambda one: type(one).__name__)
def test_what_is_stored_is_read_back(one: Any) -> None:
    data = one.to_dict()
    assert data["version"] == 1
    assert type(one).from_dict(data) == one
    assert not [text for text in texts_in(data) if " " in text]


@pytest.mark.parametrize("one", SCHEMAS, ids=lambda one: type(one).__name__)
def test_another_version_or_shape_is_refused(one: Any) -> None:
    data = one.to_dict()
    spoilt: list[Any] = [None, [], "a", {}, {**data, "version": 2}, {**data, "version": True}]
    # A part that is missing, and parts that are of another type than any schema has.
    for key in data:
        spoilt.append({name: part for name, part in data.items() if name != key})
        spoilt.append({**data, key: object()})
    for other in spoilt:
        with pytest.raises(StoredError):
            type(one).from_dict(other)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (Note.from_dict, {"version": 1, "code": "a", "params": {"width": "wide"}}),
        (Note.from_dict, {"version": 1, "code": "a", "params": {"width": True}}),
        (Details.from_dict, {**Details("a").to_dict(), "options": {"a": {}}}),
        (Details.from_dict, {**Details("a").to_dict(), "timings_ms": {"a": "1"}}),
        (Details.from_dict, {**Details("a").to_dict(), "models": [{"name": "a"}]}),
        (SwapWhat.from_dict, {**SwapWhat().to_dict(), "options": {"a": [1]}}),
        (SwapFigures.from_dict, {"version": 1, "faces_found": 1, "faces": [{}]}),
        (
            SwapFigures.from_dict,
            {
                "version": 1,
                "faces_found": 1,
                "faces": [{**FACE.to_dict(), "notices": [{"code": "a", "params": {}}]}],
            },
        ),
        (
            SwapFigures.from_dict,
            {"version": 1, "faces_found": 1, "faces": [{**FACE.to_dict(), "more_sources": [1]}]},
        ),
        (EditFigures.from_dict, {**FIGURES.to_dict(), "verdict": "fine"}),
        (EditFigures.from_dict, {**FIGURES.to_dict(), "reason": {"code": 1}}),
        (EditFigures.from_dict, {**FIGURES.to_dict(), "asked": {"smile": 0.5}}),
    ],
)
def test_parts_of_another_type_are_refused(read: Callable[[Any], Any], data: Any) -> None:
    with pytest.raises(StoredError):
        read(data)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["swap", "edit"])
def test_pages_bear_what_they_cannot_read(
    kind: str, user: Any, client_for: Any, photo_factory: Any
) -> None:
    """A row of a newer site is shown without its figures, and never with another's."""
    photo: Asset = photo_factory(
        user,
        origin=Asset.Origin.RESULT,
        made_by=kind,
        making={"version": 99, "engine": "later"},
        steps=[{"version": 99}],
        notes=[{"version": 99}],
    )
    assert asset_details(photo) is None
    assert asset_steps(photo) == (Step(kind, "", ""),)
    browser: Client = client_for(user)
    assert browser.get(photo.get_absolute_url()).status_code == 200
    photo.making = Details("later", own={"version": 99}).to_dict()
    photo.save()
    page = browser.get(photo.get_absolute_url())
    assert page.status_code == 200
    assert "<dd>Later</dd>" in page.content.decode()
    assert browser.get(reverse("photos")).status_code == 200


@pytest.mark.parametrize("kind", ["swap", "edit"])
def test_a_step_that_cannot_be_read_has_general_words(kind: str) -> None:
    for what in ({}, {"version": 99, "applied": {"smile": 30}, "faces": 3}):
        described = step_describe(Step(kind, "toy", "", what))
        assert described.label == str(kinds.label(kind))
        assert described.sentence


def test_options_are_told_in_the_words_of_their_engine_or_by_their_keys() -> None:
    from models.engine_registry import load_specs

    neural, builtin, _ = load_specs(MODULES)
    told = dict(
        options_told(
            neural.vocabulary(),
            {"strength": 70, "detail": "256", "mask": ("hull",), "part": ("skin",)},
        )
    )
    # Parts mean nothing where the mask does not ask for them.
    assert told == {
        "Strength": "70 %",
        "Detail of the new face": "256 px",
        "Where the new face shows": "Follow the outline of the face",
    }
    assert dict(options_told(builtin.vocabulary(), {"colour": "of_old"})) == {
        "Skin and light": "of_old"
    }
    gone: Values = {"face_width": 3, "round": True, "parts": (), "years": None}
    assert dict(options_told(OptionSchema(), gone)) == {
        "Face width": "3",
        "Round": "on",
        "Parts": "none",
        "Years": "none",
    }
