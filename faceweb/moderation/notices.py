"""Letting people know: what was decided about them or on their word, why, and what they can do.

Mails leave from a worker. Each notice is a row of durable work, made in the transaction that it
tells of; what its mails say is read from the rows when they are written.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from faceweb.core.addresses import with_public_origin
from faceweb.core.durable.lease import Lease
from faceweb.core.durable.queue import DurableQueue
from faceweb.core.durable.running import row_work
from faceweb.media.models import Asset
from faceweb.moderation.models import Appeal, Case, Decision, Notice, Report, Strike
from faceweb.moderation.reasons import reason_of
from faceweb.moderation.tokens import appeal_token
from faceweb.people.models import User

logger = logging.getLogger(__name__)

# After a week a notice would only confuse: so many tries, an hour apart in the end.
_ATTEMPTS: Final = 7 * 24


class NoticeQueue(DurableQueue[Notice]):
    """Notices: nobody waits for one, and a mail server may be away for hours."""

    task = "faceweb.moderation.tasks.notice_run"
    model = Notice
    pause = timedelta(minutes=5)

    def attempts(self) -> int:
        return _ATTEMPTS


notices = NoticeQueue()


# --- sending them on their way -------------------------------------------------------------------
def decision_send(decision_id: int) -> None:
    """Have the people concerned told of a decision once the transaction is through."""
    _queue(Notice.Kind.DECISION, str(decision_id))


def undo_send(decision_id: int) -> None:
    """Have the people told that a decision was taken back."""
    _queue(Notice.Kind.UNDO, str(decision_id))


def report_send(ticket: str) -> None:
    """Have the receipt of a report confirmed."""
    _queue(Notice.Kind.REPORT, ticket)


def _queue(kind: str, about: str) -> None:
    with transaction.atomic():
        Notice.objects.create(kind=kind, about=about, expected_ms=notices.expected_ms(kind=kind))
        notices.dispatch_on_commit(None)


def notice_work(notice_id: int) -> None:
    """Send the mails of one notice, if that still is to be done."""
    row_work(notices, notice_id, _send)


def _send(notice: Notice, lease: Lease) -> None:
    match notice.kind:
        case Notice.Kind.DECISION:
            settled = decision_notify(int(notice.about))
        case Notice.Kind.UNDO:
            settled = undo_notify(int(notice.about))
        case _:
            settled = report_notify(notice.about)
    if settled:
        notices.end(notice, Notice.State.DONE)
    else:
        notices.release(notice)


def notices_forget() -> int:
    """Remove the rows of notices that ended a day ago; returns how many."""
    ended = Notice.objects.exclude(state__in=Notice.UNFINISHED)
    return ended.filter(finished_at__lt=Now() - timedelta(days=1)).delete()[0]


# --- what the worker writes ----------------------------------------------------------------------
def decision_notify(decision_id: int) -> bool:
    """Tell the person concerned, everybody who reported, and owners of copies.

    A decision that was told before, or was taken back meanwhile, is not told again. Returns False
    where the mail server may take it later.
    """
    decision = (
        Decision.objects.select_related("case__person", "case__photo")
        .filter(pk=decision_id, noticed_at=None, undone_at=None)
        .first()
    )
    if decision is None:
        return True
    mails = [*_to_person(decision), *_to_copy_owners(decision), *_to_reporters(decision)]
    if not _mail(mails):
        return False
    Decision.objects.filter(pk=decision_id).update(noticed_at=timezone.now())
    return True


def undo_notify(decision_id: int) -> bool:
    """Tell whoever was told of a decision that it was taken back; False as `decision_notify`."""
    decision = Decision.objects.select_related("case__person").filter(pk=decision_id).first()
    if decision is None or decision.undone_at is None or decision.noticed_at is None:
        return True
    context = _context(decision)
    mails = [
        _message(
            "undone", address, f"We are looking again: {ticket}", {**context, "ticket": ticket}
        )
        for address, ticket in _concerned(decision)
    ]
    return _mail(mails)


def report_notify(ticket: str) -> bool:
    """Confirm that a report or takedown request arrived; False as `decision_notify`."""
    reports = list(Report.objects.filter(ticket=ticket).select_related("case"))
    addresses = {report.email for report in reports if report.email and not report.confirmed_at}
    if not addresses:
        return True
    clocks = [report.case.due_at for report in reports if report.case.due_at]
    context = {
        "ticket": ticket,
        "pictures": len(reports),
        "is_takedown": reports[0].is_takedown,
        "due_at": min(clocks, default=None),
        "status_url": with_public_origin(reverse("takedown_status", args=[ticket])),
    }
    subject = f"Your report {ticket}"
    if not _mail([_message("received", address, subject, context) for address in addresses]):
        return False
    Report.objects.filter(ticket=ticket).update(confirmed_at=timezone.now())
    return True


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
