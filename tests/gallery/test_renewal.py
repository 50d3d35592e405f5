"""After a change of engine, old finds of faces do not serve, and nothing is at a dead end."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from faceweb.gallery import analysis, services
from faceweb.gallery.models import Photo
from faceweb.gallery.services import photos_renew
from faceweb.jobs.models import Job
from faceweb.jobs.worker import job_work
from swaps.recipe import FaceMapping, RecipeError, SwapRecipe
from swaps.services import get_engine, swap_request
from tests.conftest import stored_face

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("passing_screener"),
]

ANALYSE = "faceweb.gallery.tasks.photo_analyse"


@pytest.fixture
def old(user: Any, photo_factory: Any) -> Photo:
    """A photo whose faces another engine's analyser found, five points and no more."""
    face = stored_face()
    face["landmarks"] = None
    photo: Photo = photo_factory(user, faces=[face], analyser="insightface", analysis_attempts=1)
    return photo


def test_it_becomes_like_a_photo_that_just_came_in(old: Photo, published: list[Any]) -> None:
    photos_renew([old])
    stored = Photo.objects.get(pk=old.pk)
    for photo in (old, stored):
        assert photo.analysis == Photo.Analysis.PENDING
        assert (photo.faces, photo.analyser, photo.analysis_attempts) == ([], "", 0)
    assert published == [(ANALYSE, (str(old.pk),))]
    photos_renew([stored, old])
    assert len(published) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"analyser": "dlib"},
        {"analyser": ""},
        {"analysis": Photo.Analysis.PENDING},
    ],
)
def test_what_serves_or_is_under_way_is_left_alone(
    old: Photo, published: list[Any], fields: dict[str, Any]
) -> None:
    Photo.objects.filter(pk=old.pk).update(**fields)
    photo = Photo.objects.get(pk=old.pk)
    photos_renew([photo])
    assert not published
    assert Photo.objects.get(pk=old.pk).faces


def test_what_a_worker_found_just_now_is_left_alone(old: Photo, published: list[Any]) -> None:
    """It was not restarted with the pages, and would find the same again and again."""
    Photo.objects.filter(pk=old.pk).update(analysis_started_at=timezone.now())
    photos_renew([Photo.objects.get(pk=old.pk)])
    assert not published


def test_two_requests_at_once_send_it_once(old: Photo, published: list[Any]) -> None:
    photos_renew([Photo.objects.get(pk=old.pk), old])
    assert len(published) == 1


def test_an_engine_that_is_not_there_renews_nothing(
    old: Photo, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "_names", [lambda: ""])
    photos_renew([old])
    assert not published


def test_the_studio_waits_as_for_a_new_photo(
    old: Photo, client_for: Any, user: Any, published: list[Any]
) -> None:
    page = client_for(user).get(f"{reverse('studio')}?target={old.pk}").content.decode()
    assert "Looking for faces" in page
    assert [name for name, _ in published] == [ANALYSE]


def test_the_editor_waits_as_for_a_new_photo(
    old: Photo, client_for: Any, user: Any, published: list[Any]
) -> None:
    page = client_for(user).get(f"{reverse('edits')}?photo={old.pk}").content.decode()
    assert "data-pending" in page
    assert [name for name, _ in published] == [ANALYSE]


def test_a_swap_that_is_asked_for_says_that_it_takes_a_moment(
    old: Photo, user: Any, published: list[Any]
) -> None:
    recipe = SwapRecipe(old.pk, (FaceMapping(0, old.pk, 0),))
    with pytest.raises(RecipeError) as caught:
        swap_request(owner=user, recipe=recipe)
    assert caught.value.code == "analysis_pending"
    assert [name for name, _ in published] == [ANALYSE]


def test_a_job_that_waited_through_the_change_is_done(
    user: Any, photo_factory: Any, portrait: Any, published: list[Any]
) -> None:
    """The worker looks for itself; the person notices nothing."""
    bare = [face.to_dict() for face in get_engine().analyser.find_faces(portrait)]
    for face in bare:
        face["landmarks"] = None
    photos = [photo_factory(user, portrait, faces=bare, analyser="insightface") for _ in range(2)]
    recipe = SwapRecipe(photos[0].pk, (FaceMapping(0, photos[1].pk, 0),))
    job = Job.objects.create(owner=user, kind="swap", recipe=recipe.to_dict(), engine="neural")
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_text
    assert {
        photo.analyser for photo in Photo.objects.filter(pk__in=[photo.pk for photo in photos])
    } == {"dlib"}


def test_a_photo_that_fails_the_second_time_says_so_and_is_not_tried_for_ever(
    old: Photo, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = "dlib"

        def find_faces(self, image: Any) -> Any:
            raise RuntimeError

    monkeypatch.setattr(services, "get_analyser", Broken)
    photos_renew([old])
    for _ in range(services.ANALYSIS_ATTEMPTS):
        services.photo_analyse(old.pk)
    old.refresh_from_db()
    assert old.analysis == Photo.Analysis.FAILED
    published.clear()
    photos_renew([old])
    assert not published
