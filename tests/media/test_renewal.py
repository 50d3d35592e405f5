"""After a change of engine, old finds of faces do not serve, and nothing is at a dead end."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from faceweb.media import analysis, face_analysis
from faceweb.media.analysis_queue import ATTEMPTS, FACES, assets_renew
from faceweb.media.models import Asset, AssetTask
from faceweb.work.models import Job
from faceweb.work.worker import job_work
from swaps.recipe import FaceMapping, RecipeError, SwapRecipe
from swaps.services import get_engine, swap_request
from tests.conftest import stored_face

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("passing_screener"),
]

ANALYSE = "faceweb.media.tasks.asset_task_run"


@pytest.fixture
def old(user: Any, photo_factory: Any) -> Asset:
    """A photo whose faces another engine's analyser found, five points and no more."""
    face = stored_face()
    face["landmarks"] = None
    photo: Asset = photo_factory(user, faces=[face], analyser="insightface")
    return photo


def test_it_becomes_like_a_photo_that_just_came_in(old: Asset, published: list[Any]) -> None:
    assets_renew([old])
    stored = Asset.objects.get(pk=old.pk)
    for photo in (old, stored):
        assert photo.analysis == Asset.Analysis.PENDING
        assert (photo.faces, photo.analyser) == ([], "")
    assert published == [(ANALYSE, (str(old.tasks.get().pk),))]
    assets_renew([stored, old])
    assert len(published) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"analyser": "dlib"},
        {"analyser": ""},
        {"analysis": Asset.Analysis.PENDING},
    ],
)
def test_what_serves_or_is_under_way_is_left_alone(
    old: Asset, published: list[Any], fields: dict[str, Any]
) -> None:
    Asset.objects.filter(pk=old.pk).update(**fields)
    photo = Asset.objects.get(pk=old.pk)
    assets_renew([photo])
    assert not published
    assert Asset.objects.get(pk=old.pk).faces


def test_what_a_worker_found_just_now_is_left_alone(old: Asset, published: list[Any]) -> None:
    """It was not restarted with the pages, and would find the same again and again."""
    AssetTask.objects.create(
        asset=old, owner=old.owner, kind=FACES, state="done", started_at=timezone.now()
    )
    assets_renew([Asset.objects.get(pk=old.pk)])
    assert not published


def test_two_requests_at_once_send_it_once(old: Asset, published: list[Any]) -> None:
    assets_renew([Asset.objects.get(pk=old.pk), old])
    assert len(published) == 1


def test_an_engine_that_is_not_there_renews_nothing(
    old: Asset, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "_names", [lambda: ""])
    assets_renew([old])
    assert not published


def test_the_studio_waits_as_for_a_new_photo(
    old: Asset, client_for: Any, user: Any, published: list[Any]
) -> None:
    page = client_for(user).get(f"{reverse('studio')}?target={old.pk}").content.decode()
    assert "Looking for faces" in page
    assert [name for name, _ in published] == [ANALYSE]


def test_the_editor_waits_as_for_a_new_photo(
    old: Asset, client_for: Any, user: Any, published: list[Any]
) -> None:
    page = client_for(user).get(f"{reverse('edits')}?photo={old.pk}").content.decode()
    assert "data-pending" in page
    assert [name for name, _ in published] == [ANALYSE]


def test_a_swap_that_is_asked_for_says_that_it_takes_a_moment(
    old: Asset, user: Any, published: list[Any]
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
    assert job.state == Job.State.DONE, job.error_code
    assert {
        photo.analyser for photo in Asset.objects.filter(pk__in=[photo.pk for photo in photos])
    } == {"dlib"}


def test_a_photo_that_fails_the_second_time_says_so_and_is_not_tried_for_ever(
    old: Asset, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = "dlib"

        def find_faces(self, image: Any) -> Any:
            raise RuntimeError

    monkeypatch.setattr(face_analysis, "get_analyser", Broken)
    assets_renew([old])
    for _ in range(ATTEMPTS):
        face_analysis.asset_analyse(old.pk)
    old.refresh_from_db()
    assert old.analysis == Asset.Analysis.FAILED
    published.clear()
    assets_renew([old])
    assert not published
