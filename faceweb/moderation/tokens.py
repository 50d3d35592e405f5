"""Links in mails that work without signing in: whoever is suspended cannot, and may appeal."""

from typing import Final
from uuid import UUID

from django.core import signing

from faceweb.moderation.models import Strike

_SALT: Final = "faceweb.moderation.appeal"


def appeal_token(strike: Strike) -> str:
    """A token that lets its holder appeal against this one strike."""
    return signing.dumps(str(strike.pk), salt=_SALT)


def appeal_token_read(token: str) -> UUID | None:
    """The id of the strike that the token is for; None where it was not made here."""
    try:
        return UUID(signing.loads(token, salt=_SALT))
    except (signing.BadSignature, ValueError):
        return None
