"""A swap from a queued row to a stored result, with the real engine on the two sample photos."""

import cv2
import numpy as np
import pytest

from faceweb.media.details import Details
from faceweb.media.makers import Step
from faceweb.media.models import Asset, Lineage
from faceweb.work.models import Job
from faceweb.work.worker import job_work
from models.faces.face import Face
from swaps.choice import engine_choice
from swaps.made import SwapFigures, SwapWhat
from swaps.recipe import FaceMapping, SwapRecipe
from swaps.services import get_engine, swap_request
from tests.conftest import sample_path
from tests.stored import stored_sentences, stored_texts

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]


@pytest.fixture(scope="module")
def samples() -> dict[str, tuple[np.ndarray, list[dict]]]:
    """Both portraits with their faces as they are stored."""
    found = {}
    for name in ("astronaut", "hopper"):
        image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
        assert image is not None
        faces = get_engine().analyser.find_faces(image)
        assert len(faces) == 1
        found[name] = image, [face.to_dict() for face in faces]
    return found


@pytest.fixture
def pair(user, photo_factory, samples):
    target, source = (
        photo_factory(user, samples[name][0], faces=samples[name][1])
        for name in ("hopper", "astronaut")
    )
    return target, source


def request_swap(user, target: Asset, source: Asset) -> Job:
    return swap_request(owner=user, recipe=SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),)))


def untouched_likeness(samples) -> float:
    """How alike the two people are before anything is done."""
    analyser = get_engine().analyser
    first, second = (
        analyser.embed(image, Face.from_dict(faces[0])) for image, faces in samples.values()
    )
    return analyser.similarity(first, second)


def test_a_swap_ends_with_a_result_that_says_how_it_was_made(user, pair, samples):
    target, source = pair
    job = request_swap(user, target, source)
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_code
    assert job.percent == 100

    result = job.result
    assert result is not None
    assert result.owner == user
    assert (result.origin, result.made_by) == (Asset.Origin.RESULT, "swap")
    assert (result.width, result.height) == (target.width, target.height)
    assert {(line.parent_id, line.role) for line in result.lineage.all()} == {
        (target.pk, Lineage.Role.TARGET),
        (source.pk, Lineage.Role.SOURCE),
    }
    (face,) = result.making["own"]["faces"]
    assert result.making["engine"] == job.engine == engine_choice().spec.name
    assert face["source_photo"] == str(source.pk)
    # The glasses of who was there stay in front of the new face, and weigh in every likeness.
    assert face["similarity_to_source"] > untouched_likeness(samples) + 0.15
    assert face["similarity_to_target"] < 0.6
    assert result.making["timings_ms"]["total"] > 0
    assert job.figures["faces"] == result.making["own"]["faces"]


def test_what_is_kept_of_a_swap_is_typed_and_holds_no_sentence(user, pair):
    job = request_swap(user, *pair)
    job_work(job.pk)
    job.refresh_from_db()
    assert job.result is not None
    figures = SwapFigures.from_dict(job.figures)
    assert figures.to_dict() == job.figures
    details = Details.from_dict(job.result.making)
    assert details.to_dict() == job.result.making
    assert SwapFigures.from_dict(details.own) == figures
    (step,) = map(Step.from_dict, job.result.steps)
    assert step.to_dict() == job.result.steps[0]
    what = SwapWhat.from_dict(step.what)
    assert (what.faces, what.photos, what.engine) == (1, 1, details.engine)
    asked = engine_choice().offer.options.defaults()
    assert what.options == details.options == asked
    assert asked["blend"] == "multiband"
    assert {column for column, _ in stored_texts()} >= {"media.Asset.making", "work.Job.figures"}
    assert stored_sentences() == []


def test_only_the_face_changed_in_the_stored_result(user, pair, samples):
    target, source = pair
    job = request_swap(user, target, source)
    job_work(job.pk)
    job.refresh_from_db()
    assert job.result is not None
    before = samples["hopper"][0].astype(int)
    after = cv2.imdecode(
        np.frombuffer(job.result.file_of("original").read(), np.uint8), cv2.IMREAD_COLOR
    )
    difference = np.abs(after.astype(int) - before).max(axis=2)
    x1, y1, x2, y2 = (round(value) for value in target.faces[0]["box"])
    margin = x2 - x1
    outside = difference.copy()
    outside[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin] = 0
    # The stored copies differ by two JPEG encodings and the invisible mark, no more.
    assert np.percentile(outside, 99.9) <= 16
    assert difference[y1:y2, x1:x2].mean() > 10


def test_a_photo_deleted_while_the_job_waited_ends_it_with_a_sentence(user, pair):
    target, source = pair
    job = request_swap(user, target, source)
    source.delete()
    job_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "photo_missing")
    assert Asset.objects.count() == 1


def test_a_recipe_of_another_version_fails_with_a_sentence(user, pair):
    job = request_swap(user, *pair)
    Job.objects.filter(pk=job.pk).update(recipe={"format": "of the future"})
    job_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "malformed")
