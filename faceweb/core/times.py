"""Moments in the reader's zone, with the zone said."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format

ZONE_COOKIE = "zone"
MOMENT = "j F Y, H:i"


def time_text(when: datetime, pattern: str = MOMENT) -> str:
    """A moment in the active zone and the zone's name, such as "5 March 2026, 14:30 CET"."""
    local = timezone.localtime(when)
    return f"{date_format(local, pattern)} {local.tzname()}"


class ViewerZoneMiddleware:
    """Shows times in the zone of whoever looks.

    Their browser says which it is in a cookie that a script sets; before it has, and without
    scripts, times are in UTC, which the pages say too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(ZONE_COOKIE, "")
        if name not in _known_zones():
            return self.get_response(request)
        with timezone.override(ZoneInfo(name)):
            return self.get_response(request)


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
