"""Addresses as they are written into mails and cards, and the path that they all begin with."""

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.urls import set_script_prefix


def with_public_origin(url: str) -> str:
    """The same path under the origin of ``PUBLIC_BASE_URL``.

    A link in a mail must not be built from the request's Host header: whoever asks for somebody
    else's password reset chooses that header. ``url`` is what `reverse` gives: it has the path of
    ``PUBLIC_BASE_URL`` already.
    """
    parts = urlsplit(url)
    public = urlsplit(settings.PUBLIC_BASE_URL)
    return urlunsplit((public.scheme, public.netloc, parts.path, parts.query, parts.fragment))


def site_path() -> str:
    """The path that the whole site lies below, such as ``/faces``; empty for a host of its own."""
    return settings.FORCE_SCRIPT_NAME or ""


def site_path_enter() -> None:
    """Have `reverse` write whole addresses in this thread.

    Django sets it for the thread that loads it and for each request, and for no other thread.
    """
    set_script_prefix(f"{site_path()}/")
