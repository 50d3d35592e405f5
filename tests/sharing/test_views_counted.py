"""What counts as a look, and that the last one is given to one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from faceweb.sharing.models import ShareLink
from tests.sharing.conftest import Shared

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Chrome/120 Safari/537.36"
ROBOTS = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Jakarta Commons-HttpClient/3.1)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Macintosh) facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Synapse (bot; +https://github.com/matrix-org/synapse)",
    "http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.example/)",
]
AT_ONCE = 8


@pytest.mark.django_db
def test_a_browser_counts_once_with_all_its_pictures(
    share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(show_original=True, allow_download=True)
    for _ in range(2):
        for what in ("", "picture/", "original/", "download/", "preview.jpg"):
            assert stranger.get(shared.url(what)).status_code == 200
    assert shared.views == 1
    Client().get(shared.url())
    assert shared.views == 2


@pytest.mark.django_db
def test_a_new_day_is_a_new_look(shared: Shared, stranger: Client) -> None:
    stranger.get(shared.url())
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        stranger.get(shared.url())
    assert shared.views == 2


@pytest.mark.django_db
def test_a_picture_asked_for_alone_is_a_look(shared: Shared, stranger: Client) -> None:
    stranger.get(shared.url("picture/"))
    stranger.get(shared.url())
    assert shared.views == 1


@pytest.mark.django_db
def test_the_last_view_still_loads_its_pictures_and_nobody_elses(
    share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(max_views=1, show_original=True, allow_download=True)
    assert stranger.get(shared.url()).status_code == 200
    late = Client()
    for what in ("", "picture/", "original/", "download/", "preview.jpg"):
        assert late.get(shared.url(what)).status_code == 404, what
        assert stranger.get(shared.url(what)).status_code == 200, what
    assert shared.views == 1
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert stranger.get(shared.url("picture/")).status_code == 404


@pytest.mark.django_db
def test_a_look_at_one_link_is_none_at_another(share: Callable[..., Shared]) -> None:
    first, second = share(max_views=1), share(max_views=1, views=1)
    browser = Client()
    said = browser.get(first.url()).cookies["share_seen"].value
    forger = Client()
    forger.cookies["share_seen"] = said
    assert forger.get(second.url()).status_code == 404


@pytest.mark.django_db
def test_the_owner_does_not_count(share: Callable[..., Shared], client_for: Any, user: Any) -> None:
    shared = share(max_views=1)
    owner = client_for(user)
    for what in ("", "picture/"):
        assert owner.get(shared.url(what)).status_code == 200
    assert shared.views == 0


@pytest.mark.django_db
@pytest.mark.parametrize("agent", ROBOTS)
def test_robots_get_page_and_card_and_use_up_nothing(
    agent: str, share: Callable[..., Shared]
) -> None:
    shared = share(max_views=1)
    robot = Client(headers={"user-agent": agent})
    page = robot.get(shared.url())
    assert page.status_code == 200
    assert b"og:image" in page.content
    assert robot.get(shared.url("preview.jpg")).status_code == 200
    assert robot.get(shared.url("picture/")).status_code == 404, "that is what is counted"
    assert shared.views == 0
    assert "share_seen" not in page.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("agent", [IPHONE, CUBOT, "curl/8.5", ""])
def test_people_count(agent: str, shared: Shared) -> None:
    Client(headers={"user-agent": agent}).get(shared.url())
    assert shared.views == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {"purpose": "prefetch"},
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
        {"x-moz": "prefetch"},
        {"x-purpose": "preview"},
    ],
    ids=str,
)
def test_fetching_ahead_uses_up_nothing_and_the_picture_makes_up_for_it(
    headers: dict[str, str], share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(max_views=1)
    assert stranger.get(shared.url(), headers=headers).status_code == 200
    assert stranger.get(shared.url("picture/"), headers=headers).status_code == 404
    assert shared.views == 0
    assert stranger.get(shared.url("picture/")).status_code == 200, "the page is looked at now"
    assert shared.views == 1
    assert Client().get(shared.url()).status_code == 404


@pytest.mark.django_db
def test_a_head_request_uses_up_nothing(share: Callable[..., Shared], stranger: Client) -> None:
    shared = share(max_views=1)
    response = stranger.head(shared.url())
    assert response.status_code == 200
    assert response.content == b""
    assert "share_seen" not in response.cookies
    assert shared.views == 0


@pytest.mark.django_db
def test_asking_for_the_password_is_no_look(share: Callable[..., Shared], stranger: Client) -> None:
    from django.contrib.auth.hashers import make_password

    shared = share(max_views=1, password=make_password("a long secret"))
    stranger.get(shared.url())
    stranger.post(shared.url(), {"password": "a long secret"})
    assert shared.views == 0
    stranger.get(shared.url())
    assert shared.views == 1


@pytest.mark.usefixtures("parallel_database")
def test_of_many_at_once_as_many_get_in_as_there_are_views(
    share: Callable[..., Shared],
) -> None:
    shared = share(max_views=3)
    barrier = Barrier(AT_ONCE)

    def look(number: int) -> int:
        try:
            barrier.wait(timeout=10)
            return Client(REMOTE_ADDR=f"203.0.113.{number}").get(shared.url()).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(look, range(AT_ONCE)))
    assert sorted(answers) == [200] * 3 + [404] * (AT_ONCE - 3)
    assert shared.views == 3


@pytest.mark.usefixtures("parallel_database")
def test_looks_at_once_are_all_counted_where_there_is_no_limit(
    share: Callable[..., Shared],
) -> None:
    shared = share()

    def look(number: int) -> int:
        try:
            return Client().get(shared.url()).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert set(threads.map(look, range(AT_ONCE))) == {200}
    assert ShareLink.objects.get().views == AT_ONCE
