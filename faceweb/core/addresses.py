"""Addresses as they are written into mails."""

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings


def with_public_origin(url: str) -> str:
    """The same path under ``PUBLIC_BASE_URL``.

    A link in a mail must not be built from the request's Host header: whoever asks for somebody
    else's password reset chooses that header.
    """
    parts = urlsplit(url)
    public = urlsplit(settings.PUBLIC_BASE_URL)
    return urlunsplit((public.scheme, public.netloc, parts.path, parts.query, parts.fragment))
