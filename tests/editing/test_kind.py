"""An edit from a queued row to a new version, or to a plain answer why there is none."""

import base64
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.cache import cache

from editing import asking, choice, kind, preview, services
from editing.base import edit_base
from editing.engines.base import (
    AGE,
    SMILE,
    UNTOUCHED,
    YEARS,
    EditOffer,
    EditRequest,
    EditResult,
    Outlook,
    Start,
)
from editing.guard import CurvePoint
from editing.made import EditFigures, EditMade, EditWhat
from editing.recipe import EditRecipe
from editing.services import edit_request
from faceweb.core.words import remedy_of
from faceweb.media.details import Details
from faceweb.media.makers import Step
from faceweb.media.models import Asset, Lineage
from faceweb.work import previews
from faceweb.work.kinds.recipes import RecipeError
from faceweb.work.models import Job, Preview
from faceweb.work.presentation import status_of
from faceweb.work.worker import job_work
from models.engines import Notice
from models.options import OptionSchema
from tests.conftest import stored_face
from tests.stored import stored_sentences

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]


class Engine:
    """Answers with what a test wants it to; records what it was asked."""

    name = "stub"
    analyser = None
    options = OptionSchema((SMILE, AGE))

    def __init__(self) -> None:
        self.verdict: Any = "applied"
        self.thresholds: list[float] = []
        self.requests: list[EditRequest] = []
        self.photos: list[np.ndarray] = []
        self.starts: list[Start] = []
        self.similarity = 0.9
        self.told = Outlook()

    def run(self, photo, face, request, threshold=0.8, progress=None, start=UNTOUCHED):
        self.starts.append(start)
        self.thresholds.append(threshold)
        self.requests.append(request)
        self.photos.append(photo)
        if progress is not None:
            progress("check", 0.5)
        given = self.verdict in {"applied", "reduced"}
        applied = request.scaled(0.5) if self.verdict == "reduced" else request
        finish = start.finish or (lambda image: image)
        return EditResult(
            image=finish(255 - photo) if given else None,
            asked=request,
            applied=applied if given else EditRequest(),
            similarity=self.similarity if given else None,
            threshold=threshold,
            curve=(CurvePoint(1.0, 0.5), CurvePoint(0.5, 0.9)),
            evaluations=4,
            timings_ms={"edit": 5.0, "total": 9.0},
            touched=(80, 80, 320, 350) if given else None,
            verdict=self.verdict,
            reason=None if self.verdict == "applied" else Notice("identity_lost", level="refused"),
        )

    def outlook(self, photo, face):
        self.photos.append(photo)
        return self.told

    def preview(self, photo, face, request, threshold=0.8, start=UNTOUCHED):
        return self.run(photo, face, request, threshold, None, start)

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
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"smile": 60})))
    assert job.state == Job.State.DONE, job.error_code
    assert engine.thresholds == [0.85]
    result = job.result
    assert result is not None
    assert (result.origin, result.made_by) == (Asset.Origin.RESULT, "edit")
    assert result.is_result
    assert [(line.parent_id, line.role) for line in result.lineage.all()] == [
        (photo.pk, Lineage.Role.TARGET)
    ]
    edit = result.making["own"]["figures"]
    assert edit["asked"]["smile"] == 60
    assert edit["applied"]["smile"] == 30
    assert edit["similarity"] == 0.9
    stored = cv2.imdecode(
        np.frombuffer(result.file_of("original").read(), np.uint8), cv2.IMREAD_COLOR
    )
    assert stored is not None
    assert abs(int(stored[200, 200, 0]) - 165) <= 3


@pytest.mark.parametrize("verdict", ["applied", "reduced", "none"])
def test_what_is_kept_of_an_edit_is_typed_and_holds_no_sentence(user, photo, engine, verdict):
    engine.verdict = verdict
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"smile": 60})))
    assert job.state == Job.State.DONE, job.error_code
    figures = EditFigures.from_dict(job.figures)
    assert figures.to_dict() == job.figures
    assert (figures.reason is None) == (verdict == "applied")
    assert stored_sentences() == []
    if verdict == "none":
        return
    assert job.result is not None
    details = Details.from_dict(job.result.making)
    assert details.to_dict() == job.result.making
    assert EditMade.from_dict(details.own) == EditMade(str(photo.pk), "", figures)
    (step,) = map(Step.from_dict, job.result.steps)
    assert step.to_dict() == job.result.steps[0]
    assert EditWhat.from_dict(step.what) == EditWhat(figures.applied, 0, "stub")


def edited(user, photo: Asset, **asked: Any) -> Asset:
    """A new version of ``photo``, its faces found as they are in the photo."""
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, asked)))
    assert job.result is not None, job.error_code
    version = job.result
    version.analysis, version.faces = Asset.Analysis.DONE, photo.faces
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
    assert second.making["own"]["base"] == third.making["own"]["base"] == str(photo.pk)
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


def test_where_the_photo_was_deleted_strengths_and_likeness_spent_add_up(user, photo, engine):
    first = edited(user, photo, smile=90)
    photo.delete()
    edited(user, first, smile=40)
    # The slider ends at 100, and cos(acos .8 - acos .9) is left of the likeness.
    assert engine.requests[-1].smile == pytest.approx(0.1)
    assert engine.starts[-1].reference is None
    assert engine.thresholds[-1] == pytest.approx(0.9815, abs=1e-3)


def test_where_nothing_is_left_of_the_likeness_it_is_refused(user, photo, engine):
    engine.similarity = 0.8
    first = edited(user, photo, smile=30)
    photo.delete()
    job = work(edit_request(owner=user, recipe=EditRecipe(first.pk, 0, {"age": 20})))
    assert (job.state, job.error_code) == (Job.State.FAILED, "likeness_spent")


@pytest.mark.parametrize("verdict", ["none", "unsure"])
def test_an_unchanged_photo_never_passes_for_an_edit(user, photo, engine, verdict):
    engine.verdict = verdict
    job = work(edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"age": 80})))
    assert (job.state, job.result) == (Job.State.DONE, None)
    assert Asset.objects.get() == photo
    shown = status_of(job)
    assert shown.headline == "Finished, without a picture"
    assert shown.detail == "No version of this edit kept your identity."
    assert shown.remedy == "Try a smaller edit or another photo."
    assert job.made == Job.Made.NOTHING


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"faces": []}, "no_face"), ({"analysis": Asset.Analysis.PENDING}, "analysis_pending")],
)
def test_a_photo_without_known_faces_is_refused_before_anything_is_queued(
    user, photo_factory, engine, changes, code
):
    photo = photo_factory(user, **changes)
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"smile": 20}))
    assert caught.value.code == code
    assert not Job.objects.exists()


def test_a_face_too_small_to_judge_is_refused(user, photo_factory, engine):
    photo = photo_factory(user, faces=[stored_face(width_px=40.0)])
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"smile": 20}))
    assert caught.value.code == "face_too_small_to_judge"


def test_another_persons_photo_does_not_exist(other_user, photo, engine):
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=other_user, recipe=EditRecipe(photo.pk, 0, {"smile": 20}))
    assert caught.value.code == "photo_missing"


def test_a_slider_that_the_engine_lacks_is_refused(user, photo, engine):
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"pose": 10}))
    assert caught.value.code == "option_missing"


def test_a_preview_is_small_and_kept_nowhere(user, photo, engine, media):
    before = sorted(media.rglob("*"))
    answer = preview.preview_make(owner=user, recipe=EditRecipe(photo.pk, 0, {"smile": 60}))
    assert answer["verdict"] == "applied"
    assert answer["before"].startswith("data:image/webp;base64,")
    assert answer["after"] != answer["before"]
    assert sorted(media.rglob("*")) == before
    assert not Job.objects.exists()
    assert Asset.objects.count() == 1


def shown(address: str) -> np.ndarray:
    """The pixels of a data address, uint8 (H, W, 3) BGR."""
    content = base64.b64decode(address.partition(",")[2])
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_a_preview_carries_the_badge_where_it_shows_an_edit(user, photo, engine):
    recipe = EditRecipe(photo.pk, 0, {"smile": 60})
    answer = preview.preview_make(owner=user, recipe=recipe)
    before, after = shown(answer["before"]), shown(answer["after"])
    # The engine turns the picture into its negative; what differs from that is the badge.
    added = np.abs(after.astype(int) - (255 - before)).max(axis=2) > 60
    rows, columns = np.nonzero(added)
    assert added.sum() > 100
    assert rows.min() > 0.8 * after.shape[0]
    assert columns.min() > 0.4 * after.shape[1]

    Asset.objects.update(origin=Asset.Origin.RESULT, made_by="swap")
    engine.verdict = "refused"
    answer = preview.preview_make(owner=user, recipe=recipe)
    assert np.abs(shown(answer["before"]).astype(int) - before).max() > 60
    assert answer["after"] == answer["before"]


def test_a_worker_answers_the_question_under_its_name_once(user, photo, engine, published):
    recipe = EditRecipe(photo.pk, 0, {"smile": 60})
    with pytest.raises(previews.PreviewBusy):
        asking.preview_ask(owner=user, recipe=recipe, timeout=0.05)
    ((task, (name,)),) = published
    assert task == "faceweb.work.tasks.preview_run"
    previews.preview_work(name)
    previews.preview_work(name)
    assert len(engine.thresholds) == 1
    row = Preview.objects.get()
    assert (row.state, row.question) == ("done", {}), "nothing of it is kept"


def test_the_cutout_shows_the_whole_face_at_most_512_px_wide(photo):
    image = np.zeros((3000, 4000, 3), np.uint8)
    face = photo.found_faces()[0].scaled(7.0)
    cut, small = preview.face_cutout(image, face)
    assert max(cut.shape[:2]) <= 512
    assert small.box.min() >= 0
    assert small.box[2] <= cut.shape[1]
    assert small.box[3] <= cut.shape[0]
    assert small.quality.width_px < face.quality.width_px


# --- years ------------------------------------------------------------------------------------


@pytest.fixture
def years_taken(monkeypatch):
    offer = EditOffer(OptionSchema((SMILE, AGE, YEARS)), studies=True)
    chosen = replace(choice.editor_choice(), offer=offer)
    for module in (services, asking):
        monkeypatch.setattr(module, "editor_choice", lambda: chosen)


def test_an_age_in_years_is_refused_where_none_can_be_estimated(user, photo, engine):
    with pytest.raises(RecipeError) as caught:
        edit_request(owner=user, recipe=EditRecipe(photo.pk, 0, {"target_age": 50}))
    assert caught.value.code == "no_age_estimate"
    assert remedy_of(caught.value.code, caught.value.params)
    assert not Job.objects.exists()


def test_the_editor_is_told_about_how_old_the_face_looks(user, photo, engine, years_taken):
    engine.told = Outlook(years=41.6, preview_seconds=1.26)
    assert preview.prepare_make(owner=user, photo_id=photo.pk, number=0) == {
        "years": 42,
        "years_at_full": 30,
        "seconds": 1.3,
    }
    # It was studied as previews will show it: small.
    assert max(engine.photos[-1].shape[:2]) <= preview.SIDE_PX
    photo.refresh_from_db()
    assert "42" not in str(photo.making) + str(photo.faces)


def test_a_version_looks_as_much_older_as_it_was_made(user, photo, engine, years_taken):
    first = edited(user, photo, age=40)
    engine.told = Outlook(years=30.0)
    told = preview.prepare_make(owner=user, photo_id=first.pk, number=0)
    # The untouched photo is what is studied, and what strengths count from.
    assert abs(int(engine.photos[-1][100, 100, 0]) - 90) <= 2
    assert told["years"] == 42


def test_without_an_estimate_there_are_no_years(user, photo, engine):
    assert preview.prepare_make(owner=user, photo_id=photo.pk, number=0)["years"] is None


def test_years_take_the_place_of_an_age_before_and_keep_the_smile(user, photo, engine, years_taken):
    first = edited(user, photo, smile=40, age=-20)
    version = EditRecipe(first.pk, 0, {"smile": 10, "target_age": 60})
    face = first.found_faces()[0]
    base = edit_base(
        first, face, version.request(OptionSchema((SMILE, AGE, YEARS))), 0.8, {"smile", "age"}
    )
    assert base.standing.base is not None
    assert base.standing.base.picture == photo
    assert (base.request.smile, base.request.age, base.request.target_age) == (0.5, 0.0, 60)


def test_a_preview_of_a_version_counts_from_that_version(user, photo, engine):
    first = edited(user, photo, smile=40)
    answer = preview.preview_make(owner=user, recipe=EditRecipe(first.pk, 0, {"smile": 30}))
    assert engine.requests[-1].smile == 0.7
    assert answer["asked"]["smile"] == 30
    assert answer["applied"]["smile"] == 30


def test_an_older_question_is_neither_answered_nor_waited_for(user, photo, engine, published):
    asked = []
    for smile in (60, 20):
        recipe = EditRecipe(photo.pk, 0, {"smile": smile})
        with pytest.raises(previews.PreviewBusy):
            asking.preview_ask(owner=user, recipe=recipe, timeout=0.05)
        asked.append(Preview.objects.get(state="queued").pk)
    for name in asked:
        previews.preview_work(name)
    assert [request.smile for request in engine.requests] == [0.2]


def test_the_face_is_studied_by_a_worker_under_a_name(user, photo, engine, published):
    with pytest.raises(previews.PreviewBusy):
        asking.prepare_ask(owner=user, photo_id=photo.pk, number=0, timeout=0.05)
    ((task, (name,)),) = published
    assert task == "faceweb.work.tasks.preview_run"
    previews.preview_work(name)
    assert len(engine.photos) == 1
    assert cache.get(previews._answer_name(name)) == {
        "years": None,
        "years_at_full": 30,
        "seconds": 0.0,
    }
