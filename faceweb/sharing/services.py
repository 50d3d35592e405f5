"""What may be done with links."""

import hashlib

from django.utils import timezone

from faceweb.gallery.models import Photo
from faceweb.sharing.models import ShareLink


def token_digest(token: str) -> str:
    """What is stored of a link's token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def link_of_token(token: str) -> ShareLink | None:
    """The link that ``token`` opens, whatever state it is in; None where there is none."""
    links = ShareLink.objects.select_related("photo", "owner")
    return links.filter(token_sha256=token_digest(token)).first()


def photo_unshare(*, photo: Photo) -> int:
    """Revoke every link to ``photo``; returns how many were still working."""
    return photo.share_links.filter(revoked_at=None).update(revoked_at=timezone.now())
