"""Asking for a swap: what is refused before it starts, what is warned of, what is queued."""

from uuid import uuid4

import pytest

from faceweb.core.words import remedy_of
from faceweb.media.models import Asset
from faceweb.work.errors import TooManyJobs
from faceweb.work.models import Job
from models.refusals import Refusal
from swaps.recipe import FaceMapping, SwapRecipe
from swaps.services import swap_check, swap_request
from tests.conftest import stored_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published")]


@pytest.fixture
def target(user, photo_factory):
    return photo_factory(user, faces=[stored_face(), stored_face(width_px=120.0)])


@pytest.fixture
def source(user, photo_factory):
    return photo_factory(user, faces=[stored_face()])


def recipe(target: Asset, source: Asset, *pairs: tuple[int, int]) -> SwapRecipe:
    return SwapRecipe(target.pk, tuple(FaceMapping(t, source.pk, s) for t, s in pairs or [(0, 0)]))


def refusal(owner, asked: SwapRecipe) -> str:
    with pytest.raises(Refusal) as caught:
        swap_request(owner=owner, recipe=asked)
    assert remedy_of(caught.value.code, caught.value.params)
    assert not Job.objects.exists(), "nothing is queued"
    return caught.value.code


def test_a_swap_becomes_a_queued_job_that_names_its_engine(user, target, source):
    asked = recipe(target, source, (0, 0), (1, 0))
    job = swap_request(owner=user, recipe=asked)
    assert (job.kind, job.state, job.engine) == ("swap", Job.State.QUEUED, "classic")
    assert SwapRecipe.from_dict(job.recipe) == asked


def test_a_plain_pair_comes_without_notices(user, target, source):
    assert swap_check(owner=user, recipe=recipe(target, source)) == []


@pytest.mark.parametrize("yaw", [17.0, 21.0])
def test_a_face_turned_away_is_warned_of(user, target, photo_factory, yaw):
    turned = photo_factory(user, faces=[stored_face(yaw=yaw)])
    (notice,) = swap_check(owner=user, recipe=recipe(target, turned, (1, 0)))
    assert notice.target_face == 1
    assert notice.notice.code == "yaw_differs"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (stored_face(yaw=25.0), "yaw_difference"),
        (stored_face(width_px=50.0), "source_too_small"),
        (stored_face(occlusion=0.9), "source_occluded"),
    ],
)
def test_what_the_engine_cannot_do_well_is_refused_before_it_starts(
    user, target, photo_factory, bad, code
):
    assert refusal(user, recipe(target, photo_factory(user, faces=[bad]))) == code


def test_a_strangers_photo_is_refused_like_one_that_never_was(
    user, other_user, target, photo_factory
):
    strange = photo_factory(other_user, faces=[stored_face()])
    void = SwapRecipe(target.pk, (FaceMapping(0, uuid4(), 0),))
    assert refusal(user, recipe(target, strange)) == refusal(user, void) == "photo_missing"


def test_a_face_that_is_not_in_the_photo(user, target, source):
    assert refusal(user, recipe(target, source, (2, 0))) == "face_missing"
    assert refusal(user, recipe(target, source, (0, 1))) == "face_missing"


def test_a_photo_without_a_stored_face(user, target, photo_factory):
    assert refusal(user, recipe(target, photo_factory(user, faces=[]))) == "no_face"


def test_a_photo_whose_faces_are_not_known_yet(user, target, photo_factory):
    waiting = photo_factory(user, analysis=Asset.Analysis.PENDING)
    assert refusal(user, recipe(target, waiting)) == "analysis_pending"


def test_the_queue_of_one_person_is_bounded(user, target, source, settings):
    settings.JOBS_QUEUED_PER_PERSON = 2
    for _ in range(2):
        swap_request(owner=user, recipe=recipe(target, source))
    with pytest.raises(TooManyJobs):
        swap_request(owner=user, recipe=recipe(target, source))
    assert Job.objects.count() == 2
