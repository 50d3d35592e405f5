"""Times as people in a hurry read them, and who somebody is in the panel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone

from faceweb.moderation.models import Case
from faceweb.people.models import User

Level = Literal["none", "calm", "soon", "late", "over"]


@dataclass(frozen=True, slots=True)
class Clock:
    """What is left of the time the law gives: in words, and how pressing it is."""

    words: str
    level: Level


def span_words(span: timedelta) -> str:
    """Its largest unit, rounded down: ``12 min``, ``5 h``, ``3 days``."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return f"{max(minutes, 0)} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def age_words(since: datetime) -> str:
    return span_words(timezone.now() - since)


def clock_of(case: Case) -> Clock:
    """How a case stands against its clock; closed cases and those without one have none."""
    if case.due_at is None or not case.is_open:
        return Clock("no clock", "none")
    left = case.due_at - timezone.now()
    if left <= timedelta(0):
        return Clock(f"overdue by {span_words(-left)}", "over")
    words = f"{span_words(left)} left"
    if left <= timedelta(hours=8):
        return Clock(words, "late")
    return Clock(words, "soon" if left <= timedelta(hours=24) else "calm")


def urgency_word(case: Case) -> str:
    if case.urgency >= 100:
        return "grave"
    if case.urgency >= 80:
        return "high"
    return "normal" if case.urgency >= 40 else "low"


def colleague(person: User | None) -> str:
    """A member of staff by name; by their address where they gave none."""
    return person.get_full_name() if person is not None else "nobody"
