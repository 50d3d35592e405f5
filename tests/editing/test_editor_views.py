"""The editor's page, its quick look, and the pages of an edit's job."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from editing.choice import editor_choice
from editing.engines.base import AGE, SMILE, YEARS, EditOffer
from faceweb.media.models import Asset
from faceweb.work.kinds.recipes import RecipeError
from faceweb.work.models import Job
from faceweb.work.previews import PreviewBusy
from models.options import OptionSchema
from tests.conftest import stored_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published")]

LOST = "No version of this edit kept your identity."


@pytest.fixture
def browser(client_for: Callable[[Any], Client], user: Any) -> Client:
    return client_for(user)


@pytest.fixture
def photo(user: Any, photo_factory: Any) -> Asset:
    made: Asset = photo_factory(user, faces=[stored_face()])
    return made


class Fields(HTMLParser):
    """The inputs of the editor's form by name, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.feed(html.split('id="editor"')[1].split("</form>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.found[given.get("name") or ""] = given


def editor(browser: Client, photo: Asset, query: str = "") -> str:
    response = browser.get(f"{reverse('edits')}?photo={photo.pk}{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_the_editor_is_a_form_that_needs_no_script(browser: Client, photo: Asset) -> None:
    page = editor(browser, photo)
    assert f'method="post" action="{reverse("edits")}"' in page
    fields = Fields(page).found
    assert fields["photo"]["value"] == str(photo.pk)
    assert fields["face"]["value"] == "0"
    for name in ("smile", "age"):
        slider = fields[name]
        assert (slider["type"], slider["min"], slider["max"]) == ("range", "-100", "100")
        assert (slider["step"], slider["value"]) == ("5", "0")
        assert f'<label for="{slider["id"]}">{name.capitalize()}</label>' in page
    assert f'href="{photo.get_absolute_url()}"' in page


def test_the_sliders_stand_where_the_address_says(browser: Client, photo: Asset) -> None:
    fields = Fields(editor(browser, photo, "&smile=40&age=-250")).found
    assert (fields["smile"]["value"], fields["age"]["value"]) == ("40", "-100")


def test_with_several_faces_one_is_chosen_from_those_large_enough(
    browser: Client, user: Any, photo_factory: Any
) -> None:
    faces = [stored_face(), stored_face(width_px=120.0), stored_face(width_px=20.0)]
    several = photo_factory(user, faces=faces)
    page = editor(browser, several, "&face=1")
    links = re.findall(r'<a class="face-link" href="([^"]+)"([^>]*)>', page)
    assert [href for href, _ in links] == [
        f"{reverse('edits')}?photo={several.pk}&amp;face={index}" for index in (0, 1)
    ]
    assert ["aria-current" in rest for _, rest in links] == [False, True]
    assert Fields(page).found["face"]["value"] == "1"
    assert "face-link" not in editor(browser, photo_factory(user, faces=faces[:1]))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"faces": []}, "No face was found"),
        ({"faces": [stored_face(width_px=20.0)]}, "too small to tell"),
        ({"faces": [], "analysis": Asset.Analysis.FAILED}, "could not be searched"),
        ({"faces": [], "analysis": Asset.Analysis.PENDING}, "being looked for"),
    ],
)
def test_without_a_face_that_can_be_judged_it_says_why(
    fields: dict[str, Any], sentence: str, browser: Client, user: Any, photo_factory: Any
) -> None:
    page = editor(browser, photo_factory(user, **fields))
    assert sentence in page
    assert 'id="editor"' not in page
    is_pending = fields.get("analysis") == Asset.Analysis.PENDING
    assert ('<noscript><meta http-equiv="refresh"' in page) == is_pending


def test_a_face_that_is_not_there_leads_to_those_that_are(browser: Client, photo: Asset) -> None:
    page = editor(browser, photo, "&face=7")
    assert "This face is not in the photo." in page
    assert f"{reverse('edits')}?photo={photo.pk}&amp;face=0" in page
    assert 'id="editor"' not in page


@pytest.mark.parametrize("query", ["", "?photo=", "?photo=x", f"?photo={UUID(int=0)}"])
def test_no_photo_is_no_page(query: str, browser: Client) -> None:
    assert browser.get(reverse("edits") + query).status_code == 404


def test_make_it_starts_a_job_and_leads_to_its_page(
    browser: Client, user: Any, photo: Asset
) -> None:
    form = {"photo": str(photo.pk), "face": "0", "smile": "40", "age": "-20"}
    response = browser.post(reverse("edits"), form)
    job = Job.objects.get()
    assert response.status_code == 303
    assert response.headers["Location"] == job.get_absolute_url()
    assert (job.owner, job.kind) == (user, "edit")
    assert job.recipe == {
        "version": 1,
        "photo": str(photo.pk),
        "face": 0,
        "options": {"smile": 40, "age": -20},
    }


def test_sliders_in_the_middle_start_nothing(browser: Client, photo: Asset) -> None:
    form = {"photo": str(photo.pk), "face": "0", "smile": "0", "age": "0"}
    response = browser.post(reverse("edits"), form)
    assert response.status_code == 400
    assert "Move one of the sliders first." in response.content.decode()
    assert not Job.objects.exists()


def test_a_refusal_leaves_the_sliders_where_they_were(
    browser: Client, photo: Asset, settings: Any
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 1
    form = {"photo": str(photo.pk), "face": "0", "smile": "40", "age": "-20"}
    assert browser.post(reverse("edits"), form).status_code == 303
    response = browser.post(reverse("edits"), form)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    page = response.content.decode()
    assert 'role="alert"' in page
    fields = Fields(page).found
    assert (fields["smile"]["value"], fields["age"]["value"]) == ("40", "-20")
    assert Job.objects.count() == 1


def test_an_unknown_slider_starts_nothing(browser: Client, photo: Asset) -> None:
    form = {"photo": str(photo.pk), "face": "0", "hat": "40"}
    response = browser.post(reverse("edits"), form)
    assert response.status_code == 400
    assert "Nothing is to change yet." in response.content.decode()
    assert not Job.objects.exists()


def test_the_quick_look_hands_on_what_the_worker_said(
    browser: Client, user: Any, photo: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def preview_ask(**question: Any) -> dict[str, Any]:
        asked.append(question)
        return {"verdict": "applied", "similarity": 0.9}

    monkeypatch.setattr("editing.asking.preview_ask", preview_ask)
    form = {"photo": str(photo.pk), "face": "0", "smile": "40", "age": "0"}
    response = browser.post(reverse("edit_preview"), form)
    assert response.json() == {"verdict": "applied", "similarity": 0.9}
    (question,) = asked
    assert question["owner"] == user
    assert (question["recipe"].photo, question["recipe"].options) == (photo.pk, {"smile": 40})
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RecipeError("no_face"), 400, "no_face"),
        (PreviewBusy(), 503, "preview_busy"),
    ],
)
def test_a_quick_look_that_cannot_be_given_says_why_as_json(
    error: Exception,
    status: int,
    code: str,
    browser: Client,
    photo: Asset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def preview_ask(**_question: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr("editing.asking.preview_ask", preview_ask)
    form = {"photo": str(photo.pk), "face": "0", "smile": "40"}
    response = browser.post(reverse("edit_preview"), form)
    assert response.status_code == status
    answer = response.json()
    assert answer["code"] == code
    assert answer["sentence"]
    assert answer["remedy"]


def edit_job(user: Any, photo: Asset, **fields: Any) -> Job:
    recipe = {
        "version": 1,
        "photo": str(photo.pk),
        "face": 0,
        "options": {"smile": 60, "age": -20, "glasses": 30},
    }
    return Job.objects.create(owner=user, kind="edit", recipe=recipe, **fields)


def back_to_the_sliders(photo: Asset) -> str:
    state = f"?photo={photo.pk}&amp;face=0&amp;smile=60&amp;age=-20"
    return f'href="{reverse("edits")}{state}"'


def test_the_jobs_page_shows_the_photo_and_what_is_to_change(
    browser: Client, user: Any, photo: Asset
) -> None:
    page = browser.get(edit_job(user, photo).get_absolute_url()).content.decode()
    assert "Smile and age" in page
    assert reverse("asset_file", args=[photo.pk, "preview"]) in page
    shown = re.findall(r"<dt>(\w+)</dt><dd[^>]*>([^<]+)</dd>", page)
    assert shown == [("Smile", "+60"), ("Age", "\N{MINUS SIGN}20"), ("Glasses", "+30")]
    assert back_to_the_sliders(photo) not in page, "it is under way"
    listed = browser.get(reverse("jobs")).content.decode()
    assert reverse("asset_file", args=[photo.pk, "thumb"]) in listed


def test_an_edit_that_kept_nobodys_identity_says_so_and_leads_back(
    browser: Client, user: Any, photo: Asset
) -> None:
    job = edit_job(
        user, photo, state=Job.State.DONE, made=Job.Made.NOTHING, error_code="identity_lost"
    )
    page = browser.get(job.get_absolute_url()).content.decode()
    assert "Finished, without a picture" in page
    assert f"{LOST} Try a smaller edit" in page
    assert back_to_the_sliders(photo) in page
    assert "See the result" not in page


def test_a_failed_edit_leads_back_to_the_sliders(browser: Client, user: Any, photo: Asset) -> None:
    job = edit_job(
        user,
        photo,
        state=Job.State.FAILED,
        error_code="no_face",
    )
    page = browser.get(job.get_absolute_url()).content.decode()
    assert "No face was found in one of the photos. Choose a photo" in page
    assert back_to_the_sliders(photo) in page


# --- years ------------------------------------------------------------------------------------


@pytest.fixture
def years_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = EditOffer(OptionSchema((SMILE, AGE, YEARS)), studies=True)
    chosen = replace(editor_choice(), offer=offer)
    for module in ("editing.views", "editing.services", "editing.asking", "editing.forms"):
        monkeypatch.setattr(f"{module}.editor_choice", lambda: chosen)


def test_without_an_estimate_the_page_has_no_field_for_years(browser: Client, photo: Asset) -> None:
    page = editor(browser, photo)
    assert "target_age" not in page
    assert "data-prepare-url" not in page


@pytest.mark.usefixtures("years_taken")
def test_with_one_an_age_can_be_typed_without_a_script(browser: Client, photo: Asset) -> None:
    page = editor(browser, photo, "&target_age=61")
    field = Fields(page).found["target_age"]
    assert (field["type"], field["min"], field["max"], field["value"]) == (
        "number",
        "1",
        "120",
        "61",
    )
    assert f'<label for="{field["id"]}">' in page
    assert f'data-prepare-url="{reverse("edit_prepare")}"' in page
    form = {"photo": str(photo.pk), "face": "0", "age": "10", "target_age": "61"}
    assert browser.post(reverse("edits"), form).status_code == 303
    job = Job.objects.get()
    assert job.recipe["options"] == {"target_age": 61}
    job.state, job.made, job.error_code = Job.State.DONE, Job.Made.NOTHING, "identity_lost"
    job.save()
    shown = browser.get(job.get_absolute_url()).content.decode()
    assert "61 years" in shown
    assert "&amp;target_age=61" in shown


def test_years_are_refused_where_no_age_can_be_estimated(browser: Client, photo: Asset) -> None:
    form = {"photo": str(photo.pk), "face": "0", "target_age": "61"}
    response = browser.post(reverse("edits"), form)
    assert response.status_code == 400
    assert "cannot be estimated here" in response.content.decode()
    assert not Job.objects.exists()


def test_the_page_is_told_what_the_worker_found_out(
    browser: Client, user: Any, photo: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def prepare_ask(**question: Any) -> dict[str, Any]:
        asked.append(question)
        return {"years": 44, "years_at_full": 30, "seconds": 2.0}

    monkeypatch.setattr("editing.asking.prepare_ask", prepare_ask)
    response = browser.post(reverse("edit_prepare"), {"photo": str(photo.pk), "face": "0"})
    assert response.json()["years"] == 44
    assert asked == [{"owner": user, "photo_id": photo.pk, "number": 0}]
    assert browser.post(reverse("edit_prepare"), {"photo": "x"}).status_code == 404


def test_the_face_of_somebody_elses_photo_is_not_studied(
    client_for: Callable[[Any], Client], other_user: Any, photo: Asset
) -> None:
    response = client_for(other_user).post(
        reverse("edit_prepare"), {"photo": str(photo.pk), "face": "0"}
    )
    assert response.status_code == 400
    assert response.json()["code"] == "photo_missing"


def test_the_form_sent_twice_makes_one_job(browser: Client, photo: Asset) -> None:
    key = Fields(editor(browser, photo)).found["once"]["value"]
    form = {"photo": str(photo.pk), "face": "0", "smile": "30", "once": key}
    first, second = (browser.post(reverse("edits"), form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first["Location"] == second["Location"]
    browser.post(reverse("edits"), {**form, "smile": "40"})
    assert Job.objects.count() == 2, "other wishes are another edit"
    assert Fields(editor(browser, photo)).found["once"]["value"] != key
