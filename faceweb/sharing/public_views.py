"""What whoever holds a link gets to see, and everybody else does not.

A token that opens nothing is answered with one page, whatever the reason: after the same query,
with the same bytes. Every picture asks about its link again.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Final

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from faceweb.core.addresses import with_public_origin
from faceweb.media.errors import MarkingError
from faceweb.media.makers import asset_describe, steps_sentences
from faceweb.sharing import visitors
from faceweb.sharing.complaints import complaint_url
from faceweb.sharing.errors import LinkGone
from faceweb.sharing.forms import PasswordForm
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import link_of_token, link_view
from faceweb.sharing.throttle import Limit, network_address

logger = logging.getLogger(__name__)

MINUTE: Final = 60
HOUR: Final = 3600
# However many addresses of the network somebody has, one link's password withstands them.
TRIES_PER_LINK: Final = 100

View = Callable[[HttpRequest, ShareLink, str], HttpResponse]


class TooMany(Exception):
    """Somebody was wrong too often; ``seconds`` is how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _misses() -> Limit:
    return Limit("misses", settings.SHARE_MISSES_PER_MINUTE, MINUTE)


def _for_link_holders(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Hand a view the link of its token if that works, and seal what it answers."""

    @wraps(view)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        who = network_address(request)
        try:
            if _misses().is_reached(who):
                raise TooMany(MINUTE)
            response = view(request, _open_link(request, token), token)
        except LinkGone:
            _misses().take(who)
            response = HttpResponse(render_to_string("sharing/gone.html"), status=404)
        except TooMany as error:
            response = HttpResponse(render_to_string("base/errors/429.html"), status=429)
            response["Retry-After"] = str(error.seconds)
        return _sealed(response)

    return answer


def _open_link(request: HttpRequest, token: str) -> ShareLink:
    """The link, if it opens for whoever asks; one that is used up does for those it counted."""
    link = link_of_token(token)
    if link is not None:
        state = link.state
        if state == ShareLink.State.WORKS:
            return link
        if state == ShareLink.State.USED_UP and visitors.has_seen(request, link):
            return link
    raise LinkGone


def _sealed(response: HttpResponse) -> HttpResponse:
    """Out of every cache and search engine; no other site learns the address."""
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, noimageindex"
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@_for_link_holders
def shared_page(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """The marked result, what was done to it and when; or a question for the password."""

    from faceweb.sharing import copies

    path = reverse("shared", args=[token])
    if request.method == "POST":
        return _unlock(request, link, path)
    if not visitors.has_unlocked(request, link):
        return _ask_for_password(request, PasswordForm())
    counts = visitors.is_look(request) and _is_uncounted(request, link)
    if counts and not link_view(link=link):
        raise LinkGone
    photo = link.photo
    steps = asset_describe(photo)
    original = copies.original_of(photo) if link.show_original else None
    context = {
        "link": link,
        "photo": photo,
        "original": original,
        "token": token,
        "steps": steps,
        "label": steps[-1].label,
        "sentences": steps_sentences(steps),
        "name": link.owner.name if link.show_name else "",
        "complaint_url": complaint_url(token),
        "address": with_public_origin(path),
        "card_address": with_public_origin(reverse("shared_preview", args=[token])),
        "card_width": copies.CARD_WIDTH,
        "card_height": copies.CARD_HEIGHT,
    }
    response = render(request, "sharing/shared.html", context)
    if counts:
        visitors.remember_seen(response, link, path)
    return response


@require_safe
@_for_link_holders
def shared_picture(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """The marked result's bytes."""

    from faceweb.sharing import copies

    return _picture(request, link, token, lambda: copies.shared_copy(link.photo))


@require_safe
@_for_link_holders
def shared_download(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """The same bytes to save, where the owner lets people."""

    from faceweb.sharing import copies

    if not link.allow_download:
        raise LinkGone
    response = _picture(request, link, token, lambda: copies.shared_copy(link.photo))
    response["Content-Disposition"] = f'attachment; filename="faceweb-{link.photo.pk.hex[:8]}.jpg"'
    return response


@require_safe
@_for_link_holders
def shared_original(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """A reduced copy of the photo the result was made on, where the owner shows it."""

    from faceweb.sharing import copies

    original = copies.original_of(link.photo) if link.show_original else None
    if original is None:
        raise LinkGone
    return _picture(request, link, token, lambda: copies.original_copy(original))


@require_safe
@_for_link_holders
def shared_preview(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """The card that other programs show of a link; none for a link with a password.

    It uses up no view, so it is small, and other origins may show it.
    """

    from faceweb.sharing import copies

    if link.password:
        raise LinkGone
    response = _jpeg_response(lambda: copies.card_copy(link.photo))
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _picture(
    request: HttpRequest, link: ShareLink, token: str, make: Callable[[], bytes]
) -> HttpResponse:
    """A picture for a browser that opened the page before; for any other one it is a look."""
    if not visitors.has_unlocked(request, link):
        raise LinkGone
    if not _is_uncounted(request, link):
        return _jpeg_response(make)
    if not visitors.is_look(request):
        if link.max_views:
            raise LinkGone
        return _jpeg_response(make)
    if not link_view(link=link):
        raise LinkGone
    response = _jpeg_response(make)
    visitors.remember_seen(response, link, reverse("shared", args=[token]))
    return response


def _is_uncounted(request: HttpRequest, link: ShareLink) -> bool:
    """Whether this would be one more look; the owner's own never are."""
    return not visitors.has_seen(request, link) and request.user.pk != link.owner_id


def _jpeg_response(make: Callable[[], bytes]) -> HttpResponse:
    try:
        content = make()
    except FileNotFoundError as error:
        raise LinkGone from error
    except MarkingError:
        logger.error("a shared picture could not be marked, so it was not shown")
        return HttpResponse(status=503)
    response = HttpResponse(content, content_type="image/jpeg")
    response["Content-Disposition"] = "inline"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _unlock(request: HttpRequest, link: ShareLink, path: str) -> HttpResponse:
    """Let this browser in for the right password; wrong ones are counted, right ones are not."""
    response = HttpResponseRedirect(path)
    if not link.password:
        return response
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return _ask_for_password(request, form, status=400)
    tries = [
        (Limit("passwords", settings.SHARE_PASSWORDS_PER_MINUTE, MINUTE), network_address(request)),
        (Limit("link-passwords", TRIES_PER_LINK, HOUR), str(link.pk)),
    ]
    # Counted before it is looked at, so that tries at the same moment are not free.
    for limit, who in tries:
        if not limit.take(who):
            raise TooMany(limit.seconds)
    if not check_password(form.cleaned_data["password"], link.password):
        form.add_error("password", "That is not the password of this link. Try again.")
        return _ask_for_password(request, form, status=400)
    for limit, who in tries:
        limit.give_back(who)
    visitors.remember_unlocked(response, link, path)
    return response


def _ask_for_password(
    request: HttpRequest, form: PasswordForm, *, status: int = 200
) -> HttpResponse:
    response = render(request, "sharing/password.html", {"form": form}, status=status)
    # Under "no-referrer" a browser sends its form without an origin, which is refused as forged.
    response["Referrer-Policy"] = "same-origin"
    return response
