"""System checks of moderation: what an operator should know before strangers come."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def staff_use_a_second_factor(**_: Any) -> list[CheckMessage]:
    """moderation.W010, E010: the panel shows other people's pictures behind a password alone."""
    if settings.STAFF_MFA:
        return []
    if settings.DEBUG:
        return [
            Warning(
                "Staff reach the administration without a second factor.",
                hint="Take FACEWEB_STAFF_MFA=false away before anybody else uses this site.",
                id="moderation.W010",
            )
        ]
    return [
        Error(
            "FACEWEB_STAFF_MFA=false is for a developer's site only.",
            hint="Remove it: staff are led through setting up a second factor.",
            id="moderation.E010",
        )
    ]
