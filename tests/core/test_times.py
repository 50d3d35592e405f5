"""Times in the reader's zone, with the zone said."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from faceweb.core.times import ViewerZoneMiddleware, time_text
from faceweb.core.words import _shown, time_param

WHEN = datetime(2026, 3, 5, 13, 30, tzinfo=UTC)


def shown_to(cookie: str | None) -> str:
    """What a page says of `WHEN` to somebody whose browser sends this cookie."""
    request = RequestFactory().get("/")
    if cookie is not None:
        request.COOKIES["zone"] = cookie
    template = Template("{{ when|moment }}")
    page = ViewerZoneMiddleware(lambda _: HttpResponse(template.render(Context({"when": WHEN}))))
    return page(request).content.decode()


@pytest.mark.parametrize(
    ("cookie", "text"),
    [
        (None, "5 March 2026, 13:30 UTC"),
        ("Europe/Berlin", "5 March 2026, 14:30 CET"),
        ("Asia/Shanghai", "5 March 2026, 21:30 CST"),
        ("Nowhere/At-All", "5 March 2026, 13:30 UTC"),
        ("../../etc/passwd", "5 March 2026, 13:30 UTC"),
    ],
)
def test_a_page_says_times_in_the_zone_of_who_reads_it(cookie: str | None, text: str) -> None:
    assert shown_to(cookie) == text
    assert timezone.get_current_timezone_name() == "UTC", "the next reader has their own"


def test_a_moment_in_a_sentence_is_said_in_the_readers_zone() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert _shown(time_param(WHEN)) == "5 March 2026, 14:30 CET"


def test_a_pattern_says_less_and_the_zone_all_the_same() -> None:
    assert time_text(WHEN, "j F, H:i") == "5 March, 13:30 UTC"
    assert Template("{{ when|moment }}").render(Context({"when": None})) == ""
