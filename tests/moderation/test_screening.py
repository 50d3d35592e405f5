"""From a photo that came in to its verdict: thresholds, failing closed, what people are told."""

import time
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.urls import reverse

from faceweb.core.words import refusal_text
from faceweb.media.analysis_queue import ATTEMPTS, SCREENING, analysis
from faceweb.media.errors import ResultBlocked, ScreeningFailed
from faceweb.media.face_analysis import asset_analyse
from faceweb.media.models import Asset
from faceweb.media.screening import get_screener
from faceweb.moderation.checks import (
    screening_has_its_models,
    screening_is_on,
    thresholds_are_in_order,
)
from faceweb.moderation.models import Case, Screening
from faceweb.moderation.screening import ages, backends, time_limit
from faceweb.moderation.screening.time_limit import TooSlow, within
from faceweb.moderation.screening.verdict import Level, scores_judge
from faceweb.people.personal_data import sections
from models.faces.face import Face
from models.networks.nudenet import CLASSES
from models.store import Unavailable
from tests.conftest import shared_dir, stored_face
from tests.moderation.conftest import FakeBackend

pytestmark = pytest.mark.django_db

CLEAN = dict.fromkeys(CLASSES, 0.0)
SOON = 0.3


def screened(photo: Asset) -> Asset:
    asset_analyse(photo.pk)
    photo.refresh_from_db()
    return photo


# --- thresholds ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "score", "level"),
    [
        ("male_genitalia_exposed", 0.24, Level.CLEAR),
        ("male_genitalia_exposed", 0.25, Level.REVIEW),
        ("female_genitalia_exposed", 0.50, Level.BLOCKED),
        ("anus_exposed", 0.49, Level.REVIEW),
        ("female_breast_exposed", 0.29, Level.CLEAR),
        ("female_breast_exposed", 0.50, Level.REVIEW),
        ("buttocks_exposed", 0.70, Level.BLOCKED),
        ("male_breast_exposed", 1.0, Level.CLEAR),
        ("female_breast_covered", 1.0, Level.CLEAR),
        ("female_genitalia_covered", 1.0, Level.CLEAR),
        ("face_female", 1.0, Level.CLEAR),
        ("belly_exposed", 1.0, Level.CLEAR),
        ("feet_exposed", 1.0, Level.CLEAR),
    ],
)
def test_what_counts_and_from_where(name: str, score: float, level: Level) -> None:
    assert scores_judge({"nudenet": {**CLEAN, name: score}}).level is level


@pytest.mark.parametrize(
    ("score", "level"), [(0.59, Level.CLEAR), (0.6, Level.REVIEW), (0.9, Level.BLOCKED)]
)
def test_the_vit_has_a_band_of_its_own(score: float, level: Level) -> None:
    assert scores_judge({"vit": {"sfw": 1 - score, "nsfw": score}}).level is level


def test_of_two_backends_the_sterner_counts() -> None:
    both = {"nudenet": CLEAN, "vit": {"sfw": 0.3, "nsfw": 0.7}}
    assert scores_judge(both).level is Level.REVIEW
    both["nudenet"] = {**CLEAN, "anus_exposed": 0.9}
    assert scores_judge(both).level is Level.BLOCKED


def test_thresholds_come_from_the_settings(settings: Any) -> None:
    settings.SCREENING_THRESHOLDS = {**settings.SCREENING_THRESHOLDS, "nude": (5, 10)}
    assert scores_judge({"nudenet": {**CLEAN, "buttocks_exposed": 0.07}}).level is Level.REVIEW


def test_a_score_that_is_not_there_is_no_clearance() -> None:
    with pytest.raises(KeyError):
        scores_judge({"nudenet": {"face_male": 0.9}})


# --- the way through the worker -------------------------------------------------------------------
def test_an_ordinary_photo_is_clear_and_its_scores_are_kept(arrive, analyser, backend) -> None:
    backend.seen = {"face_male": 0.8, "male_breast_exposed": 0.9}
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.CLEAR
    row = Screening.objects.get(photo=photo)
    assert (row.state, row.model, row.subject) == ("clear", "fake 1", "upload")
    assert row.scores == {"nudenet": {"face_male": 0.8, "male_breast_exposed": 0.9}}
    assert len(row.sha256) == 64
    assert not Case.objects.exists()


def test_the_grey_band_goes_to_a_person(arrive, analyser, backend, client_for, user) -> None:
    backend.seen = {"female_breast_exposed": 0.5}
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.REVIEW
    assert not photo.is_usable
    case = Case.objects.get()
    assert (case.kind, case.photo, case.person) == (Case.Kind.SCREENING, photo, user)
    page = client_for(user).get(photo.get_absolute_url()).content.decode()
    assert "Waiting for a person" in page
    assert reverse("edits") not in page


def test_a_blocked_photo_is_not_shown_and_says_why(arrive, analyser, backend, client_for, user):
    backend.seen = {"anus_exposed": 0.9}
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.BLOCKED
    client = client_for(user)
    page = client.get(photo.get_absolute_url()).content.decode()
    assert "Not allowed here" in page
    assert 'data-code="blocked_nudity"' in page
    assert "you can ask a person" in page
    for size in ("original", "preview", "thumb"):
        url = reverse("asset_file", args=[photo.pk, size])
        assert url not in page
        assert client.get(url).status_code == 404
    gallery = client.get(reverse("photos")).content.decode()
    assert "Not allowed here" in gallery
    assert reverse("asset_file", args=[photo.pk, "thumb"]) not in gallery


def test_the_studio_waits_once_and_offers_nothing_that_is_held_back(
    arrive, analyser, backend, client_for, user
) -> None:
    client = client_for(user)
    photo = arrive(faces=[stored_face()])
    slot = reverse("studio_slot") + f"?slot=target&photo={photo.pk}"
    studio = reverse("studio") + f"?target={photo.pk}"
    pick = reverse("studio_pick") + "?slot=target"
    Asset.objects.update(analysis=Asset.Analysis.DONE)
    assert client.get(slot).status_code == 204
    assert "Being checked" in client.get(studio).content.decode()
    for state, words in (("review", "A person has to look"), ("blocked", "is not allowed here")):
        Asset.objects.update(screening=state)
        answer = client.get(slot).content.decode()
        assert words in answer
        assert "data-face" not in answer
        assert words in client.get(studio).content.decode()
        assert "data-studio-link" not in client.get(pick).content.decode()
    Asset.objects.update(screening=Asset.Screening.CLEAR)
    assert "data-face" in client.get(slot).content.decode()
    assert "data-studio-link" in client.get(pick).content.decode()


def test_a_page_that_waits_is_read_anew_when_its_photo_is_held_back(
    arrive, client_for, user
) -> None:
    photo = arrive()
    client = client_for(user)
    url = reverse("photo_faces", args=[photo.pk])
    assert "hx-get" in client.get(url).content.decode()
    Asset.objects.update(analysis=Asset.Analysis.DONE)
    assert "Being checked" in client.get(url).content.decode()
    Asset.objects.update(screening=Asset.Screening.BLOCKED)
    assert client.get(url)["HX-Refresh"] == "true"
    Asset.objects.update(screening=Asset.Screening.CLEAR)
    assert "HX-Refresh" not in client.get(url)


# --- failing closed -------------------------------------------------------------------------------
def missing() -> None:
    raise backends.BackendMissing("nudenet", "is not here", "install it")


def raising() -> None:
    raise RuntimeError("the runtime is broken")


def slow() -> None:
    time.sleep(5 * SOON)


@pytest.mark.parametrize("failure", [missing, raising, slow])
def test_a_screening_that_fails_waits_then_goes_to_people_and_never_passes(
    failure, arrive, analyser, backend: FakeBackend, settings, client_for, user
) -> None:
    settings.SCREENING_SECONDS = SOON
    backend.act = failure
    photo = arrive()
    for attempt in range(1, ATTEMPTS):
        begun = time.monotonic()
        assert screened(photo).screening == Asset.Screening.PENDING
        assert time.monotonic() - begun < 4 * SOON
        assert photo.tasks.get(kind=SCREENING).attempt == attempt
        assert not photo.is_usable
    photo.tasks.update(not_before="2020-01-01T00:00Z")
    assert analysis.dispatch_due() == 1
    assert screened(photo).screening == Asset.Screening.REVIEW
    assert Screening.objects.get().reason == "unscreened"
    assert Case.objects.get().reason == "unscreened"
    assert "could not be checked by machine" in (
        client_for(user).get(photo.get_absolute_url()).content.decode()
    )
    screened(photo)
    assert backend.asked == ATTEMPTS


def test_a_screening_that_recovers_clears_the_photo(arrive, analyser, backend) -> None:
    backend.act = raising
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.PENDING
    backend.act = lambda: None
    assert screened(photo).screening == Asset.Screening.CLEAR


def test_a_model_that_is_really_missing_fails_closed(arrive, analyser, settings, tmp_path) -> None:
    settings.SCREENING = "vit"
    settings.WEIGHTS_DIR = tmp_path
    backends._loaded.cache_clear()
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.PENDING
    with pytest.raises(backends.BackendMissing):
        backends.get_backends()


def test_what_hangs_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()
    monkeypatch.setattr(time_limit, "_turns", threading.BoundedSemaphore(2))
    for _ in range(2):
        with pytest.raises(TooSlow):
            within(0.05, release.wait)
    begun = []
    with pytest.raises(TooSlow, match="no turn"):
        within(0.05, lambda: begun.append(1))
    assert begun == []
    release.set()
    assert within(5, lambda: 7) == 7


# --- results --------------------------------------------------------------------------------------
def test_a_clear_result_is_kept_with_its_scores(user, backend, photo_factory) -> None:
    finding = get_screener().result_screen(user, np.zeros((8, 8, 3), np.uint8), ())
    assert finding.state == Asset.Screening.CLEAR
    result = photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap")
    finding.record(result)
    assert Screening.objects.get().subject == Screening.Subject.RESULT


def test_of_a_blocked_result_only_the_judgement_is_kept(user, backend) -> None:
    backend.seen = {"female_genitalia_exposed": 0.8}
    with pytest.raises(ResultBlocked) as refused:
        get_screener().result_screen(user, np.zeros((8, 8, 3), np.uint8), ())
    assert refused.value.code == "result_nudity"
    assert "Nothing of the result was kept" in refusal_text(refused.value)
    row = Screening.objects.get()
    assert (row.photo, row.person, row.state) == (None, user, "blocked")
    assert len(row.sha256) == 64
    assert not Asset.objects.exists()


def test_a_result_in_the_grey_band_is_kept_and_not_handed_out(
    user, backend, photo_factory, client_for
) -> None:
    backend.seen = {"buttocks_exposed": 0.5}
    finding = get_screener().result_screen(user, np.zeros((8, 8, 3), np.uint8), ())
    assert finding.state == Asset.Screening.REVIEW
    result = photo_factory(
        user, origin=Asset.Origin.RESULT, made_by="swap", screening=finding.state
    )
    finding.record(result)
    assert Case.objects.get().photo == result
    client = client_for(user)
    assert client.get(reverse("asset_file", args=[result.pk, "original"])).status_code == 404
    page = client.get(result.get_absolute_url()).content.decode()
    assert "Waiting for a person" in page
    assert reverse("asset_file", args=[result.pk, "preview"]) not in page
    assert "?download=1" not in page


@pytest.mark.parametrize("failure", [missing, raising, slow])
def test_a_result_that_cannot_be_screened_is_never_kept(failure, user, backend, settings) -> None:
    settings.SCREENING_SECONDS = SOON
    backend.act = failure
    with pytest.raises(ScreeningFailed):
        get_screener().result_screen(user, np.zeros((8, 8, 3), np.uint8), ())
    assert not Asset.objects.exists()
    assert not Screening.objects.exists()


# --- minors ---------------------------------------------------------------------------------------
class FakeAges:
    def __init__(self, *years: float) -> None:
        self._years = list(years)

    def years(self, image: np.ndarray, box: np.ndarray) -> float:
        return self._years.pop(0)


@pytest.fixture
def two_faces(analyser) -> None:
    analyser.faces = [Face.from_dict(stored_face())] * 2


@pytest.mark.parametrize(
    ("years", "state"),
    [
        ((45.0, 19.9), Asset.Screening.REVIEW),
        ((20.0, 21.0), Asset.Screening.CLEAR),
        ((30.0, float("nan")), Asset.Screening.REVIEW),
    ],
)
def test_one_face_that_looks_young_sends_a_photo_to_a_person(
    years, state, arrive, two_faces, backend, monkeypatch
) -> None:
    monkeypatch.setattr(ages, "get_estimator", lambda: FakeAges(*years))
    photo = screened(arrive())
    assert photo.screening == state
    row = Screening.objects.get()
    assert row.reason == ("minor" if state == Asset.Screening.REVIEW else "")


def test_no_age_is_kept_shown_or_logged(
    arrive, two_faces, backend, monkeypatch, client_for, user, caplog
) -> None:
    monkeypatch.setattr(ages, "get_estimator", lambda: FakeAges(17.125, 17.125))
    caplog.set_level("DEBUG")
    photo = screened(arrive())
    row = Screening.objects.get()
    assert "age" not in str(row.scores)
    page = client_for(user).get(photo.get_absolute_url()).content.decode()
    everything = f"{row.__dict__} {photo.__dict__} {Case.objects.get().__dict__} {caplog.text}"
    assert "17.1" not in everything + page
    assert Case.objects.get().reason == "minor"


def test_the_gate_only_ever_makes_it_sterner(arrive, two_faces, backend, monkeypatch) -> None:
    monkeypatch.setattr(ages, "get_estimator", lambda: FakeAges(17.0, 17.0))
    backend.seen = {"anus_exposed": 0.9}
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.BLOCKED
    # Blocked without a person would be too little here.
    assert Case.objects.get().reason == "minor"


def test_an_estimator_that_fails_is_a_screening_that_fails(
    arrive, two_faces, backend, monkeypatch
) -> None:
    monkeypatch.setattr(ages, "get_estimator", lambda: FakeAges())
    assert screened(arrive()).screening == Asset.Screening.PENDING


def test_the_estimator_is_the_packs_where_that_is_installed(monkeypatch) -> None:
    network = FakeAges()
    answers: list[object] = [network, Unavailable("buffalo_l", "is not here", "fetch it")]
    monkeypatch.setattr(ages, "open_age_network", lambda store, sessions: answers.pop(0))
    try:
        ages._loaded.cache_clear()
        assert ages.get_estimator() is network
        # One a process: it is not opened again.
        assert ages.get_estimator() is network
        ages._loaded.cache_clear()
        assert ages.get_estimator() is None
    finally:
        ages._loaded.cache_clear()


def test_what_was_seen_is_exported_and_erased_with_the_account(
    arrive, analyser, backend, user, other_user
) -> None:
    backend.seen = {"belly_exposed": 0.4}
    screened(arrive())
    screened(arrive(owner=other_user))
    (section,) = [each for each in sections() if each.name == "screenings"]
    (row,) = section.rows(user)
    assert (row["verdict"], row["scores"]) == ("clear", {"nudenet": {"belly_exposed": 0.4}})
    section.erase(user)
    assert Screening.objects.get().person == other_user


# --- switched off ---------------------------------------------------------------------------------
def test_off_passes_warns_and_shows_a_banner(arrive, analyser, settings, client_for, user) -> None:
    assert "switched off" not in client_for(None).get(reverse("landing")).content.decode()
    assert screening_is_on() == []
    settings.SCREENING = "off"
    assert [warning.id for warning in screening_is_on()] == ["moderation.W001"]
    for client in (client_for(None), client_for(user)):
        assert "Screening is switched off" in client.get(reverse("landing")).content.decode()
    photo = screened(arrive())
    assert photo.screening == Asset.Screening.CLEAR
    assert Screening.objects.get().model == "off"


def test_the_checks_see_a_missing_model(settings, tmp_path, monkeypatch) -> None:
    assert screening_has_its_models() == []
    settings.WEIGHTS_DIR = tmp_path
    settings.SCREENING = "both"
    assert [error.id for error in screening_has_its_models()] == ["moderation.E001"]
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert [error.id for error in screening_has_its_models()] == ["moderation.E001"] * 2
    with pytest.raises(SystemCheckError, match=r"moderation\.E001"):
        call_command("check")


def test_the_checks_see_thresholds_in_the_wrong_order(settings) -> None:
    assert thresholds_are_in_order() == []
    settings.SCREENING_THRESHOLDS = {"nude": (70, 30)}
    assert [error.id for error in thresholds_are_in_order()] == ["moderation.E002"]


# --- the real network -----------------------------------------------------------------------------
def test_ordinary_portraits_are_clear() -> None:
    import cv2

    (network,) = backends.get_backends()
    assert network.version.startswith("nudenet 320n c15d8273")
    photos = sorted(shared_dir("photos").glob("*.jpg"))
    assert len(photos) >= 14
    for path in photos:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        height, width = image.shape[:2]
        for variant in (
            image,
            image[:, ::-1],
            cv2.resize(image, (width // 2, height // 2)),
            image[height // 10 : -height // 10, width // 10 : -width // 10],
        ):
            seen = network.scores(np.ascontiguousarray(variant, dtype=np.uint8))
            assert scores_judge({network.name: seen}).level is Level.CLEAR, path.name


def test_a_face_that_fills_the_photo_is_no_nudity(builtin_analyser) -> None:
    import cv2

    (network,) = backends.get_backends()
    image = cv2.imread(str(shared_dir("cases") / "tighter.jpg"), cv2.IMREAD_COLOR)
    assert image is not None
    boxes = [face.box for face in builtin_analyser.find_faces(image)]
    assert len(boxes) == 1
    seen = network.scores(image, boxes)
    assert scores_judge({network.name: seen}).level is Level.CLEAR
    assert seen["female_genitalia_exposed"] < network.scores(image)["female_genitalia_exposed"]


def test_a_result_is_looked_at_for_faces_before_a_person_has_to(user, analyser, backend) -> None:
    asked = []

    def scores(image, faces=()):
        asked.append(len(faces))
        return {**CLEAN, "buttocks_exposed": 0.0 if len(faces) else 0.5}

    backend.scores = scores
    analyser.faces = [Face.from_dict(stored_face())]
    finding = get_screener().result_screen(user, np.zeros((8, 8, 3), np.uint8), ())
    assert finding.state == Asset.Screening.CLEAR
    assert asked == [0, 1]


def test_a_real_photo_goes_all_the_way(arrive, portrait) -> None:
    photo = screened(arrive(portrait))
    assert (photo.analysis, photo.screening) == ("done", "clear")
    assert len(photo.faces) == 1
    assert Screening.objects.get().scores["nudenet"]["face_female"] > 0.4
