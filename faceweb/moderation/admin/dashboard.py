"""The figures on the panel's first page, in a bounded number of queries."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation.admin.words import age_words, span_words
from faceweb.moderation.models import Case, Decision, Screening
from faceweb.moderation.reasons import reason_of

DAYS: Final = 14
_WEEK: Final = timedelta(days=7)
_REASONS: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: where it stands and how high, in per cent of the whole."""

    label: str
    value: int
    height: float
    x: float
    width: float

    @property
    def y(self) -> float:
        return 100 - self.height


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a list of shares: its part of the largest, and of all, in per cent."""

    label: str
    value: int
    of_largest: float
    of_all: float


def figures() -> dict[str, Any]:
    now = timezone.now()
    since = now - timedelta(days=DAYS - 1)
    days = [since.date() + timedelta(days=index) for index in range(DAYS)]
    decided = _by_day(Decision.objects.filter(undone_at=None), "decided_at", days)
    screened = Counter(
        dict(
            Screening.objects.filter(created_at__gte=now - _WEEK).order_by().values_list("state")
            .annotate(count=Count("pk"))
        )
    )  # fmt: skip
    reasons = (
        Case.objects.filter(opened_at__gte=since).exclude(reason="").order_by()
        .values_list("reason").annotate(count=Count("pk")).order_by("-count", "reason")[:_REASONS]
    )  # fmt: skip
    return {
        "queue": _queue(now),
        "kinds": shares(
            (Case.Kind(kind).label, count)
            for kind, count in Case.objects.open().order_by().values_list("kind")
            .annotate(count=Count("pk")).order_by("-count", "kind")
        ),
        "decisions": bars(days, decided),
        "decisions_total": sum(decided.values()),
        "screening": shares(
            (state.label, screened[state.value])
            for state in Asset.Screening if state != Asset.Screening.PENDING
        ),
        "screening_total": sum(screened.values()),
        "reasons": shares((reason_of(code).label, count) for code, count in reasons),
        "days": DAYS,
    }  # fmt: skip


def _queue(now: datetime) -> dict[str, Any]:
    wait = ExpressionWrapper(F("closed_at") - F("opened_at"), output_field=DurationField())
    open_now = Q(state=Case.State.OPEN)
    found = Case.objects.aggregate(
        open=Count("pk", filter=open_now),
        free=Count("pk", filter=open_now & Q(assignee=None)),
        overdue=Count("pk", filter=open_now & Q(due_at__lte=now)),
        soon=Count(
            "pk", filter=open_now & Q(due_at__gt=now, due_at__lte=now + timedelta(hours=24))
        ),
        oldest=Min("opened_at", filter=open_now),
        wait=Avg(wait, filter=Q(closed_at__gte=now - _WEEK)),
    )
    found["oldest"] = age_words(found["oldest"]) if found["oldest"] else "none"
    found["wait"] = span_words(found["wait"]) if found["wait"] is not None else "none yet"
    return found


def _by_day(rows: Any, field: str, days: list[date]) -> dict[date, int]:
    start = timezone.make_aware(datetime.combine(days[0], datetime.min.time()))
    counted = dict(
        rows.filter(**{f"{field}__gte": start}).order_by().annotate(day=TruncDate(field))
        .values_list("day").annotate(count=Count("pk"))
    )  # fmt: skip
    return {day: counted.get(day, 0) for day in days}


def bars(days: list[date], values: dict[date, int]) -> list[Bar]:
    """The bars of a chart 100 wide and 100 high; the tallest reaches the top."""
    highest = max(values.values(), default=0) or 1
    step = 100 / len(days)
    return [
        Bar(f"{day:%-d %b}", values[day], 100 * values[day] / highest, index * step, step * 0.7)
        for index, day in enumerate(days)
    ]


def shares(rows: Any) -> list[Share]:
    listed = [(str(label), int(value)) for label, value in rows]
    largest = max((value for _, value in listed), default=0) or 1
    total = sum(value for _, value in listed) or 1
    return [
        Share(label, value, 100 * value / largest, 100 * value / total) for label, value in listed
    ]
