"""What screening keeps about a person, for export and erasure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from faceweb.moderation.models import Screening
from faceweb.people import personal_data

if TYPE_CHECKING:
    from faceweb.people.models import User


def _rows(user: "User") -> Iterable[dict[str, Any]]:
    for row in Screening.objects.filter(person=user).order_by("pk").iterator():
        yield {
            "photo": str(row.photo_id) if row.photo_id else None,
            "of": row.subject,
            "verdict": row.state,
            "reason": row.reason,
            "scores": row.scores,
            "model": row.model,
            "sha256": row.sha256,
            "at": row.created_at,
        }


def _erase(user: "User") -> None:
    Screening.objects.filter(person=user).delete()


def register() -> None:
    """Called once, when the app is ready."""
    personal_data.register(personal_data.Section("screenings", rows=_rows, erase=_erase, order=15))
