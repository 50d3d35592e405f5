"""Strikes, reports and appeals as their own page shows them."""

from dataclasses import dataclass
from datetime import datetime

from faceweb.moderation.models import Appeal, Case, Report, Strike
from faceweb.moderation.reasons import Reason, reason_of
from faceweb.moderation.strikes import SHARING_OFF
from faceweb.people.models import User

# Enough for anybody; a page of this kind is no archive.
MAX_SHOWN = 100


@dataclass(frozen=True)
class OwnStrike:
    """A strike, why, until when what it brought lasts (None: until it is lifted), its appeal."""

    strike: Strike
    reason: Reason
    until: datetime | None
    appeal: Appeal | None

    @property
    def may_appeal(self) -> bool:
        return self.appeal is None and self.strike.lifted_at is None


@dataclass(frozen=True)
class OwnReport:
    """A report one sent: its ticket, what about, when, and whether it is decided."""

    ticket: str
    category: str
    sent: datetime
    is_decided: bool
    pictures: int


def own_strikes(person: User) -> list[OwnStrike]:
    """Newest first."""
    strikes = Strike.objects.filter(person=person).select_related("appeal__case")[:MAX_SHOWN]
    return [
        OwnStrike(strike, reason_of(strike.reason), _until(strike), getattr(strike, "appeal", None))
        for strike in strikes
    ]


def own_reports(person: User) -> list[OwnReport]:
    """Newest first; what was sent together is one."""
    rows = (
        Report.objects.filter(reporter=person)
        .select_related("case")
        .order_by("-created_at", "-pk")[:MAX_SHOWN]
    )
    together: dict[str, list[Report]] = {}
    for report in rows:
        together.setdefault(report.ticket, []).append(report)
    return [
        OwnReport(
            ticket,
            reports[0].get_category_display(),
            reports[0].created_at,
            all(report.case.state == Case.State.CLOSED for report in reports),
            len(reports),
        )
        for ticket, reports in together.items()
    ]


def own_appeals(person: User) -> list[Appeal]:
    """Newest first."""
    appeals = Appeal.objects.filter(person=person).select_related("case", "strike", "photo")
    return list(appeals[:MAX_SHOWN])


def _until(strike: Strike) -> datetime | None:
    if strike.level == Strike.Level.WARNING:
        return strike.expires_at
    if strike.level == Strike.Level.SHARING_OFF:
        return strike.created_at + SHARING_OFF
    return None
