"""Who is signed in by which session, read for many sessions at once."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user,
    get_user_model,
)
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

_IN_THE_DATABASE = "django.contrib.sessions.backends.db"


def people_signed_in(keys: Iterable[str]) -> dict[str, Any]:
    """The id of the active person whom each session has signed in; None where there is none.

    Sessions and people are read at once where sessions lie in the database. Whatever is not plainly
    in order there is decided by Django's own way, one session at a time.
    """
    found: dict[str, Any] = dict.fromkeys(keys)
    plain = _plainly_signed_in(found) if settings.SESSION_ENGINE == _IN_THE_DATABASE else {}
    for key in found:
        found[key] = plain[key] if key in plain else _signed_in(key)
    return found


def _plainly_signed_in(keys: Iterable[str]) -> dict[str, Any]:
    rows = Session.objects.filter(session_key__in=list(keys), expire_date__gt=timezone.now())
    sessions = {row.session_key: row.get_decoded() for row in rows}
    users: Any = get_user_model()
    ids = {data[SESSION_KEY] for data in sessions.values() if SESSION_KEY in data}
    people = {str(person.pk): person for person in users._default_manager.filter(pk__in=ids)}
    found = {}
    for key, data in sessions.items():
        person = people.get(str(data.get(SESSION_KEY)))
        if (
            person is not None
            and person.is_active
            and data.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
            and constant_time_compare(
                data.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()
            )
        ):
            found[key] = person.pk
    return found


def _signed_in(key: str) -> Any:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key or None)
    person = get_user(request)
    return person.pk if person.is_authenticated else None
