"""An edit from a queued row to a new version, or to a plain answer why there is none."""

import base64
from typing import Any

import cv2
import numpy as np
import pytest

from editing import kind, preview, services
from editing.engines.base import EditRequest, EditResult, Reason, Slider
from editing.guard import CurvePoint
from editing.recipe import EditRecipe
from editing.services import edit_request
from faceweb.gallery.models import Lineage, Photo
from faceweb.jobs.models import Job
from faceweb.jobs.presentation import status_of
from faceweb.jobs.recipes import RecipeError
from faceweb.jobs.worker import job_work
from tests.conftest import stored_face

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]


class Engine:
    """Answers with what a test wants it to; records what it was asked."""

    name = "stub"
    label = "Stub"
    analyser = None
    sliders = (Slider("smile", "Smile"), Slider("age", "Age"))

    def __init__(self) -> None:
        self.verdict: Any = "applied"
        self.thresholds: list[float] = []
        self.requests: list[EditRequest] = []
        self.photos: list[np.ndarray] = []

    def run(self, photo, face, request, threshold=0.8, progress=None):
        self.thresholds.append(threshold)
        self.requests.append(request)
        self.photos.append(photo)
        if progress is not None:
            progress("check", 0.5)
        given = self.verdict in {"applied", "reduced"}
        applied = request.scaled(0.5) if self.verdict == "reduced" else request
        return EditResult(
            image=255 - photo if given else None,
            asked=request,
            applied=applied if given else EditRequest(),
            similarity=0.9 if given else None,
            threshold=threshold,
            curve=(CurvePoint(1.0, 0.5), CurvePoint(0.5, 0.9)),
            evaluations=4,
            timings_ms={"edit": 5.0, "total": 9.0},
            touched=(0, 0, 10, 10) if given else None,
            verdict=self.verdict,
            reason=None
            if self.verdict == "applied"
            else Reason(self.verdict, "No version of this edit kept your identity.", "Ask less."),
        )

    def warm_up(self):
        return None


@pytest.fixture
def engine(monkeypatch):
    stub = Engine()
    for module in (services, kind, preview):
        monkeypatch.setattr(module, "get_engine", lambda: stub)
    return stub


@pytest.fixture
def photo(user, photo_factory):
    return photo_factory(user, np.full((400, 400, 3), 90, np.uint8), faces=[stored_face()])


def work(job: Job) -> Job:
    job_work(job.pk)
    job.refresh_from_db()
    return job


def test_a_version_that_passed_is_stored_and_says_what_was_done(user, photo, engine, settings):
    settings.IDENTITY_THRESHOLD = 85
    engine.verdict = "reduced"
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, smile=60)))
    assert job.state == Job.State.DONE, job.error_text
    assert engine.thresholds == [0.85]
    result = job.result
    assert result is not None
    assert result.origin == Photo.Origin.EDIT
    assert result.is_result
    assert [(line.parent_id, line.role) for line in result.lineage.all()] == [
        (photo.pk, Lineage.Role.TARGET)
    ]
    edit = result.making["edit"]
    assert edit["asked"]["smile"] == 60
    assert edit["applied"]["smile"] == 30
    assert edit["similarity"] == 0.9
    stored = cv2.imdecode(np.frombuffer(result.original.read(), np.uint8), cv2.IMREAD_COLOR)
    assert stored is not None
    assert abs(int(stored[200, 200, 0]) - 165) <= 3


def edited(user, photo: Photo, **asked: Any) -> Photo:
    """A new version of ``photo``, its faces found as they are in the photo."""
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, **asked)))
    assert job.result is not None, job.error_text
    version = job.result
    version.analysis, version.faces = Photo.Analysis.DONE, photo.faces
    version.save()
    return version


def test_an_edit_of_an_edit_starts_from_the_photo_with_both_in_one(user, photo, engine):
    first = edited(user, photo, smile=40, age=-20)
    second = edited(user, first, smile=30)
    third = edited(user, second, age=20)
    assert [(request.smile, request.age) for request in engine.requests] == [
        (0.4, -0.2),
        (0.7, -0.2),
        (0.7, 0.0),
    ]
    # The engine was given the untouched photo each time, so likeness is judged against that.
    assert all(abs(int(given[200, 200, 0]) - 90) <= 2 for given in engine.photos)
    assert second.making["base"] == third.making["base"] == str(photo.pk)
    assert third.lineage.get().parent == second


def test_strengths_together_stop_at_the_end_of_the_slider(user, photo, engine):
    edited(user, edited(user, photo, smile=80), smile=80)
    assert engine.requests[-1].smile == 1.0


def test_another_face_is_edited_on_the_version_that_keeps_the_first(user, photo, engine):
    first = edited(user, photo, smile=40)
    elsewhere = stored_face()
    elsewhere["box"] = [310, 100, 390, 200]
    first.faces = [elsewhere]
    first.save()
    edited(user, first, smile=10)
    assert engine.requests[-1].smile == 0.1
    assert abs(int(engine.photos[-1][200, 200, 0]) - 165) <= 3


def test_a_version_whose_photo_was_deleted_is_edited_as_it_is(user, photo, engine):
    first = edited(user, photo, smile=40)
    photo.delete()
    edited(user, first, smile=10)
    assert engine.requests[-1].smile == 0.1


@pytest.mark.parametrize("verdict", ["none", "unsure"])
def test_an_unchanged_photo_never_passes_for_an_edit(user, photo, engine, verdict):
    engine.verdict = verdict
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, age=80)))
    assert (job.state, job.result) == (Job.State.DONE, None)
    assert Photo.objects.get() == photo
    shown = status_of(job)
    assert shown.headline == "Finished, without a picture"
    assert shown.detail == "No version of this edit kept your identity."
    assert shown.way_on == "Ask less."


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"faces": []}, "no_face"), ({"analysis": Photo.Analysis.PENDING}, "analysis_pending")],
)
def test_a_photo_without_known_faces_is_refused_before_anything_is_queued(
    user, photo_factory, engine, changes, code
):
    photo = photo_factory(user, **changes)
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, smile=20))
    assert caught.value.code == code
    assert not Job.objects.exists()


def test_a_face_too_small_to_judge_is_refused(user, photo_factory, engine):
    photo = photo_factory(user, faces=[stored_face(width_px=40.0)])
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, smile=20))
    assert caught.value.code == "face_too_small"


def test_another_persons_photo_does_not_exist(other_user, photo, engine):
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=other_user, recipe=EditRecipe(photo.pk, 0, smile=20))
    assert caught.value.code == "photo_missing"


def test_a_slider_that_the_engine_lacks_is_refused(user, photo, engine):
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, others={"pose": 10}))
    assert caught.value.code == "unknown_slider"


def test_a_preview_is_small_and_kept_nowhere(user, photo, engine, media):
    before = sorted(media.rglob("*"))
    answer = preview.preview_make(owner=user, recipe=EditRecipe(photo.pk, 0, smile=60))
    assert answer["verdict"] == "applied"
    assert answer["before"].startswith("data:image/webp;base64,")
    assert answer["after"] != answer["before"]
    assert sorted(media.rglob("*")) == before
    assert not Job.objects.exists()
    assert Photo.objects.count() == 1


def shown(address: str) -> np.ndarray:
    """The pixels of a data address, uint8 (H, W, 3) BGR."""
    content = base64.b64decode(address.partition(",")[2])
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_a_preview_carries_the_badge_where_it_shows_an_edit(user, photo, engine):
    recipe = EditRecipe(photo.pk, 0, smile=60)
    answer = preview.preview_make(owner=user, recipe=recipe)
    before, after = shown(answer["before"]), shown(answer["after"])
    # The engine turns the picture into its negative; what differs from that is the badge.
    added = np.abs(after.astype(int) - (255 - before)).max(axis=2) > 60
    rows, columns = np.nonzero(added)
    assert added.sum() > 100
    assert rows.min() > 0.8 * after.shape[0]
    assert columns.min() > 0.4 * after.shape[1]

    Photo.objects.update(origin=Photo.Origin.SWAP)
    engine.verdict = "refused"
    answer = preview.preview_make(owner=user, recipe=recipe)
    assert np.abs(shown(answer["before"]).astype(int) - before).max() > 60
    assert answer["after"] == answer["before"]


def test_a_worker_answers_the_question_under_its_name_once(user, photo, engine, published):
    recipe = EditRecipe(photo.pk, 0, smile=60)
    with pytest.raises(preview.PreviewBusy):
        preview.preview_ask(owner=user, recipe=recipe, timeout=0.05)
    ((task, (name,)),) = published
    assert task == "editing.tasks.preview_make"
    preview.preview_answer(name)
    preview.preview_answer(name)
    assert len(engine.thresholds) == 1


def test_the_cutout_shows_the_whole_face_at_most_512_px_wide(photo):
    image = np.zeros((3000, 4000, 3), np.uint8)
    face = photo.found_faces()[0].scaled(7.0)
    cut, small = preview.face_cutout(image, face)
    assert max(cut.shape[:2]) <= 512
    assert small.box.min() >= 0
    assert small.box[2] <= cut.shape[1]
    assert small.box[3] <= cut.shape[0]
    assert small.quality.width_px < face.quality.width_px
