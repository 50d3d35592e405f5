"""What each role sees of the panel and may do in it: moderator, lead, admin, and the others."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from faceweb.marks.models import MarkedResult
from faceweb.moderation.models import AuditEntry, BlockedHash, Case, ProtectedFace, Screening
from faceweb.moderation.strikes import strike_lift
from faceweb.work.models import Job
from tests.moderation.deciding import admin, decide, lead, mod, reported, share

__all__ = ["admin", "decide", "lead", "mod"]

pytestmark = pytest.mark.django_db

YES = 200
NO = 403
DOOR = 302


@pytest.fixture(autouse=True)
def no_broker(published: Any) -> None:
    """Notices stay here."""


@dataclass(frozen=True)
class Row:
    """What a GET answers to each role: its list and, by the same answer, the page of one."""

    moderator: int
    lead: int
    admin: int


SEEN = {
    "moderation.case": Row(YES, YES, YES),
    "moderation.strike": Row(YES, YES, YES),
    "moderation.blockedhash": Row(YES, YES, YES),
    "moderation.protectedface": Row(YES, YES, YES),
    "moderation.screening": Row(YES, YES, YES),
    "moderation.auditentry": Row(NO, YES, YES),
    "sharing.sharelink": Row(NO, YES, YES),
    "marks.markedresult": Row(NO, YES, YES),
    "media.asset": Row(NO, YES, YES),
    "people.user": Row(NO, YES, YES),
    "work.job": Row(NO, YES, YES),
    "auth.group": Row(NO, NO, YES),
    "account.emailaddress": Row(NO, NO, NO),
}
# Nobody adds or deletes by hand what comes about otherwise.
ADDED = {
    "moderation.blockedhash": Row(YES, YES, YES),
    "people.user": Row(NO, NO, YES),
}
DELETED = {
    "people.user": Row(NO, NO, YES),
    "media.asset": Row(NO, NO, YES),
}
NOBODY = Row(NO, NO, NO)
ROLES = ("moderator", "lead", "admin")


@pytest.fixture
def people(mod: Any, lead: Any, admin: Any) -> dict[str, Any]:
    return {"moderator": mod, "lead": lead, "admin": admin}


@pytest.fixture
def things(user: Any, photo_factory: Any, mod: Any, decide: Any) -> dict[str, Any]:
    """One row of everything the panel lists."""
    photo = photo_factory(user)
    case = reported(photo)
    decide(case, mod, "warn", "likeness")
    return {
        "moderation.case": case,
        "moderation.strike": user.strikes.get(),
        "moderation.blockedhash": BlockedHash.objects.create(kind="sha256", value="a" * 64),
        "moderation.protectedface": ProtectedFace.objects.create(),
        "moderation.screening": Screening.objects.create(subject="upload", state="clear"),
        "moderation.auditentry": AuditEntry.objects.first(),
        "sharing.sharelink": share(photo),
        "marks.markedresult": MarkedResult.objects.create(
            mark_id="1" * 16, pdq="0" * 64, pdq_badged="0" * 64, pdq_quality=90, kind="swap"
        ),
        "media.asset": photo,
        "people.user": user,
        "work.job": Job.objects.create(owner=user, kind="swap", recipe={}),
        "auth.group": mod.groups.get(),
        "account.emailaddress": user.emailaddress_set.get(),
    }  # fmt: skip


def address(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=args)


def test_the_matrix_names_everything_the_panel_has() -> None:
    registered = {model._meta.label_lower for model in django_admin.site._registry}
    assert registered == SEEN.keys()


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_see_add_change_and_delete(
    role: str, people: dict[str, Any], things: dict[str, Any], client_for: Any
) -> None:
    client = client_for(people[role])
    for model, row in SEEN.items():
        seen = getattr(row, role)
        pk = things[model].pk
        pages = {
            "changelist": seen,
            "change": seen,
            "history": seen,
            "add": getattr(ADDED.get(model, NOBODY), role),
            "delete": getattr(DELETED.get(model, NOBODY), role),
        }
        for page, status in pages.items():
            args = () if page in {"changelist", "add"} else (pk,)
            url = address(model, page, *args)
            assert client.get(url).status_code == status, (role, url)
        changing = client.post(address(model, "change", pk), {"reason": "forged"})
        # A case's page is shown whatever is sent to it; an account's form is refused.
        shown = (model == "moderation.case") or (role == "admin" and model == "people.user")
        assert changing.status_code == (YES if shown else NO), (role, model)
        assert getattr(type(things[model]).objects.get(pk=pk), "reason", "") != "forged"


@pytest.mark.parametrize("who", ["user", None])
def test_everybody_else_stands_before_the_door(
    who: str | None, things: dict[str, Any], client_for: Any, user: Any
) -> None:
    client = client_for(user if who else None)
    for model in SEEN:
        for page, args in (("changelist", ()), ("change", (things[model].pk,))):
            assert client.get(address(model, page, *args)).status_code == DOOR


def test_staff_without_a_role_sees_nothing(
    make_user: Any, things: dict[str, Any], client_for: Any
) -> None:
    client = client_for(make_user("sam@example.org", is_staff=True))
    for model in SEEN:
        assert client.get(address(model, "changelist")).status_code == NO, model
    index = client.get(reverse("admin:index"))
    assert index.status_code == YES
    assert "What waits" not in index.content.decode()


@pytest.mark.parametrize(
    ("action", "model", "allowed"),
    [
        ("lift", "moderation.strike", {"lead", "admin"}),
        ("revoke", "sharing.sharelink", {"lead", "admin"}),
        ("switch_off", "moderation.blockedhash", {"moderator", "lead", "admin"}),
        ("withdraw", "moderation.protectedface", {"lead", "admin"}),
        ("cancel", "work.job", {"admin"}),
        ("delete_selected", "media.asset", {"admin"}),
        ("delete_selected", "moderation.blockedhash", set()),
        ("delete_selected", "moderation.auditentry", set()),
        ("forget_second_factor", "people.user", {"admin"}),
    ],
)
def test_who_may_take_which_action(
    action: str, model: str, allowed: set[str], people: dict[str, Any],
    things: dict[str, Any], client_for: Any,
) -> None:  # fmt: skip
    for role, person in people.items():
        response = client_for(person).get(address(model, "changelist"))
        if response.status_code == NO:
            assert role not in allowed
            continue
        form = response.context.get("action_form")
        offered = {name for name, _ in form.fields["action"].choices} if form else set()
        assert (action in offered) == (role in allowed), (role, action)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("dismiss", {"moderator", "lead", "admin"}),
        ("warn", {"moderator", "lead", "admin"}),
        ("freeze", {"lead", "admin"}),
        ("suspend", {"lead", "admin"}),
    ],
)
def test_who_is_offered_which_decision(
    action: str, allowed: set[str], people: dict[str, Any], user: Any, photo_factory: Any,
    client_for: Any,
) -> None:  # fmt: skip
    case = reported(photo_factory(user))
    for role, person in people.items():
        page = client_for(person).get(address("moderation.case", "change", case.pk))
        assert (f'value="{action}"' in page.content.decode()) == (role in allowed), role


def test_the_menu_shows_what_one_may_see(people: dict[str, Any], client_for: Any) -> None:
    for role, person in people.items():
        page = client_for(person).get(reverse("admin:index")).content.decode()
        for model, row in SEEN.items():
            if model in {"moderation.screening", "account.emailaddress"}:
                continue
            shown = f'href="{address(model, "changelist")}"' in page
            assert shown == (getattr(row, role) == YES), (role, model)


# --- accounts -----------------------------------------------------------------------------------
def test_a_lead_looks_people_up_and_sees_no_password(lead: Any, user: Any, client_for: Any) -> None:
    page = client_for(lead).get(address("people.user", "change", user.pk)).content.decode()
    assert user.email in page
    assert "password" not in page.replace("password_change", "").lower().split("<main")[-1]


def test_nobody_makes_themselves_a_superuser(
    admin: Any, user: Any, moderator: Any, client_for: Any
) -> None:
    client = client_for(admin)
    form = {"email": admin.email, "is_staff": "on", "is_superuser": "on", "is_active": "on"}
    client.post(address("people.user", "change", admin.pk), form)
    admin.refresh_from_db()
    assert not admin.is_superuser
    # A superuser's account is not theirs to touch.
    assert client.get(address("people.user", "delete", moderator.pk)).status_code == NO
    password = reverse("admin:auth_user_password_change", args=[moderator.pk])
    assert client.get(password).status_code == NO
    form = {"action": "forget_second_factor", "_selected_action": [str(moderator.pk)]}
    client_for(moderator)
    client.post(address("people.user", "changelist"), form)
    from allauth.mfa.models import Authenticator

    assert Authenticator.objects.filter(user=moderator).exists()


def test_standing_is_changed_by_decisions_alone(
    admin: Any, lead: Any, user: Any, photo_factory: Any, client_for: Any, decide: Any
) -> None:
    decide(reported(photo_factory(user)), lead, "suspend", "repeated")
    url = address("people.user", "change", user.pk)
    client_for(admin).post(url, {"email": user.email, "is_active": "on"})
    user.refresh_from_db()
    assert not user.is_active
    assert strike_lift(strike=user.strikes.get(), by=lead)
    user.refresh_from_db()
    assert user.is_active


def test_roles_are_not_edited_by_admins(admin: Any, client_for: Any) -> None:
    group = admin.groups.get()
    assert client_for(admin).post(address("auth.group", "change", group.pk), {}).status_code == NO


def test_how_many_wait_is_in_the_menu(
    mod: Any, user: Any, photo_factory: Any, client_for: Any
) -> None:
    client: Client = client_for(mod)
    for _ in range(3):
        Case.objects.create(kind="takedown", due_at=timezone.now() + timedelta(hours=5))
    assert ">3<" in client.get(reverse("admin:index")).content.decode().replace(" ", "").replace(
        "\n", ""
    )


def test_whatever_is_done_by_the_panels_forms_is_in_the_log(
    admin: Any, moderator: Any, user: Any, photo_factory: Any, client_for: Any
) -> None:
    photos = [photo_factory(user) for _ in range(2)]
    # Nobody deletes these rows by themselves; they go with what they are about.
    Screening.objects.create(photo=photos[0], person=user, subject="upload", state="clear")
    share(photos[1])
    client = client_for(admin)
    form = {"action": "delete_selected", "_selected_action": [p.pk for p in photos], "post": "yes"}
    client.post(address("media.asset", "changelist"), form)
    gone = AuditEntry.objects.filter(action="panel.delete", actor_id=admin.pk)
    assert set(gone.values_list("target_id", flat=True)) == {str(photo.pk) for photo in photos}

    group = admin.groups.get()
    form = {"email": user.email, "name": "Olive", "is_staff": "on", "groups": [group.pk]}
    client.post(address("people.user", "change", user.pk), form)
    entry = AuditEntry.objects.get(action="panel.change")
    assert (entry.target_id, entry.actor_id) == (str(user.pk), admin.pk)
    assert {"Name", "Staff status", "Groups"} <= set(entry.details["fields"])
    assert "Olive" not in str(entry.details)

    client.post(address("people.user", "delete", user.pk), {"post": "yes"})
    assert AuditEntry.objects.filter(action="panel.delete", target_id=str(user.pk)).exists()
