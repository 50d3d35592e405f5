"""Pages of jobs over HTTP."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from faceweb.work import services
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.presentation import place_sentence, status_of
from models.refusals import Refusal

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_page_shows_the_job_as_it_is_at_that_moment(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = make_job(user), client_for(user)
    assert "Yours is next." in client.get(job.get_absolute_url()).content.decode()
    held = services.job_claim(job.pk)
    assert held is not None
    services.job_progress(job=held, stage="stage_saving", percent=40)
    for _ in range(2):
        page = client.get(job.get_absolute_url()).content.decode()
        assert "Saving the result" in page
        assert 'value="40"' in page
        assert 'data-state="running"' in page


def test_a_finished_job_leads_to_its_result(
    make_job: Callable[..., Job],
    user: Any,
    client_for: Callable[..., Client],
    photo_factory: Callable[..., Any],
) -> None:
    job, client = make_job(user), client_for(user)
    held = services.job_claim(job.pk)
    assert held is not None
    services.job_finish(job=held, outcome=Outcome("none", lambda: photo_factory(user)))
    job.refresh_from_db()
    assert job.result is not None
    address = reverse("photo", args=[job.result_id])
    assert address in client.get(job.get_absolute_url()).content.decode()

    job.result.delete()
    page = client.get(job.get_absolute_url()).content.decode()
    assert address not in page
    assert "deleted" in page


def test_the_fragment_says_its_version(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = make_job(user), client_for(user)
    address = reverse("job_status", args=[job.pk])
    before = client.get(address)
    assert before["X-Job-Version"] == str(job.version)
    assert "<html" not in before.content.decode()
    assert "hx-swap-oob" not in before.content.decode()
    services.job_claim(job.pk)
    after = client.get(address)
    assert int(after["X-Job-Version"]) > int(before["X-Job-Version"])
    assert f'data-version="{after["X-Job-Version"]}"' in after.content.decode()


def test_a_failure_is_told_with_a_remedy(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job = make_job(user)
    held = services.job_claim(job.pk)
    assert held is not None
    services.job_fail(job=held, reason=Refusal("face_missing"))
    page = client_for(user).get(job.get_absolute_url()).content.decode()
    assert "One of the chosen faces is not in its photo." in page
    assert "Choose the faces again." in page
    assert "Try again" in page


@pytest.mark.parametrize("htmx", [False, True])
def test_cancel_and_retry_by_button(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client], htmx: bool
) -> None:
    job, client = make_job(user), client_for(user)
    for name, state in (("job_cancel", "cancelled"), ("job_retry", "queued")):
        response = client.post(
            reverse(name, args=[job.pk]), headers={"HX-Request": "true"} if htmx else None
        )
        if htmx:
            assert response.status_code == 200
            assert f'data-state="{state}"' in response.content.decode()
        else:
            assert response.status_code == 303
            assert response["Location"] == job.get_absolute_url()
        job.refresh_from_db()
        assert job.state == state


def test_trying_again_with_a_full_queue_is_answered_with_429(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client], settings: Any
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 1
    job = make_job(user)
    services.job_cancel(job=job)
    make_job(user)
    response = client_for(user).post(reverse("job_retry", args=[job.pk]))
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "as many as one may have" in response.content.decode()


def test_a_running_job_that_was_cancelled_says_so(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    services.job_claim(job.pk)
    services.job_cancel(job=job)
    job.refresh_from_db()
    status = status_of(job)
    assert status.headline == "Stopping"
    assert not status.can_cancel


@pytest.mark.parametrize(
    ("name", "method"),
    [("job", "get"), ("job_status", "get"), ("job_cancel", "post"), ("job_retry", "post")],
)
def test_a_job_exists_for_its_owner_alone(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    moderator: Any,
    client_for: Callable[..., Client],
    name: str,
    method: str,
) -> None:
    job = make_job(user)
    address = reverse(name, args=[job.pk])
    for stranger in (other_user, moderator):
        client = client_for(stranger)
        assert getattr(client, method)(address).status_code == 404
        assert getattr(client, method)(reverse(name, args=[uuid4()])).status_code == 404
    anonymous = getattr(client_for(None), method)(address)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith(reverse("account_login"))
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


@pytest.mark.parametrize(
    ("name", "method"),
    [("job", "post"), ("job_status", "post"), ("job_cancel", "get"), ("job_retry", "get")],
)
def test_looking_changes_nothing_and_changing_is_no_look(
    make_job: Callable[..., Job],
    user: Any,
    client_for: Callable[..., Client],
    name: str,
    method: str,
) -> None:
    address = reverse(name, args=[make_job(user).pk])
    assert getattr(client_for(user), method)(address).status_code == 405


def test_my_jobs_are_listed_newest_first_and_only_mine(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    client_for: Callable[..., Client],
    settings: Any,
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 100
    mine = [make_job(user).get_absolute_url() for _ in range(26)]
    theirs = make_job(other_user).get_absolute_url()
    client = client_for(user)
    first = client.get(reverse("jobs")).content.decode()
    second = client.get(reverse("jobs"), {"page": 2}).content.decode()
    assert [address for address in mine if address in first] == mine[2:]
    assert [address for address in mine if address in second] == mine[:2]
    assert first.index(mine[25]) < first.index(mine[2])
    assert theirs not in first + second


def test_the_list_asks_the_database_as_often_for_many_jobs_as_for_few(
    make_job: Callable[..., Job],
    user: Any,
    client_for: Callable[..., Client],
    django_assert_max_num_queries: Any,
) -> None:
    client = client_for(user)
    for _ in range(12):
        make_job(user)
    with django_assert_max_num_queries(8):
        assert client.get(reverse("jobs")).status_code == 200


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (1, "Yours is next."),
        (2, "1 job is before yours."),
        (7, "6 jobs are before yours."),
    ],
)
def test_a_place_in_words(place: int, sentence: str) -> None:
    assert place_sentence(place) == sentence
