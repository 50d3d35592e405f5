"""The ladder, what each rung forbids, and how long."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from editing.asking import preview_ask
from editing.recipe import EditRecipe
from faceweb.core.words import status_of
from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.errors import IntakeError
from faceweb.media.models import Asset
from faceweb.media.services import asset_intake
from faceweb.moderation.models import AuditEntry, Decision, Strike
from faceweb.moderation.strikes import evidence_of, sessions_end, strike_lift
from faceweb.work.errors import AccountFrozen
from faceweb.work.kinds.recipes import RecipeError
from faceweb.work.models import Job
from faceweb.work.services import job_create, job_retry
from tests.conftest import stored_face
from tests.moderation.deciding import decide, lead, mod, reported

__all__ = ["decide", "lead", "mod"]

pytestmark = pytest.mark.django_db

A = Decision.Action
L = Strike.Level


@pytest.fixture(autouse=True)
def no_broker(published):
    """Messages stay here."""
    return published


@pytest.fixture
def strike(user, photo_factory, mod, decide):
    """Give the user a strike about a new picture."""

    def give(reason="deception", action=A.WARN, by=None):
        decision = decide(reported(photo_factory(user)), by or mod, action, reason)
        user.refresh_from_db()
        return Strike.objects.get(decision=decision)

    return give


@pytest.fixture
def frozen(user):
    user.frozen_at = timezone.now()
    user.save()
    return user


def test_the_ladder_climbs_by_itself(strike, user):
    assert strike().level == L.WARNING
    assert user.may_share
    assert strike().level == L.SHARING_OFF
    assert user.may_make
    assert not user.may_share
    assert strike().level == L.SUSPENSION
    assert not user.is_active


@pytest.mark.parametrize("reason", ["minor", "intimate"])
@pytest.mark.parametrize("action", [A.WARN, A.DELETE])
def test_what_is_grave_suspends_at_once(strike, user, reason, action):
    assert strike(reason, action).level == L.SUSPENSION
    assert not user.is_active


def test_a_strike_says_what_it_was_about(user, photo_factory, mod, decide, settings, time_machine):
    settings.STRIKE_DAYS = 30
    now = timezone.now().replace(microsecond=0)
    time_machine.move_to(now, tick=False)
    photo = photo_factory(user, upload_sha256="c" * 64)
    decide(reported(photo), mod, A.DELETE, "nudity", "Not here.")
    made = Strike.objects.get()
    assert (made.evidence_sha256, made.text, made.reason) == ("c" * 64, "Not here.", "nudity")
    assert made.expires_at == now + timedelta(days=30)


def test_a_result_is_known_by_its_file(user, photo_factory):
    photo = photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap")
    digest = evidence_of(photo)
    assert len(digest) == 64
    photo.file_of("original").storage.delete(photo.file_of("original").name)
    assert evidence_of(Asset.objects.get()) == ""


def test_sharing_comes_back_by_time(strike, user, time_machine):
    strike()
    strike()
    start = timezone.now()
    time_machine.move_to(start + timedelta(days=6, hours=23))
    assert not user.may_share
    time_machine.move_to(start + timedelta(days=7, seconds=1))
    assert user.may_share


def test_an_expired_strike_does_not_make_the_next_graver(strike, user, settings, time_machine):
    strike()
    time_machine.move_to(timezone.now() + timedelta(days=settings.STRIKE_DAYS, seconds=1))
    assert strike().level == L.WARNING


def test_a_lifted_strike_takes_back_what_it_brought(strike, user, lead):
    first, second, third = strike(), strike(), strike()
    assert not user.is_active
    assert strike_lift(strike=third, by=lead)
    user.refresh_from_db()
    assert user.is_active
    assert not user.may_share
    assert strike_lift(strike=second, by=lead)
    user.refresh_from_db()
    assert user.may_share
    assert not strike_lift(strike=second, by=lead)
    assert first.is_counting
    assert AuditEntry.objects.filter(action="strike.lift").count() == 2


def test_lifting_one_of_two_suspensions_leaves_the_other(strike, user, lead):
    first, second = strike("minor"), strike("minor")
    strike_lift(strike=first, by=lead)
    user.refresh_from_db()
    assert not user.is_active
    strike_lift(strike=second, by=lead)
    user.refresh_from_db()
    assert user.is_active


def test_lifting_a_warning_switches_no_account_on(strike, user, lead):
    warning = strike()
    user.is_active = False
    user.save()
    strike_lift(strike=warning, by=lead)
    user.refresh_from_db()
    assert not user.is_active


# --- what is forbidden ---------------------------------------------------------------------------
def test_who_is_frozen_sends_no_photo(frozen, media):
    with pytest.raises(IntakeError) as refusal:
        asset_intake(
            owner=frozen,
            upload=SimpleUploadedFile("a.jpg", b"x"),
            consent_version=CONSENT_VERSION,
        )
    assert refusal.value.code == "account_frozen"
    assert status_of(refusal.value.code) == 403


def test_who_is_frozen_starts_no_job(frozen):
    with pytest.raises(AccountFrozen):
        job_create(owner=frozen, kind="swap", recipe={})
    failed = Job.objects.create(owner=frozen, kind="swap", recipe={}, state=Job.State.FAILED)
    with pytest.raises(AccountFrozen):
        job_retry(job=failed)
    assert Job.objects.get().state == Job.State.FAILED


def test_who_is_frozen_gets_no_preview(frozen, photo_factory):
    recipe = EditRecipe(photo_factory(frozen).pk, 0, {"smile": 20})
    with pytest.raises(RecipeError) as refusal:
        preview_ask(owner=frozen, recipe=recipe)
    assert refusal.value.code == "account_frozen"


def test_the_studio_and_the_editor_say_why(frozen, photo_factory, client_for):
    target = photo_factory(frozen, faces=[stored_face()])
    source = photo_factory(frozen, faces=[stored_face()])
    client = client_for(frozen)
    mapping = {"target": target.pk, "map-0": f"{source.pk}:0", "blend": "poisson"}
    swap = client.post(reverse("swaps"), mapping)
    edit = client.post(
        reverse("edits"), {"photo": target.pk, "face": "0", "smile": "40", "age": "0"}
    )
    for answer in (swap, edit):
        assert answer.status_code == 403
        assert "nothing new can be uploaded, made or shared" in answer.content.decode()
    assert not Job.objects.exists()


def test_freezing_ends_what_is_being_made(strike, user, lead):
    job = Job.objects.create(owner=user, kind="swap", recipe={})
    strike("suspicion", A.FREEZE, lead)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert user.frozen_at is not None
    assert user.is_active


def test_a_frozen_person_still_looks_exports_and_deletes(frozen, photo_factory, client_for):
    photo = photo_factory(frozen)
    client = client_for(frozen)
    assert client.get(reverse("photos")).status_code == 200
    assert client.get(reverse("asset_file", args=[photo.pk, "original"])).status_code == 200
    assert client.post(reverse("accounts_export")).status_code == 200
    client.post(reverse("asset_delete", args=[photo.pk]), {"confirm": "yes"})
    assert not Asset.objects.exists()


def test_a_suspended_person_is_signed_out_everywhere(
    strike, user, other_user, lead, client_for, no_broker, django_capture_on_commit_callbacks
):
    theirs, others = client_for(user), client_for(other_user)
    with django_capture_on_commit_callbacks(execute=True):
        strike("deception", A.SUSPEND, lead)
    assert theirs.get(reverse("photos")).status_code == 302
    assert ("faceweb.moderation.tasks.sessions_end", (str(user.pk),)) in no_broker
    assert sessions_end(user.pk) == 1
    assert Session.objects.count() == 1
    assert others.get(reverse("photos")).status_code == 200


def test_sessions_of_the_active_are_left_alone(user, client_for):
    client_for(user)
    assert sessions_end(user.pk) == 0
    assert Session.objects.count() == 1
