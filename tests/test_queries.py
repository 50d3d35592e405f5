"""How often each page asks the database: at most so often, and no oftener for many than for few."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from faceweb.media.models import Asset, Lineage
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import token_digest
from faceweb.work.models import Job
from tests.conftest import stored_face

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 20

# The most queries a page may make; the session and the person are two of them.
PAGES: dict[str, tuple[str, int]] = {
    "landing": ("landing", 2),
    "gallery": ("photos", 4),
    "jobs": ("jobs", 4),
    "links": ("links", 4),
    "profile": ("profile", 5),
    "studio": ("studio", 2),
    "studio, choosing": ("studio_pick", 4),
    "editor": ("edits", 3),
    "photo": ("photo", 7),
    "job": ("job", 3),
    "job, polled": ("job_status", 3),
    "shared": ("shared", 3),
}


@pytest.fixture
def site(user: Any, photo_factory: Callable[..., Any]) -> Callable[[int], dict[str, str]]:
    """Fills one person's account with so many photos, versions, jobs and links."""

    def fill(number: int) -> dict[str, str]:
        photo = photo_factory(user, faces=[stored_face()])
        for index in range(number):
            version = photo_factory(
                user, origin=Asset.Origin.RESULT, made_by="edit", faces=[stored_face()]
            )
            Lineage.objects.create(child=version, parent=photo, role=Lineage.Role.TARGET)
            Job.objects.create(owner=user, kind="edit", recipe={}, state=Job.State.CANCELLED)
            ShareLink.objects.create(
                owner=user, photo=version, token_sha256=token_digest(f"{number}-{index}")
            )
        shown = photo_factory(user, origin=Asset.Origin.RESULT, made_by="edit")
        Lineage.objects.create(child=shown, parent=photo, role=Lineage.Role.TARGET)
        token = f"{number:043d}"
        ShareLink.objects.create(owner=user, photo=shown, token_sha256=token_digest(token))
        job = Job.objects.create(owner=user, kind="edit", recipe={}, state=Job.State.CANCELLED)
        queries = {"edits": f"?photo={photo.pk}", "studio_pick": "?slot=source"}
        arguments = {
            "photo": [photo.pk],
            "job": [job.pk],
            "job_status": [job.pk],
            "shared": [token],
        }
        return {
            name: reverse(name, args=arguments.get(name, [])) + queries.get(name, "")
            for name, _ in PAGES.values()
        }

    return fill


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_no_oftener_for_many_than_for_few(
    page: str, site: Callable[[int], dict[str, str]], client_for: Callable[[Any], Any], user: Any
) -> None:
    name, most = PAGES[page]
    client = client_for(user)
    counts = []
    for number in (FEW, MANY):
        address = site(number)[name]
        client.get(address)  # what is looked up once a process or once a session
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        counts.append(len(captured))
    few, many = counts
    assert many <= few, f"{few} queries for {FEW}, {many} for {MANY}"
    assert few <= most
