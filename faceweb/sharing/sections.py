"""Personal data of this floor: the links a person made."""

from collections.abc import Iterable
from typing import Any

from faceweb.people import personal_data
from faceweb.people.models import User


def _rows(user: User) -> Iterable[dict[str, Any]]:
    for link in user.share_links.iterator(chunk_size=200):
        yield {
            "id": str(link.pk),
            "photo": str(link.photo_id),
            "note": link.note,
            "created": link.created_at,
            "expires": link.expires_at,
            "revoked": link.revoked_at,
            "has_password": bool(link.password),
            "allow_download": link.allow_download,
            "show_original": link.show_original,
            "show_name": link.show_name,
            "views": link.views,
            "max_views": link.max_views,
        }


def _erase(user: User) -> None:
    user.share_links.all().delete()


def register() -> None:
    """Called once, when the app is ready."""
    personal_data.register(personal_data.Section("links", rows=_rows, erase=_erase, order=15))
