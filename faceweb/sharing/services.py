"""What may be done with links. Views call these and decide nothing themselves."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from faceweb.core.words import time_param
from faceweb.media.models import Asset
from faceweb.sharing.errors import ShareRefused
from faceweb.sharing.models import ShareLink

if TYPE_CHECKING:
    from faceweb.people.models import User

logger = logging.getLogger(__name__)

TOKEN_BYTES: Final = 32


@dataclass(frozen=True)
class Terms:
    """What a link allows.

    - ``expires_at`` None: never.
    - ``max_views`` 0: any number.
    """

    expires_at: datetime | None
    allow_download: bool = False
    show_original: bool = False
    show_name: bool = False
    max_views: int = 0
    note: str = ""


def days_from_now(days: int) -> datetime | None:
    """When a link for so many days ends; 0 means never."""
    return timezone.now() + timedelta(days=days) if days else None


def token_digest(token: str) -> str:
    """What is stored of a link's token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def link_of_token(token: str) -> ShareLink | None:
    """The link that ``token`` opens, whatever state it is in; None where there is none."""
    links = ShareLink.objects.select_related("photo", "owner")
    return links.filter(token_sha256=token_digest(token)).first()


def share_check(*, owner: "User", photo: Asset) -> None:
    """Whether this result may be shared right now.

    Raises:
        ShareRefused: it may not, and why.
    """
    if not photo.is_result:
        raise ShareRefused("not_a_result")
    if not owner.may_make:
        raise ShareRefused("account_frozen")
    if owner.sharing_off_until is not None and not owner.may_share:
        raise ShareRefused("sharing_off", until=time_param(owner.sharing_off_until))
    if photo.withheld:
        raise ShareRefused("withheld")
    if photo.screening == Asset.Screening.PENDING:
        raise ShareRefused("being_checked")
    if photo.screening == Asset.Screening.REVIEW:
        raise ShareRefused("waiting_for_a_person")
    if not photo.may_leave:
        raise ShareRefused("not_shareable")


def link_create(
    *, owner: "User", photo: Asset, terms: Terms, password: str = "", key: UUID
) -> tuple[ShareLink, str]:
    """Make a link to a result; returns it with its token, which nobody can look up afterwards.

    Args:
        owner: who shares it.
        photo: the result, one of theirs.
        terms: what the link allows.
        password: in plain text, or empty for none.
        key: the id of the new link, so that a form sent twice makes one.

    Raises:
        ShareRefused: it may not be shared, or ``key`` was used already (``made_already``).
    """
    share_check(owner=owner, photo=photo)
    now = timezone.now()
    if owner.share_links.unended(now).count() >= settings.SHARE_LINKS_PER_PERSON:
        raise ShareRefused("too_many_links", limit=(settings.SHARE_LINKS_PER_PERSON))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    link = ShareLink(pk=key, owner=owner, photo=photo, token_sha256=token_digest(token))
    _apply(link, terms)
    link.password = make_password(password) if password else ""
    try:
        with transaction.atomic():
            link.save(force_insert=True)
    except IntegrityError as error:
        raise ShareRefused("made_already") from error
    logger.info("link %s made for photo %s", link.pk, photo.pk)
    return link, token


def link_update(*, link: ShareLink, terms: Terms, password: str | None = None) -> None:
    """Change what a link allows, at once.

    Args:
        link: one that is not revoked; a revoked one stays as it was.
        terms: what it allows from now on.
        password: a new one in plain text, empty to ask for none, None to leave it.
    """
    _apply(link, terms)
    fields = ["expires_at", "allow_download", "show_original", "show_name", "max_views", "note"]
    if password is not None:
        link.password = make_password(password) if password else ""
        fields.append("password")
    values = {field: getattr(link, field) for field in fields}
    # The number of views is not among them: somebody may be looking right now.
    ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(**values)


def link_readdress(*, link: ShareLink, was: str) -> str | None:
    """Give a link a new token, so that the old address stops at once; returns it.

    Args:
        link: one that is not revoked.
        was: the beginning of the digest that the caller saw. When it is another one by now, the
            address was replaced already, and None is returned.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    current = ShareLink.objects.filter(pk=link.pk, revoked_at=None)
    if not was or not link.token_sha256.startswith(was):
        return None
    if not current.filter(token_sha256=link.token_sha256).update(token_sha256=token_digest(token)):
        return None
    link.token_sha256 = token_digest(token)
    logger.info("link %s has a new address", link.pk)
    return token


def link_revoke(*, link: ShareLink) -> None:
    """Stop a link for good; revoked means revoked now."""
    if ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
        logger.info("link %s revoked", link.pk)


def link_view(*, link: ShareLink) -> bool:
    """Count one more look, if the link still has one to give and works; who looked is not kept.

    One conditional UPDATE: of many who come at once for the last view, one gets it.
    """
    same = ShareLink.objects.unended(timezone.now()).filter(
        pk=link.pk, token_sha256=link.token_sha256
    )
    return bool(same.update(views=F("views") + 1))


def asset_unshare(*, photo: Asset) -> int:
    """Revoke every link to ``photo``; returns how many were still working."""
    return photo.share_links.filter(revoked_at=None).update(revoked_at=timezone.now())


def _apply(link: ShareLink, terms: Terms) -> None:
    link.expires_at = terms.expires_at
    link.allow_download = terms.allow_download
    link.show_original = terms.show_original
    link.show_name = terms.show_name
    link.max_views = terms.max_views
    link.note = terms.note
