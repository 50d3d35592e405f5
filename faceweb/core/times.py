"""Moments in the reader's zone, with the zone said."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format


def time_text(when: datetime) -> str:
    """Day, time and zone of a moment, such as "5 March 2026, 14:30 CET"."""
    local = timezone.localtime(when)
    return f"{date_format(local, 'j F Y, H:i')} {local.tzname()}"
