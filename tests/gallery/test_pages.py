"""The gallery's pages: what is shown, to whom, and at what cost."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from faceweb.gallery.models import Lineage, Photo
from tests.gallery.conftest import files_in

pytestmark = pytest.mark.django_db

MAKING = {"engine": "classic", "engine_label": "Classic engine", "faces": [], "timings_ms": {}}


@pytest.fixture
def client(user: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(user)
    return signed_in


def rows(owner: Any, count: int, **fields: Any) -> list[Photo]:
    """Photos without files, the first made being the oldest."""
    made = Photo.objects.bulk_create(
        Photo(owner=owner, width=4, height=3, bytes=1, thumb=f"{n}.webp", **fields)
        for n in range(count)
    )
    begin = timezone.now() - timedelta(days=1)
    for n, photo in enumerate(made):
        photo.created_at = begin + timedelta(seconds=n)
    Photo.objects.bulk_update(made, ["created_at"])
    return made


def test_newest_first_forty_eight_a_page(client: Client, user: Any) -> None:
    made = rows(user, 50)
    first = client.get(reverse("photos"))
    second = client.get(reverse("photos") + "?page=2")
    assert list(first.context["page_obj"]) == made[:1:-1]
    assert list(second.context["page_obj"]) == made[1::-1]
    assert first.content.count(b"/file/thumb/") == 48


def test_uploads_and_results_apart(client: Client, user: Any, other_user: Any) -> None:
    uploads, results = rows(user, 2), rows(user, 3, origin=Photo.Origin.SWAP)
    sample = rows(user, 1, origin=Photo.Origin.SAMPLE)
    rows(other_user, 4)
    for show, expected in (
        ("all", {*uploads, *results, *sample}),
        ("uploads", {*uploads, *sample}),
        ("results", {*results}),
        ("nonsense", {*uploads, *results, *sample}),
    ):
        context = client.get(reverse("photos") + f"?show={show}").context
        assert set(context["page_obj"]) == expected
        assert context["counts"] == {"all": 6, "uploads": 3, "results": 3}


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", ""])
def test_a_page_that_is_not_there_gives_one_that_is(page: str, client: Client, user: Any) -> None:
    rows(user, 50)
    assert client.get(reverse("photos") + f"?page={page}").status_code == 200


def test_the_number_of_queries_does_not_grow(client: Client, user: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(reverse("photos")).status_code == 200
        return len(captured)

    rows(user, 3)
    few = queries()
    rows(user, 300, origin=Photo.Origin.SWAP)
    assert queries() == few < 12


def test_an_empty_gallery_says_so(client: Client) -> None:
    response = client.get(reverse("photos"))
    assert response.status_code == 200
    assert reverse("studio").encode() in response.content


def test_a_photos_page_shows_its_faces(
    client: Client, user: Any, photo_factory: Any, face: dict[str, Any]
) -> None:
    photo = photo_factory(user, faces=[face])
    for name in ("photo", "photo_faces"):
        response = client.get(reverse(name, args=[photo.pk]))
        assert response.context["faces"] == [{"index": 0, "x": 400, "y": 40, "w": 120, "h": 140}]
        assert b'<rect x="400.0" y="40.0" width="120.0" height="140.0"' in response.content


def test_the_faces_fragment_asks_again_until_they_are_known(
    client: Client, user: Any, photo_factory: Any
) -> None:
    photo = photo_factory(user, analysis=Photo.Analysis.PENDING)
    url = reverse("photo_faces", args=[photo.pk])
    assert f'hx-get="{url}"' in client.get(url).content.decode()
    Photo.objects.update(analysis=Photo.Analysis.DONE)
    assert "hx-get" not in client.get(url).content.decode()


def test_a_results_page_shows_what_it_was_made_on(
    client: Client, user: Any, photo_factory: Any
) -> None:
    target, source = photo_factory(user), photo_factory(user)
    result = photo_factory(user, origin=Photo.Origin.SWAP, making=MAKING)
    Lineage.objects.create(child=result, parent=target, role="target")
    Lineage.objects.create(child=result, parent=source, role="source")
    response = client.get(reverse("photo", args=[result.pk]))
    assert response.context["target"] == target
    assert response.context["sources"] == [source]
    assert response.context["job"] is None
    page = response.content.decode()
    assert reverse("photo_file", args=[target.pk, "preview"]) in page
    assert "Classic engine" in page


def test_deleting_one(
    client: Client,
    user: Any,
    photo_factory: Any,
    media: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    photo = photo_factory(user)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(reverse("photo_delete", args=[photo.pk]), follow=True)
    assert response.redirect_chain == [(reverse("photos"), 302)]
    assert b"deleted" in response.content
    assert files_in(media) == []
    for name, args in (("photo", []), ("photo_file", ["thumb"]), ("photo_face", [0])):
        assert client.get(reverse(name, args=[photo.pk, *args])).status_code == 404


def test_deleting_many_takes_only_ones_own(
    client: Client, user: Any, other_user: Any, photo_factory: Any
) -> None:
    mine = [photo_factory(user) for _ in range(3)]
    theirs = photo_factory(other_user)
    ids = [str(mine[0].pk), str(mine[1].pk), str(theirs.pk), str(uuid4()), "no id", ""]
    response = client.post(reverse("photos_delete"), {"ids": ids}, follow=True)
    assert b"2 photos deleted" in response.content
    assert set(Photo.objects.all()) == {mine[2], theirs}
    response = client.post(reverse("photos_delete"), {}, follow=True)
    assert b"Nothing was chosen" in response.content


OWNED = [
    ("get", "photo", []),
    ("get", "photo_faces", []),
    ("get", "photo_face", [0]),
    ("get", "photo_file", ["original"]),
    ("get", "photo_file", ["preview"]),
    ("get", "photo_file", ["thumb"]),
    ("post", "photo_delete", []),
]


@pytest.mark.parametrize(("method", "name", "args"), OWNED)
def test_nobody_but_the_owner_gets_anything(
    method: str,
    name: str,
    args: list[Any],
    user: Any,
    other_user: Any,
    moderator: Any,
    client_for: Any,
    photo_factory: Any,
    face: dict[str, Any],
) -> None:
    photo = photo_factory(user, faces=[face])
    url = reverse(name, args=[photo.pk, *args])
    anonymous = getattr(client_for(None), method)(url)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith(reverse("account_login"))
    for person in (other_user, moderator):
        assert getattr(client_for(person), method)(url).status_code == 404
    assert Photo.objects.filter(pk=photo.pk).exists()
    assert getattr(client_for(user), method)(url).status_code == (302 if method == "post" else 200)


@pytest.mark.parametrize("name", ["photo_upload", "photos_delete"])
def test_what_changes_things_is_no_get(name: str, client: Client) -> None:
    assert client.get(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", ["photo_delete"])
def test_deleting_by_get_does_nothing(name: str, client: Client, user: Any) -> None:
    (photo,) = rows(user, 1)
    assert client.get(reverse(name, args=[photo.pk])).status_code == 405
    assert Photo.objects.exists()
