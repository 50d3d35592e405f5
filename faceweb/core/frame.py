"""What the frame of every page shows of the floors above it.

A slice registers the links to its pages, and notices for people whom they concern, when its app is
ready; the frame itself (``templates/base/page.html``) names no slice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.functional import Promise

Place = Literal["main", "account", "foot"]


@dataclass(frozen=True, slots=True)
class FrameLink:
    """A link on every page.

    Attributes:
        place: ``main`` in the head for people who are signed in, ``account`` in the menu of one's
            own, ``foot`` at the end of the page for everybody.
        label: its words.
        name: the name of the address, without arguments.
        order: small comes first.
        is_for_staff: whether only staff see it.
    """

    place: Place
    label: str | Promise
    name: str
    order: int = 50
    is_for_staff: bool = False

    @property
    def url(self) -> str:
        """Where it leads."""
        return reverse(self.name)


Concerns = Callable[[HttpRequest], Mapping[str, Any] | None]

_links: dict[str, FrameLink] = {}
_notices: dict[str, Concerns] = {}


def link_register(*links: FrameLink) -> None:
    """Put links into the frame; one to the same address replaces the one before."""
    _links.update((link.name, link) for link in links)


def notice_register(template: str, concerns: Concerns) -> None:
    """Show ``template`` above pages where ``concerns`` gives a context, as ``notice``."""
    _notices[template] = concerns


class Frame:
    """The frame of one page, looked up as far as it is shown: fragments have none."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def home(self) -> str:
        """The address of the first page."""
        return resolve_url(settings.HOME_URL)

    @property
    def start(self) -> str:
        """The address where something is made."""
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    @cached_property
    def main(self) -> list[FrameLink]:
        """The links in the head."""
        return self._at("main")

    @cached_property
    def account(self) -> list[FrameLink]:
        """The links in one's own menu."""
        return self._at("account")

    @cached_property
    def foot(self) -> list[FrameLink]:
        """The links at the end."""
        return self._at("foot")

    @cached_property
    def notices(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Templates that concern whoever asks, each with its context."""
        found = ((template, concerns(self._request)) for template, concerns in _notices.items())
        return [(template, context) for template, context in found if context is not None]

    def _at(self, place: Place) -> list[FrameLink]:
        is_staff = getattr(getattr(self._request, "user", None), "is_staff", False)
        links = [
            link
            for link in _links.values()
            if link.place == place and (is_staff or not link.is_for_staff)
        ]
        return sorted(links, key=lambda link: link.order)


def context(request: HttpRequest) -> dict[str, Any]:
    """A context processor: the frame, as ``frame``."""
    return {"frame": Frame(request)}
