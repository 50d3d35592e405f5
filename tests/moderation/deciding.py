"""People who decide, and cases for them to decide."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation.cases import case_open
from faceweb.moderation.decisions import case_decide
from faceweb.moderation.models import Case, Decision
from faceweb.moderation.roles import ADMINS, LEADS, MODERATORS
from faceweb.sharing.models import ShareLink
from tests.work.conftest import parallel_database

__all__ = ["admin", "decide", "lead", "mod", "other_mod", "parallel_database"]


def share(photo: Asset, token: str = "t" * 43, **fields: Any) -> ShareLink:
    """A link that works."""
    fields.setdefault("expires_at", timezone.now() + timedelta(days=7))
    return ShareLink.objects.create(
        owner=photo.owner,
        photo=photo,
        token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        **fields,
    )


def reported(photo: Asset, reason: str = "likeness", **fields: Any) -> Case:
    """A case as a report opens it."""
    Asset.objects.filter(pk=photo.pk).update(withheld=True)
    return case_open(kind=Case.Kind.REPORT, reason=reason, photo=photo, **fields)


def member(make_user: Callable[..., Any], email: str, group: str) -> Any:
    """Staff in one of the three roles."""
    person = make_user(email, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def mod(make_user: Callable[..., Any]) -> Any:
    return member(make_user, "mo@example.org", MODERATORS)


@pytest.fixture
def other_mod(make_user: Callable[..., Any]) -> Any:
    return member(make_user, "max@example.org", MODERATORS)


@pytest.fixture
def lead(make_user: Callable[..., Any]) -> Any:
    return member(make_user, "lee@example.org", LEADS)


@pytest.fixture
def admin(make_user: Callable[..., Any]) -> Any:
    return member(make_user, "ada@example.org", ADMINS)


@pytest.fixture
def decide() -> Callable[..., Decision]:
    """Decide the case as it stands now."""

    def act(case: Case, by: Any, action: str, reason: str, text: str = "") -> Decision:
        case.refresh_from_db()
        return case_decide(
            case_id=case.pk, version=case.version, by=by, action=action, reason=reason, text=text
        )

    return act
