"""Deciding several cases alike: asked once more, then each by the version that was shown."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest

from faceweb.core.words import sentence_of
from faceweb.moderation.admin.words import age_words
from faceweb.moderation.decisions import actions_for, cases_decide
from faceweb.moderation.errors import ModerationError
from faceweb.moderation.models import Case, Decision
from faceweb.moderation.reasons import reason_of, reasons_for
from faceweb.people.models import User


def confirm_context(cases: list[Case], action: Decision.Action) -> dict[str, Any]:
    """The page that asks whether it is meant: which cases, which not, and why."""
    fitting = [case for case in cases if case.is_open and action in actions_for(case)]
    unfit = [case for case in cases if case not in fitting]
    return {
        "title": f"{action.label} {len(fitting)} case{'s' if len(fitting) != 1 else ''}?",
        "action": action,
        "cases": [(case, reason_of(case.reason), age_words(case.opened_at)) for case in fitting],
        "unfit": unfit,
        "reasons": reasons_for(action),
    }


def decide(request: HttpRequest, by: User) -> None:
    """Do what was confirmed, and say what became of it."""
    post = request.POST
    outcome = cases_decide(
        versions=list(_versions(post.getlist("case"))),
        by=by,
        action=post.get("action", ""),
        reason=post.get("reason", ""),
        text=post.get("text", "").strip(),
    )
    if outcome.decisions:
        messages.success(request, f"{len(outcome.decisions)} decided.")
    cases = Case.objects.in_bulk([case_id for case_id, _ in outcome.refusals])
    say_refusals(
        request,
        [(cases[case_id], error) for case_id, error in outcome.refusals if case_id in cases],
    )


def say_refusals(request: HttpRequest, refusals: Iterable[tuple[Case, ModerationError]]) -> None:
    """One warning a case that was left as it was."""
    for case, error in refusals:
        said = sentence_of(error.code, error.params)
        messages.warning(request, f"{case.ticket} was left as it is. {said}")


def _versions(values: list[str]) -> Iterable[tuple[UUID, int]]:
    """(case, version) from ``<id>:<version>``; what is not that is left out."""
    for value in values:
        case_id, _, version = value.partition(":")
        try:
            yield UUID(case_id), int(version)
        except ValueError:
            continue
