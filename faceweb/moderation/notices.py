"""Letting people know: what was decided about them or on their word, why, and what they can do.

Mails leave from a worker. What a mail says is read from the rows when it is written, so that a
message carries an id and nothing else. A notice whose message was lost is found by a sweep.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from faceweb.core.addresses import with_public_origin
from faceweb.core.sending import send
from faceweb.media.models import Asset
from faceweb.moderation.models import Appeal, Case, Decision, Report, Strike
from faceweb.moderation.reasons import reason_of
from faceweb.moderation.tokens import appeal_token
from faceweb.people.models import User

logger = logging.getLogger(__name__)

# A message needs a moment to arrive; after a week a notice would only confuse.
_LATE_AFTER: Final = timedelta(minutes=5)
_LATE_UNTIL: Final = timedelta(days=7)
_LATE_BATCH: Final = 100


# --- sending them on their way -------------------------------------------------------------------
def decision_send(decision_id: int) -> None:
    """Have the notices of one decision sent."""
    send("faceweb.moderation.tasks.decision_notify", str(decision_id))


def undo_send(decision_id: int) -> None:
    """Have the people told that a decision was taken back."""
    send("faceweb.moderation.tasks.undo_notify", str(decision_id))


def report_send(ticket: str) -> None:
    """Have the receipt of a report confirmed."""
    send("faceweb.moderation.tasks.report_notify", ticket)


def notices_send_late() -> int:
    """Send the notices whose message was lost; returns how many."""
    now = timezone.now()
    span = (now - _LATE_UNTIL, now - _LATE_AFTER)
    decisions = Decision.objects.filter(noticed_at=None, undone_at=None, decided_at__range=span)
    tickets = Report.objects.filter(confirmed_at=None, created_at__range=span).exclude(email="")
    late = list(decisions.values_list("pk", flat=True)[:_LATE_BATCH])
    unconfirmed = set(tickets.values_list("ticket", flat=True)[:_LATE_BATCH])
    for decision_id in late:
        decision_notify(decision_id)
    for ticket in unconfirmed:
        report_notify(ticket)
    return len(late) + len(unconfirmed)


# --- what the worker writes ----------------------------------------------------------------------
def decision_notify(decision_id: int) -> None:
    """Tell the person concerned, everybody who reported, and owners of copies.

    A decision that was told before, or was taken back meanwhile, is not told again.
    """
    decision = (
        Decision.objects.select_related("case__person", "case__photo")
        .filter(pk=decision_id, noticed_at=None, undone_at=None)
        .first()
    )
    if decision is None:
        return
    mails = [*_to_person(decision), *_to_copy_owners(decision), *_to_reporters(decision)]
    if _mail(mails):
        Decision.objects.filter(pk=decision_id).update(noticed_at=timezone.now())


def undo_notify(decision_id: int) -> None:
    """Tell whoever was told of a decision that it was taken back."""
    decision = Decision.objects.select_related("case__person").filter(pk=decision_id).first()
    if decision is None or decision.undone_at is None or decision.noticed_at is None:
        return
    context = _context(decision)
    mails = [
        _message(
            "undone", address, f"We are looking again: {ticket}", {**context, "ticket": ticket}
        )
        for address, ticket in _concerned(decision)
    ]
    _mail(mails)


def report_notify(ticket: str) -> None:
    """Confirm that a report or takedown request arrived."""
    reports = list(Report.objects.filter(ticket=ticket).select_related("case"))
    addresses = {report.email for report in reports if report.email and not report.confirmed_at}
    if not addresses:
        return
    clocks = [report.case.due_at for report in reports if report.case.due_at]
    context = {
        "ticket": ticket,
        "pictures": len(reports),
        "is_takedown": reports[0].is_takedown,
        "due_at": min(clocks, default=None),
        "status_url": with_public_origin(reverse("takedown_status", args=[ticket])),
    }
    subject = f"Your report {ticket}"
    if _mail([_message("received", address, subject, context) for address in addresses]):
        Report.objects.filter(ticket=ticket).update(confirmed_at=timezone.now())


def alert_mail(cases: Sequence[Case], hours: int, people: Iterable[User]) -> bool:
    """Remind moderators of clocks that have run for ``hours``; whether any mail left."""
    pages = [reverse("admin:moderation_case_change", args=[case.pk]) for case in cases]
    context = {
        "cases": list(zip(cases, map(with_public_origin, pages), strict=True)),
        "hours": hours,
        "panel_url": with_public_origin(reverse("admin:moderation_case_changelist")),
    }
    count = len(cases)
    subject = f"{count} case{'' if count == 1 else 's'} undecided for {hours} hours"
    return _mail([_message("alert", person.email, subject, context) for person in people])


# --- who is told what ----------------------------------------------------------------------------
def _to_person(decision: Decision) -> list[EmailMessage]:
    person = decision.case.person
    if person is None or "with" in decision.effects:
        return []
    if decision.case.kind == Case.Kind.PROTECTED_FACE:
        # Whoever asked for protection has no account; the registry of faces answers them.
        return []
    strike = Strike.objects.filter(pk=decision.effects.get("strike")).first()
    context = {
        **_context(decision),
        "strike": strike,
        "appeal_url": _appeal_url(decision, strike),
        "standing_url": with_public_origin(reverse("standing")),
    }
    subject = f"About your picture: {decision.case.ticket}"
    if decision.case.kind == Case.Kind.APPEAL:
        subject = f"Your appeal: {decision.case.ticket}"
    return [_message("decision", person.email, subject, context)]


def _to_copy_owners(decision: Decision) -> list[EmailMessage]:
    """Owners of pictures that went as copies of another's."""
    told = str(decision.case.person_id)
    owners = {pk: ids for pk, ids in decision.effects.get("removed", {}).items() if pk != told}
    context = _context(decision)
    return [
        _message(
            "copy_removed",
            owner.email,
            f"A picture of yours was removed: {decision.case.ticket}",
            {**context, "pictures": len(owners[str(owner.pk)])},
        )
        for owner in User.objects.filter(pk__in=owners, erased_at=None)
    ]


def _to_reporters(decision: Decision) -> list[EmailMessage]:
    context = _context(decision)
    return [
        _message("reported", address, f"Your report {ticket}", {**context, "ticket": ticket})
        for address, ticket in _reporters(decision.case)
    ]


def _reporters(case: Case) -> list[tuple[str, str]]:
    """(address, ticket) of everybody who reported, each once."""
    found: dict[str, str] = {}
    for report in case.reports.select_related("reporter"):
        address = report.email or (report.reporter.email if report.reporter else "")
        if address:
            found[address] = report.ticket
    return list(found.items())


def _concerned(decision: Decision) -> list[tuple[str, str]]:
    case = decision.case
    person = [(case.person.email, case.ticket)] if case.person is not None else []
    return [*person, *_reporters(case)]


def _context(decision: Decision) -> dict[str, Any]:
    case = decision.case
    reports = list(case.reports.all())
    return {
        "decision": decision,
        "action": decision.action,
        "case": case,
        "ticket": case.ticket,
        "reason": reason_of(decision.reason),
        "was_reported": bool(reports),
        "was_screened": case.kind == Case.Kind.SCREENING,
        "is_appeal": case.kind == Case.Kind.APPEAL,
        "contact": settings.CONTACT_EMAIL,
    }


def _appeal_url(decision: Decision, strike: Strike | None) -> str:
    """Where this decision can be appealed against; empty where it cannot, or was."""
    if decision.action in {Decision.Action.GRANT, Decision.Action.REFUSE}:
        return ""
    if strike is not None:
        return with_public_origin(reverse("appeal_signed", args=[appeal_token(strike)]))
    photo: Asset | None = decision.case.photo
    restricted = decision.action == Decision.Action.UNSHARE
    if photo is None or not restricted or Appeal.objects.filter(photo=photo).exists():
        return ""
    return with_public_origin(reverse("appeal_photo", args=[photo.pk]))


# --- mails ---------------------------------------------------------------------------------------
def _message(template: str, address: str, subject: str, context: dict[str, Any]) -> EmailMessage:
    body = render_to_string(f"moderation/mail/{template}.txt", context)
    return EmailMessage(subject, body, to=[address], reply_to=[settings.CONTACT_EMAIL])


def _mail(messages: Sequence[EmailMessage]) -> bool:
    """Send each on its own; False only where the mail server took none and may take them later."""
    settled = not messages
    for message in messages:
        try:
            message.send()
            settled = True
        except SMTPRecipientsRefused:
            logger.warning("a notice could not be delivered: its address was refused")
            settled = True
        except Exception as error:
            logger.warning("a notice was not sent: %s", type(error).__name__)
    return settled
