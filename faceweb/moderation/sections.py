"""What moderation keeps about a person, for export and erasure.

Cases and the audit log stay after a person is erased: without the person, their words and their
addresses.
"""

from collections.abc import Iterable
from typing import Any

from faceweb.moderation.appeals import appeals_close
from faceweb.moderation.models import Appeal, Case, Report, Strike
from faceweb.people import personal_data
from faceweb.people.models import User


def _report_rows(user: User) -> Iterable[dict[str, Any]]:
    for report in Report.objects.filter(reporter=user).select_related("case").iterator():
        yield {
            "ticket": report.ticket,
            "category": report.category,
            "relation": report.relation,
            "text": report.text,
            "name": report.name,
            "email": report.email,
            "signature": report.signature,
            "takedown_request": report.is_takedown,
            "sent": report.created_at,
            "state": report.case.state,
        }


def _erase_reports(user: User) -> None:
    mine = Report.objects.filter(reporter=user)
    mine.filter(case__state=Case.State.CLOSED).update(text="")
    # An open case still needs to know what is wrong with the picture, though not who says so.
    mine.update(reporter=None, name="", email="", signature="")


def _strike_rows(user: User) -> Iterable[dict[str, Any]]:
    for strike in Strike.objects.filter(person=user).iterator():
        yield {
            "level": strike.level,
            "reason": strike.reason,
            "text": strike.text,
            "evidence_sha256": strike.evidence_sha256,
            "given": strike.created_at,
            "counts_until": strike.expires_at,
            "lifted": strike.lifted_at,
        }


def _erase_strikes(user: User) -> None:
    Strike.objects.filter(person=user).delete()
    # The account's row may have to stay for a picture on hold; nothing leads to it from here.
    Case.objects.filter(person=user).update(person=None)


def _appeal_rows(user: User) -> Iterable[dict[str, Any]]:
    for appeal in Appeal.objects.filter(person=user).select_related("case").iterator():
        yield {
            "ticket": appeal.case.ticket,
            "about": "strike" if appeal.strike_id else "picture",
            "text": appeal.text,
            "made": appeal.created_at,
            "granted": appeal.is_granted,
        }


def _erase_appeals(user: User) -> None:
    appeals_close(user)
    Appeal.objects.filter(person=user).delete()


def register() -> None:
    """Called once, when the app is ready."""
    for section in (
        personal_data.Section("reports", rows=_report_rows, erase=_erase_reports, order=5),
        personal_data.Section("appeals", rows=_appeal_rows, erase=_erase_appeals, order=6),
        personal_data.Section("strikes", rows=_strike_rows, erase=_erase_strikes, order=7),
    ):
        personal_data.register(section)
