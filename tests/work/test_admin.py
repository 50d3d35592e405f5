"""Jobs in the admin panel."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from faceweb.work.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:work_job_changelist"


def act(client: Client, action: str, *jobs: Job) -> Any:
    data = {"action": action, "_selected_action": [str(job.pk) for job in jobs]}
    return client.post(reverse(LIST), data, follow=True)


def test_jobs_are_found_by_id_and_by_their_owners_address(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    moderator: Any,
    client_for: Callable[..., Client],
) -> None:
    job, other = make_job(user), make_job(other_user)
    client = client_for(moderator)
    for words in (str(job.pk), user.email):
        page = client.get(reverse(LIST), {"q": words}).content.decode()
        assert str(job.pk) in page
        assert str(other.pk) not in page


def test_a_job_is_read_and_not_edited(
    make_job: Callable[..., Job], user: Any, moderator: Any, client_for: Callable[..., Client]
) -> None:
    job, client = make_job(user), client_for(moderator)
    address = reverse("admin:work_job_change", args=[job.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"state": "done"}).status_code == 403
    assert client.get(reverse("admin:work_job_add")).status_code == 403
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_staff_cancel_and_retry(
    make_job: Callable[..., Job], user: Any, moderator: Any, client_for: Callable[..., Client]
) -> None:
    job, client = make_job(user), client_for(moderator)
    act(client, "cancel", job)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    again = act(client, "cancel", job).content.decode()
    assert "1 left as they were" in again
    act(client, "retry", job)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_who_may_only_look_cannot_cancel(
    make_job: Callable[..., Job],
    user: Any,
    make_user: Callable[..., Any],
    client_for: Callable[..., Client],
) -> None:
    job = make_job(user)
    viewer = make_user("vera@example.org", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_job"))
    client = client_for(viewer)
    assert client.get(reverse(LIST)).status_code == 200
    act(client, "cancel", job)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
