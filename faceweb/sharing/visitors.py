"""Who is looking at a link, as far as that must be known: a browser that was here, or a robot.

Nothing of it is stored on this side. What a browser has seen and unlocked it says itself, in signed
cookies that are sent back to this one link's addresses only.
"""

import re
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from faceweb.sharing.models import ShareLink

SEEN: Final = "share_seen"
UNLOCKED: Final = "share_unlocked"
# A browser that is left open counts again the next day, and is asked for the password again.
REMEMBERED_SECONDS: Final = 24 * 3600

# Programs that fetch a page to show a card of it, and those that read the whole web.
_ROBOTS: Final = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|preview|unfurl|facebookexternalhit|facebookcatalog"
    r"|meta-externalfetcher|whatsapp|slack-imgproxy|embedly|iframely|vkshare|viber|pinterest/0"
    r"|mastodon|pleroma|akkoma|misskey|kakaotalk-scrap|contenttabreceiver|google-inspectiontool"
    r"|archive\.org",
    re.IGNORECASE,
)
_PREFETCHES: Final = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def is_look(request: HttpRequest) -> bool:
    """Whether a person looks with this request: not a robot, not a browser that fetches ahead."""
    if request.method == "HEAD" or _ROBOTS.search(request.headers.get("User-Agent", "")):
        return False
    return not any(
        word in request.headers.get(header, "").lower()
        for header in _PREFETCHES
        for word in ("prefetch", "prerender", "preview")
    )


def has_seen(request: HttpRequest, link: ShareLink) -> bool:
    """Whether this browser's look at the link is counted already."""
    return _says(request, SEEN, link, _seen(link))


def remember_seen(response: HttpResponse, link: ShareLink, path: str) -> None:
    """Have the browser say from now on that its look is counted."""
    _remember(response, SEEN, link, _seen(link), path)


def has_unlocked(request: HttpRequest, link: ShareLink) -> bool:
    """Whether the link asks for no password, or this browser gave the one it has now."""
    return not link.password or _says(request, UNLOCKED, link, _lock(link))


def remember_unlocked(response: HttpResponse, link: ShareLink, path: str) -> None:
    """Have the browser say from now on that it gave the password."""
    _remember(response, UNLOCKED, link, _lock(link), path)


def _seen(link: ShareLink) -> str:
    return salted_hmac("faceweb.sharing.seen", link.token_sha256, algorithm="sha256").hexdigest()


def _lock(link: ShareLink) -> str:
    """Another one as soon as the password or the address is another one."""
    value = f"{link.token_sha256}:{link.password}"
    return salted_hmac("faceweb.sharing.unlocked", value, algorithm="sha256").hexdigest()


def _says(request: HttpRequest, name: str, link: ShareLink, value: str) -> bool:
    said = request.get_signed_cookie(
        name, default="", salt=_salt(name, link), max_age=REMEMBERED_SECONDS
    )
    return constant_time_compare(said or "", value)


def _remember(response: HttpResponse, name: str, link: ShareLink, value: str, path: str) -> None:
    response.set_signed_cookie(
        name,
        value,
        salt=_salt(name, link),
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _salt(name: str, link: ShareLink) -> str:
    return f"faceweb.sharing.{name}.{link.pk}"
