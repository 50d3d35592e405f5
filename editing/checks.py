"""System checks of edits, run before the site starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

LOWEST_SOUND_THRESHOLD = 80


@register
def identity_threshold_is_sound(**_: Any) -> list[CheckMessage]:
    """Below 0.80 an edit may be somebody else and still be delivered."""
    if settings.IDENTITY_THRESHOLD >= LOWEST_SOUND_THRESHOLD:
        return []
    return [
        Warning(
            f"Edits are delivered from a likeness of {settings.IDENTITY_THRESHOLD} % on.",
            hint="Below 80 % an edit need not be the same person any more: set"
            " FACEWEB_IDENTITY_THRESHOLD to 80 or more.",
            id="editing.W001",
        )
    ]
