"""One picture through the toy kind, on a site that has it; `tests/test_toykind.py` runs this."""

import json
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from faceweb.marks.models import MarkedResult
from faceweb.media.makers import asset_describe
from faceweb.media.models import Asset
from faceweb.moderation.models import Case
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import token_digest
from faceweb.work.models import Job
from faceweb.work.worker import job_work
from tests.accounts.test_personal_data import export_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]
SAYS = "A computer took the colours out of this picture."


@pytest.fixture
def client(client_for: Any, user: Any) -> Any:
    return client_for(user)


@pytest.fixture
def photo(user: Any, photo_factory: Any, portrait: Any) -> Asset:
    made: Asset = photo_factory(user, portrait)
    return made


def made(client: Any, photo: Asset, strength: int = 80) -> Asset:
    """A result by way of the form and a worker."""
    answer = client.post(reverse("filters"), {"photo": photo.pk, "strength": strength})
    job = Job.objects.get(pk=answer.url.rstrip("/").rpartition("/")[2])
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_code
    assert job.result is not None
    return job.result


def text(client: Any, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return str(answer.content.decode())


def test_the_studio_and_every_picture_lead_to_it(client: Any, photo: Asset) -> None:
    assert "Picture filter" in text(client, reverse("studio"))
    page = text(client, photo.get_absolute_url())
    assert f'href="{reverse("filters")}?photo={photo.pk}"' in page
    assert "Strength" in text(client, f"{reverse('filters')}?photo={photo.pk}")


def test_a_jobs_page_is_filled_by_it_and_leads_back(client: Any, photo: Asset) -> None:
    answer = client.post(reverse("filters"), {"photo": photo.pk, "strength": 30})
    page = text(client, answer.url)
    assert "<h1>Picture filter</h1>" in page
    assert "Colours to go: 30 %" in page
    assert "toykind/toykind.css" in page
    assert reverse("asset_file", args=[photo.pk, "thumb"]) in text(client, reverse("jobs"))
    client.post(answer.url + "cancel/")
    page = text(client, answer.url)
    assert f"{reverse('filters')}?photo={photo.pk}&amp;strength=30" in page
    assert "Back to the filter" in page


def test_a_form_sent_twice_makes_one_job(client: Any, photo: Asset) -> None:
    form = {"photo": photo.pk, "strength": 30, "once": "a-key-of-the-form"}
    first, second = (client.post(reverse("filters"), form).url for _ in range(2))
    assert first == second
    assert Job.objects.get().engine == "grey"


def test_a_result_is_shown_with_what_was_done(client: Any, photo: Asset) -> None:
    result = made(client, photo)
    assert (result.origin, result.made_by) == (Asset.Origin.RESULT, "filter")
    page = text(client, result.get_absolute_url())
    assert "Grey engine" in page
    assert "Colours gone" in page
    assert "AI-edited" in page
    gallery = text(client, reverse("photos") + "?show=results")
    assert result.get_absolute_url() in gallery


def test_the_history_names_its_steps_and_what_tells_them_apart(client: Any, photo: Asset) -> None:
    strong, weak = made(client, photo, 90), made(client, photo, 20)
    again = made(client, strong, 10)
    versions = client.get(again.get_absolute_url()).context["history"].versions
    assert [(it.photo, it.label, it.differs) for it in versions] == [
        (photo, "The photo", ""),
        (strong, "Picture filter", "Strength: 90 %"),
        (again, "Picture filter", ""),
        (weak, "Picture filter", "Strength: 20 %"),
    ]
    assert [step.label for step in asset_describe(again)] == ["Picture filter", "Picture filter"]


def test_strangers_and_whoever_checks_a_picture_are_told(
    client: Any, client_for: Any, photo: Asset, user: Any
) -> None:
    result = made(client, made(client, photo))
    token = "t" * 43
    ShareLink.objects.create(owner=user, photo=result, token_sha256=token_digest(token))
    page = text(client_for(None), reverse("shared", args=[token]))
    assert page.count("<li>Picture filter") == 2, "every step"
    assert page.count(SAYS) == 1
    mark = MarkedResult.objects.get(photo=result)
    assert [step["kind"] for step in mark.steps] == ["filter", "filter"]


def test_moderators_see_every_step(
    client: Any, client_for: Any, moderator: Any, photo: Asset
) -> None:
    result = made(client, made(client, photo))
    case = Case.objects.create(kind=Case.Kind.REPORT, photo=result, person=result.owner)
    page = text(client_for(moderator), reverse("admin:moderation_case_change", args=[case.pk]))
    assert page.count("<li><span>Picture filter</span>") == 2


def test_the_export_tells_it_in_words(client: Any, photo: Asset) -> None:
    result = made(client, photo)
    with export_of(client) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if ".json" in name]
    rows = [row for it in texts for row in _rows(json.loads(it)) if row.get("made_by") == "filter"]
    assert [row["id"] for row in rows] == [str(result.pk)]
    assert rows[0]["steps"][0]["label"] == "Picture filter"


def _rows(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        return [data, *(row for value in data.values() for row in _rows(value))]
    return [row for value in data for row in _rows(value)] if isinstance(data, list) else []


def test_doctor_lists_its_engine(capsys: pytest.CaptureFixture[str]) -> None:
    # Whatever else this machine lacks.
    with suppress(SystemExit):
        call_command("doctor")
    assert "always there" in capsys.readouterr().out
