"""A site whose engine is neural: its studio, its jobs, and what they leave behind."""

import json
from typing import Any

import cv2
import numpy as np
import pytest
from django.urls import reverse

from faceweb.core.words import remedy_of
from faceweb.media.details import Details
from faceweb.media.models import Asset, Lineage
from faceweb.work.models import Job
from faceweb.work.worker import job_work
from models.faces.face import Face
from models.options import Values, values_from_json
from models.refusals import Refusal
from models.sessions import OutOfMemory
from swaps.engines.neural_engine import NeuralEngine
from swaps.kind import SWAP
from swaps.recipe import FaceMapping, SwapRecipe
from swaps.services import get_engine, swap_check, swap_request
from tests.swaps.engines.test_neural import (
    LEFT,
    RIGHT,
    SOFTENED,
    SOURCE,
    SOURCE_FACE,
    TARGET,
    noise,
)
from tests.swaps.test_studio_views import Inputs, shown

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]


def kept(*faces: Face) -> list[dict[str, Any]]:
    return [face.to_dict() for face in faces]


@pytest.fixture
def target(user, photo_factory) -> Asset:
    return photo_factory(user, TARGET, faces=kept(LEFT, RIGHT), analyser="insightface")


@pytest.fixture
def source(user, photo_factory) -> Asset:
    return photo_factory(user, SOURCE, faces=kept(SOURCE_FACE), analyser="insightface")


@pytest.fixture
def softened(user, photo_factory) -> Asset:
    """The same person in a worse photo."""
    return photo_factory(user, SOFTENED, faces=kept(SOURCE_FACE), analyser="insightface")


@pytest.fixture
def stranger(user, photo_factory) -> Asset:
    return photo_factory(user, noise(400, 400, 9), faces=kept(SOURCE_FACE), analyser="insightface")


@pytest.fixture
def browser(client_for, user):
    return client_for(user)


def done(user, recipe: SwapRecipe) -> Job:
    job = swap_request(owner=user, recipe=recipe)
    assert job.engine == "neural"
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_code
    return job


def test_the_classic_page_has_the_blend_and_nothing_of_the_neural_engine(browser, target, source):
    Asset.objects.update(analyser="dlib")
    page = shown(browser, target, source).content.decode()
    names = {name for name, _, _ in Inputs(page).found}
    assert "blend" in names
    assert not names & {"strength", "detail", "mask", "part", "enhance", "together"}


def test_the_studio_offers_what_the_engine_can_do(neural_site, browser, target, source, softened):
    neural_site()
    page = shown(browser, target, source, softened).content.decode()
    inputs = Inputs(page)
    names = {name for name, _, _ in inputs.found}
    assert {"strength", "detail", "mask", "part", "enhance", "together"} <= names
    assert "blend" not in names
    assert inputs.values("detail") == ["128", "256", "512", "1024"]
    assert inputs.values("mask") == ["", "occlusion", "regions"]
    assert "Neural engine" in page
    assert "Not installed on this site: the outline of the face." in page


def test_the_studio_offers_only_what_is_installed_and_says_what_is_not(
    neural_site, browser, target, source
):
    neural_site("parser_resnet34", "occluder_xseg", "gfpgan_1.4")
    query = "&mask=&mask=regions&part=nose&enhance=50&strength=40"
    page = shown(browser, target, source, query=query).content.decode()
    names = {name for name, _, _ in Inputs(page).found}
    assert not names & {"mask", "part", "enhance"}
    assert Inputs(page).values("strength") == ["40"]
    assert "the enhancer" in page
    assert 'note-error" role="alert"><p' not in page.replace("\n", "").replace("  ", "")


def test_settings_in_the_address_are_shown_and_carried_on(neural_site, browser, target, source):
    neural_site()
    query = "&strength=60&detail=256&mask=&mask=regions&part=nose&part=lips&enhance=30"
    page = shown(browser, target, source, query=query).content.decode()
    inputs = Inputs(page)
    assert inputs.values("strength") == ["60"]
    chosen = {(name, value) for name, value, checked in inputs.found if checked}
    assert {("detail", "256"), ("mask", "regions"), ("part", "nose"), ("part", "lips")} <= chosen
    assert not {("mask", "occlusion"), ("part", "skin")} & chosen
    (address,) = set(inputs.values("next"))
    for pair in ("strength=60", "detail=256", "mask=regions", "part=nose", "enhance=30"):
        assert pair in address


def test_the_form_asks_for_what_it_says(neural_site, browser, user, target, source, softened):
    neural_site()
    form = {
        "target": str(target.pk),
        "source": [str(source.pk), str(softened.pk)],
        "map-0": f"{source.pk}:0",
        "map-1": "",
        "together": "1",
        "strength": "60",
        "detail": "256",
        "mask": ["", "regions"],
        "part": ["", "nose", "skin"],
        "enhance": "30",
    }
    assert browser.post(reverse("swaps"), form).status_code == 303
    recipe = SwapRecipe.from_dict(Job.objects.get().recipe)
    assert recipe.mapping == (FaceMapping(0, source.pk, 0, (softened.pk,)),)
    assert recipe.options == {
        "strength": 60,
        "enhance": 30,
        "detail": "256",
        "mask": ("regions",),
        "part": ("skin", "nose"),
    }


def test_no_part_of_the_face_is_refused_with_a_sentence(neural_site, browser, target, source):
    neural_site()
    query = f"?target={target.pk}&source={source.pk}&map-0={source.pk}:0&mask=regions&part="
    answer = browser.get(reverse("studio_check") + query).content.decode()
    assert "Nothing is chosen for: Parts that change." in answer


def test_what_is_not_offered_is_refused_before_it_starts(
    neural_site, user, target, source, softened
):
    wanted = SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),), options={"enhance": 40})
    several = SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0, (softened.pk,)),))
    codes = []
    Asset.objects.update(analyser="")
    for recipe in (wanted, several):
        with pytest.raises(Refusal) as caught:
            swap_check(owner=user, recipe=recipe)
        codes.append(caught.value.code)
    assert codes == ["option_missing", "one_photo_only"]
    neural_site()
    assert swap_check(owner=user, recipe=wanted) == swap_check(owner=user, recipe=several) == []


def test_a_result_keeps_and_shows_how_it_was_made(neural_site, browser, user, target, source):
    neural_site()
    options: Values = {
        "strength": 70, "detail": "256", "mask": ("regions",), "part": ("skin",), "enhance": 20,
    }  # fmt: skip
    job = done(user, SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),), options))
    assert job.result is not None
    making = job.result.making
    assert values_from_json(making["options"]) == options
    assert {fact.label: fact.value for fact in SWAP.options_told(Details.from_dict(making))} == {
        "Strength": "70 %",
        "Detail of the new face": "256 px",
        "Where the new face shows": "Change only some parts of the face",
        "Parts that change": "Skin",
        "Enhancer": "20 %",
    }
    assert {model["name"].split("/")[0] for model in making["models"]} >= {"inswapper_128"}
    page = browser.get(job.result.get_absolute_url()).content.decode()
    assert making["own"]["faces_found"] == 2
    for words in (
        "Neural engine",
        "2, 1 changed",
        "70 %",
        "256 px",
        "Change only some parts of the face",
    ):
        assert words in page


def _moved(image: np.ndarray) -> float:
    """How far the colours of the left face went, blind to the noise of JPEG and watermark."""
    before, after = (cv2.blur(part.astype(np.float32), (15, 15)) for part in (TARGET, image))
    return float(np.abs(after - before)[200:440, 130:370].mean())


def test_the_settings_reach_the_pixels(neural_site, user, target, source):
    neural_site()
    mapping = (FaceMapping(0, source.pk, 0),)

    def pixels(options: Values) -> np.ndarray:
        result = done(user, SwapRecipe(target.pk, mapping, options)).result
        assert result is not None
        image = cv2.imdecode(
            np.frombuffer(result.file_of("original").read(), np.uint8), cv2.IMREAD_COLOR
        )
        assert image is not None
        return image.astype(int)

    plain = pixels({"mask": ()})
    enhanced = pixels({"mask": (), "enhance": 100})
    nothing = pixels({"mask": ("regions",), "part": ("nose",)})
    assert np.abs(plain - enhanced).max() > 40
    # The small parser sees skin alone, so a nose shows nothing.
    assert _moved(nothing) < 0.8
    assert _moved(plain) > 1.5


def test_several_photos_of_one_person_are_used_and_a_strangers_is_left_out(
    neural_site, browser, user, target, source, softened, stranger
):
    neural_site()
    mapping = FaceMapping(0, source.pk, 0, (stranger.pk, softened.pk))
    job = done(user, SwapRecipe(target.pk, (mapping,)))
    assert job.result is not None
    (face,) = job.result.making["own"]["faces"]
    assert face["more_sources"] == [str(softened.pk)]
    assert [notice["code"] for notice in face["notices"]] == ["photos_left_out"]
    parents = job.result.lineage.filter(role=Lineage.Role.SOURCE).values_list("parent", flat=True)
    assert set(parents) == {source.pk, softened.pk}
    page = browser.get(job.result.get_absolute_url()).content.decode()
    assert "2 photos" in page
    assert "One photo was left out" in page
    alone = done(user, SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),)))
    assert alone.result is not None
    assert alone.result.file_of("original").read() != job.result.file_of("original").read()


def test_a_device_with_too_little_memory_ends_the_job_with_a_remedy(
    neural_site, monkeypatch, user, target, source
):
    neural_site()

    def too_much(*given: Any, **options: Any) -> None:
        raise OutOfMemory("even with half a batch")

    engine = get_engine()
    assert isinstance(engine, NeuralEngine)
    monkeypatch.setattr(engine.networks.swapper, "swap", too_much)
    job = swap_request(owner=user, recipe=SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),)))
    job_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "out_of_memory")
    assert "less detail" in remedy_of(job.error_code)


def test_identity_numbers_are_kept_nowhere(neural_site, user, target, source, softened):
    neural_site()
    job = done(user, SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0, (softened.pk,)),)))
    assert job.result is not None
    rows = [job.recipe, job.figures, job.result.making, job.result.faces]
    rows += [Asset.objects.get(pk=photo.pk).faces for photo in (target, source, softened)]
    text = json.dumps(rows)
    assert "embedding" not in text
    longest = max(len(part) for part in text.replace("]", "[").split("["))
    assert longest < 1500, "no list of hundreds of numbers"


def test_a_job_goes_back_to_the_studio_with_everything_that_was_set(
    neural_site, browser, user, target, source, softened
):
    neural_site()
    options: Values = {
        "strength": 60, "detail": "256", "mask": ("regions",), "part": ("nose",), "enhance": 30,
    }  # fmt: skip
    recipe = SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0, (softened.pk,)),), options)
    job = swap_request(owner=user, recipe=recipe)
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED, error_code="internal")
    page = browser.get(job.get_absolute_url()).content.decode()
    address = page.split('id="job-form" href="')[1].split('"')[0].replace("&amp;", "&")
    inputs = Inputs(browser.get(address).content.decode())
    chosen = {(name, value) for name, value, checked in inputs.found if checked}
    assert {
        ("map-0", f"{source.pk}:0"),
        ("together", "1"),
        ("detail", "256"),
        ("mask", "regions"),
        ("part", "nose"),
    } <= chosen
    assert inputs.values("strength") == ["60"]
    assert inputs.values("source").count(str(softened.pk)) == 1


def test_a_job_of_the_neural_engine_is_done_by_the_classic_one_where_it_is_all_there_is(
    user, photo_factory, portrait
):
    """Settings it does not have are no reason to fail after the queue."""
    photo = photo_factory(
        user,
        portrait,
        faces=[face.to_dict() for face in get_engine().analyser.find_faces(portrait)],
    )
    second = photo_factory(user, portrait, faces=photo.faces)
    recipe = SwapRecipe(
        photo.pk, (FaceMapping(0, second.pk, 0, (photo.pk,)),), options={"enhance": 40}
    )
    job = Job.objects.create(owner=user, kind="swap", recipe=recipe.to_dict(), engine="neural")
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_code
    assert job.result is not None
    assert job.result.making["engine"] == "classic"
    assert list(job.result.making["options"]) == ["blend"]
    assert job.result.making["own"]["faces"][0]["more_sources"] == []
