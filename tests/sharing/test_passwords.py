"""Links with a password: nothing before it, and no room for guessing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from faceweb.sharing import public_views
from faceweb.sharing.models import ShareLink
from tests.sharing.conftest import PASSWORD, Shared

pytestmark = pytest.mark.django_db


@pytest.fixture
def locked(share: Callable[..., Shared]) -> Shared:
    return share(
        password=make_password(PASSWORD), allow_download=True, show_original=True, show_name=True
    )


def give(client: Client, shared: Shared, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(shared.url(), {"password": password}, **extra)


def test_before_the_password_there_is_nothing(locked: Shared, stranger: Client, user: Any) -> None:
    user.name = "Olive"
    user.save()
    page = stranger.get(locked.url())
    assert page.status_code == 200
    text = page.content.decode()
    for detail in ("og:", "twitter:", "Face swap", "picture/", "preview.jpg", "Olive", "<time"):
        assert detail not in text
    assert 'type="password"' in text
    for what in ("picture/", "original/", "preview.jpg", "download/"):
        assert stranger.get(locked.url(what)).status_code == 404, what
    assert locked.views == 0


def test_the_password_opens_the_link_and_only_that(
    locked: Shared, share: Callable[..., Shared], stranger: Client
) -> None:
    other = share(password=make_password(PASSWORD))
    response = give(stranger, locked)
    assert response.status_code == 302
    assert response["Location"] == locked.url()
    page = stranger.get(locked.url()).content.decode()
    assert "Face swap" in page
    assert "og:image" not in page
    for what in ("picture/", "original/", "download/"):
        assert stranger.get(locked.url(what)).status_code == 200
    assert stranger.get(locked.url("preview.jpg")).status_code == 404
    assert 'type="password"' in stranger.get(other.url()).content.decode()
    assert stranger.get(other.url("picture/")).status_code == 404


def test_what_a_browser_says_of_one_link_does_not_open_another(
    locked: Shared, share: Callable[..., Shared], stranger: Client
) -> None:
    other = share(password=locked.link.password)
    give(stranger, locked)
    said = stranger.cookies["share_unlocked"].value
    thief = Client()
    thief.cookies["share_unlocked"] = said
    assert thief.get(other.url("picture/")).status_code == 404
    thief.cookies["share_unlocked"] = said[:-1] + ("A" if said[-1] != "A" else "B")
    assert thief.get(locked.url("picture/")).status_code == 404


@pytest.mark.parametrize("change", ["password", "token", "revoke", "a day"])
def test_being_let_in_ends(change: str, locked: Shared, stranger: Client) -> None:
    give(stranger, locked)
    assert stranger.get(locked.url("picture/")).status_code == 200
    if change == "password":
        locked.change(password=make_password("another one"))
    elif change == "token":
        locked.change(token_sha256="e" * 64)
    elif change == "revoke":
        locked.change(revoked_at=timezone.now())
    later = timedelta(days=1, minutes=1) if change == "a day" else timedelta(0)
    with time_machine.travel(timezone.now() + later):
        assert stranger.get(locked.url("picture/")).status_code == 404


def test_the_cookie_goes_to_that_links_addresses_only(locked: Shared, stranger: Client) -> None:
    cookie = give(stranger, locked).cookies["share_unlocked"]
    assert cookie["path"] == locked.url()
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert PASSWORD not in cookie.value
    assert locked.link.password not in cookie.value


def test_nothing_about_the_visitor_is_kept(
    locked: Shared, client_for: Any, other_user: Any
) -> None:
    client = client_for(other_user)
    give(client, locked)
    client.get(locked.url())
    assert locked.views == 1
    for session in Session.objects.all():
        assert "share" not in " ".join(session.get_decoded())
    assert str(other_user.pk) not in str(ShareLink.objects.values())


def test_a_wrong_password_says_so_and_loses_nothing(locked: Shared, stranger: Client) -> None:
    response = give(stranger, locked, "a wrong one")
    assert response.status_code == 400
    assert "not the password" in response.content.decode()
    assert response["Referrer-Policy"] == "same-origin"
    assert "share_unlocked" not in response.cookies
    assert give(stranger, locked).status_code == 302


def test_the_form_is_protected_against_other_sites(locked: Shared) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert give(strict, locked).status_code == 403
    page = strict.get(locked.url()).content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    form = {"password": PASSWORD, "csrfmiddlewaretoken": token}
    assert strict.post(locked.url(), form).status_code == 302


def test_wrong_passwords_are_throttled_by_network_address(
    locked: Shared, stranger: Client, settings: Any
) -> None:
    settings.SHARE_PASSWORDS_PER_MINUTE = 3
    answers = [give(stranger, locked, f"wrong {n}").status_code for n in range(5)]
    assert answers == [400, 400, 400, 429, 429]
    refused = give(stranger, locked)
    assert refused.status_code == 429, "the right one is not looked at either"
    assert refused["Retry-After"] == "60"
    assert "A little slower" in refused.content.decode()
    assert give(Client(REMOTE_ADDR="203.0.113.9"), locked).status_code == 302


def test_the_limit_ends(locked: Shared, stranger: Client, settings: Any) -> None:
    settings.SHARE_PASSWORDS_PER_MINUTE = 1
    give(stranger, locked, "wrong one")
    assert give(stranger, locked).status_code == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=1, seconds=1)):
        assert give(stranger, locked).status_code == 302


def test_right_passwords_are_not_counted(locked: Shared, settings: Any) -> None:
    settings.SHARE_PASSWORDS_PER_MINUTE = 2
    assert [give(Client(), locked).status_code for _ in range(6)] == [302] * 6


def test_one_link_withstands_many_network_addresses(
    locked: Shared, monkeypatch: pytest.MonkeyPatch, stranger: Client
) -> None:
    monkeypatch.setattr(public_views, "TRIES_PER_LINK", 4)
    give(stranger, locked)
    answers = [
        give(Client(REMOTE_ADDR=f"203.0.113.{n}"), locked, "wrong one").status_code
        for n in range(6)
    ]
    assert answers == [400] * 4 + [429] * 2
    assert stranger.get(locked.url()).status_code == 200, "who was let in before stays in"


@pytest.mark.parametrize("proxy", [False, True])
def test_a_header_makes_a_new_visitor_only_behind_the_proxy(
    proxy: bool, locked: Shared, settings: Any
) -> None:
    settings.SHARE_PASSWORDS_PER_MINUTE = 1
    if proxy:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        give(Client(), locked, "wrong", headers={"x-forwarded-for": f"203.0.113.{n}"}).status_code
        for n in range(3)
    ]
    assert answers == ([400, 400, 400] if proxy else [400, 429, 429])


def test_an_ipv6_subscriber_is_one_visitor(locked: Shared, settings: Any) -> None:
    settings.SHARE_PASSWORDS_PER_MINUTE = 1
    answers = [
        give(Client(REMOTE_ADDR=f"2001:db8:1:{net}::{n}"), locked, "wrong").status_code
        for net in (1, 2)
        for n in (1, 2)
    ]
    assert answers == [400, 429, 400, 429]


def test_unknown_tokens_are_throttled_by_network_address(
    share: Callable[..., Shared], settings: Any
) -> None:
    settings.SHARE_MISSES_PER_MINUTE = 4
    guesser, neighbour = Client(), Client(REMOTE_ADDR="203.0.113.9")
    works, ended = share(), share(revoked_at=timezone.now())
    urls = ["/s/nothing/", ended.url(), "/s/nothing/picture/", ended.url("preview.jpg")]
    assert [guesser.get(url).status_code for url in urls] == [404] * 4
    for url in (*urls, works.url(), works.url("picture/")):
        response = guesser.get(url)
        assert response.status_code == 429
        assert response["Retry-After"] == "60"
    assert neighbour.get(works.url()).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=1, seconds=1)):
        assert guesser.get(works.url()).status_code == 200


def test_working_links_are_opened_as_often_as_one_likes(
    shared: Shared, stranger: Client, settings: Any
) -> None:
    settings.SHARE_MISSES_PER_MINUTE = 1
    assert all(stranger.get(shared.url()).status_code == 200 for _ in range(10))


def test_a_password_for_a_link_without_one_changes_nothing(
    shared: Shared, stranger: Client
) -> None:
    assert give(stranger, shared).status_code == 302
    assert give(stranger, shared)["Location"] == shared.url()
