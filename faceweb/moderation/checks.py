"""System checks of moderation: whether pictures can be looked at, and by what."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from faceweb.moderation.screening.backends import backend_problem, backends_chosen


@register(Tags.security)
def screening_is_on(**_: Any) -> list[CheckMessage]:
    """moderation.W001: nobody looks at what is uploaded and made here."""
    if settings.SCREENING != "off":
        return []
    return [
        Warning(
            "Screening is switched off: uploads and results are not looked at by anything.",
            hint="Set FACEWEB_SCREENING to nudenet, vit or both. Every page says it until then.",
            id="moderation.W001",
        )
    ]


@register(Tags.security)
def screening_has_its_models(**_: Any) -> list[CheckMessage]:
    """moderation.E001: a network that should look is missing, so that no upload would pass."""
    problems = [problem for name in backends_chosen() if (problem := backend_problem(name))]
    return [
        Error(
            f"Screening by {problem.name} is asked for and cannot work: {problem.reason}.",
            hint=f"{problem.remedy} Or choose another by FACEWEB_SCREENING.",
            id="moderation.E001",
        )
        for problem in problems
    ]


@register(Tags.security)
def thresholds_are_in_order(**_: Any) -> list[CheckMessage]:
    """moderation.E002: a picture would be refused before anybody were asked."""
    return [
        Error(
            f"FACEWEB_SCREENING_{group.upper()}_REVIEW lies above ..._BLOCK.",
            hint="A person looks from the first on, a picture is refused from the second on.",
            id="moderation.E002",
        )
        for group, (review, block) in settings.SCREENING_THRESHOLDS.items()
        if review > block
    ]
