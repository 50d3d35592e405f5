"""What the owner of a picture is told about its screening, as codes of the catalogue."""

from typing import Final

from faceweb.media.errors import ResultBlocked
from faceweb.media.models import Asset
from faceweb.moderation.screening.verdict import (
    KNOWN_BAD,
    MINOR,
    NUDITY,
    PROTECTED_FACE,
    UNSCREENED,
)
from models.refusals import Refusal

_BLOCKED: Final = frozenset({NUDITY, MINOR, KNOWN_BAD, PROTECTED_FACE})
_REVIEW: Final = _BLOCKED | {UNSCREENED}


def asset_explain(photo: Asset, reason: str) -> Refusal | None:
    """Why a photo is held back; None where it is clear or still being checked.

    Args:
        photo: the photo.
        reason: of its last screening, empty where there was none.
    """
    if photo.screening == Asset.Screening.REVIEW:
        return Refusal(f"review_{reason if reason in _REVIEW else 'moderator'}")
    if photo.screening == Asset.Screening.BLOCKED:
        return Refusal(f"blocked_{reason if reason in _BLOCKED else 'moderator'}")
    return None


def result_explain(reason: str) -> ResultBlocked:
    """Why a result was refused, of which nothing was kept."""
    return ResultBlocked(f"result_{reason}")
