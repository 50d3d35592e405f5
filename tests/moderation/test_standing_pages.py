"""What people see of their own standing, what is kept about them, and the roles."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from faceweb.accounts.services import account_delete, account_export
from faceweb.media.models import Asset
from faceweb.moderation.appeals import appeal_create
from faceweb.moderation.holds import hold_release, hold_set
from faceweb.moderation.models import Appeal, AuditEntry, Case, Decision, Report, Strike
from faceweb.moderation.reports import Claim, report_create, takedown_create
from faceweb.moderation.roles import ADMINS, LEADS, MODERATORS, PERMISSIONS, roles_make
from tests.moderation.deciding import admin, decide, lead, mod, reported, share

__all__ = ["admin", "decide", "lead", "mod"]

pytestmark = pytest.mark.django_db

A = Decision.Action


@pytest.fixture(autouse=True)
def no_broker(published):
    return published


@pytest.fixture
def history(user, other_user, photo_factory, mod, decide):
    """A strike with an appeal, and a report about somebody else's picture."""
    decision = decide(reported(photo_factory(user)), mod, A.WARN, "deception", "Really?")
    strike = Strike.objects.get(decision=decision)
    appeal_create(person=user, text="It is satire.", strike=strike)
    link = share(photo_factory(other_user))
    report_create(link=link, category="likeness", text="That is me.", reporter=user)


def page_of(client):
    answer = client.get(reverse("standing"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_needs_an_account(client):
    assert client.get(reverse("standing")).status_code == 302


def test_a_person_without_a_history_is_told_so(user, client_for):
    page = page_of(client_for(user))
    assert "Thank you for keeping to the rules" in page


def test_strikes_reports_and_appeals_are_shown_with_their_reasons(
    history, user, other_user, client_for
):
    page = page_of(client_for(user))
    for part in ("Warning", "used to deceive", "Really?", "It is satire.", "being looked at"):
        assert part in page
    assert Report.objects.get().ticket in page
    other = page_of(client_for(other_user))
    assert "Really?" not in other
    assert Report.objects.get().ticket not in other


def test_a_strike_offers_the_appeal_once(history, user, client_for, photo_factory, mod, decide):
    appealed = Strike.objects.get()
    decide(reported(photo_factory(user)), mod, A.WARN, "nudity")
    page = page_of(client_for(user))
    assert reverse("appeal_strike", args=[appealed.pk]) not in page
    newer = Strike.objects.exclude(pk=appealed.pk).get()
    assert reverse("appeal_strike", args=[newer.pk]) in page


def test_the_page_asks_the_database_no_more_for_more(
    history, user, client_for, photo_factory, mod, decide, django_assert_max_num_queries
):
    for _ in range(4):
        Strike.objects.create(
            person=user, level="warning", reason="other", expires_at=timezone.now()
        )
    client = client_for(user)
    with django_assert_max_num_queries(6):
        page_of(client)


def test_every_page_says_what_is_switched_off(user, client_for, django_assert_num_queries):
    client = client_for(user)
    assert "notice-bar" not in client.get(reverse("photos")).content.decode()
    user.sharing_off_until = timezone.now() + timedelta(days=2)
    user.save()
    assert "Sharing is switched off" in client.get(reverse("photos")).content.decode()
    user.frozen_at = timezone.now()
    user.save()
    # The session and the person: what is said needs nothing more.
    with django_assert_num_queries(2):
        page = client.get(reverse("landing")).content.decode()
    assert "Your account is frozen" in page


# --- what is kept --------------------------------------------------------------------------------
def test_the_export_has_it_all(history, user):
    bundle = zipfile.ZipFile(io.BytesIO(account_export(user=user).read()))
    [report] = json.loads(bundle.read("reports.json"))
    [strike] = json.loads(bundle.read("strikes.json"))
    [appeal] = json.loads(bundle.read("appeals.json"))
    assert report["text"] == "That is me."
    assert strike["reason"] == "deception"
    assert appeal["text"] == "It is satire."


def test_an_erased_persons_cases_stay_without_the_person(history, user, mod):
    email, cases = user.email, Case.objects.count()
    reports = takedown_create(
        claim=Claim("rights", ["https://x.example"], name="Olive", email=email, signature="Olive"),
        reporter=user,
    )
    entries = AuditEntry.objects.count()
    account_delete(user=user)
    assert not Strike.objects.exists()
    assert not Appeal.objects.exists()
    assert Case.objects.count() == cases + 1
    assert not Case.objects.filter(person__isnull=False, reports__isnull=True).exists()
    assert not Case.objects.open().filter(kind=Case.Kind.APPEAL).exists()
    kept = Report.objects.get(pk=reports[0].pk)
    assert (kept.reporter, kept.name, kept.email, kept.signature) == (None, "", "", "")
    assert AuditEntry.objects.count() > entries
    assert not AuditEntry.objects.filter(details__icontains=email).exists()


def test_an_erased_persons_held_picture_stays_until_it_is_released(
    user, lead, photo_factory, media, django_capture_on_commit_callbacks
):
    photo, other = photo_factory(user), photo_factory(user)
    case = reported(photo)
    email = user.email
    hold_set(photo=photo, by=lead, reason="order 1")
    with django_capture_on_commit_callbacks(execute=True):
        account_delete(user=user)
    people = get_user_model().objects
    assert not people.filter(email=email).exists()
    shell = people.get(pk=photo.owner_id)
    assert not shell.is_active
    case.refresh_from_db()
    assert case.person is None
    assert case.photo == photo
    assert shell.name == ""
    assert list(Asset.objects.all()) == [photo]
    assert not Asset.objects.filter(pk=other.pk).exists()
    assert len([path for path in media.rglob("*") if path.is_file()]) == 3
    with django_capture_on_commit_callbacks(execute=True):
        hold_release(photo=photo, by=lead, reason="over")
    assert not Asset.objects.exists()
    assert not people.filter(pk=shell.pk).exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


# --- roles ---------------------------------------------------------------------------------------
def test_roles_and_what_they_may(mod, lead, admin):
    assert mod.has_perm("moderation.decide_case")
    assert not mod.has_perm("moderation.suspend_person")
    assert not mod.has_perm("moderation.view_auditentry")
    assert not mod.has_perm("media.view_asset")
    for permission in ("suspend_person", "undo_decision", "hold_picture", "view_auditentry"):
        assert lead.has_perm(f"moderation.{permission}")
    assert not lead.has_perm("people.change_user")
    assert admin.has_perm("people.change_user")
    for person in (mod, lead, admin):
        assert not person.has_perm("moderation.change_auditentry")
        assert not person.has_perm("moderation.delete_auditentry")


def test_every_permission_of_a_role_exists_and_operators_may_add_more():
    for name, wanted in PERMISSIONS.items():
        assert Group.objects.get(name=name).permissions.count() == len(wanted)
    extra = Permission.objects.exclude(group__name=MODERATORS)[0]
    group = Group.objects.get(name=MODERATORS)
    group.permissions.add(extra)
    roles_make()
    assert extra in group.permissions.all()
    assert {LEADS, ADMINS} <= set(Group.objects.values_list("name", flat=True))


async def _read(response):
    return b"".join([chunk async for chunk in response])


def test_an_export_does_not_show_what_is_on_hold(user, lead, photo_factory, client_for):
    photo = photo_factory(user)
    hold_set(photo=photo, by=lead, reason="order 1")
    client_for(user).post(reverse("asset_delete", args=[photo.pk]), {"confirm": "yes"})
    answer = client_for(user).post(reverse("accounts_export"))
    bundle = zipfile.ZipFile(io.BytesIO(async_to_sync(_read)(answer)))
    assert json.loads(bundle.read("photos.json")) == []
