"""The clock of takedown requests: 48 hours, with alerts to moderators at 24 and 40."""

import logging
from collections import defaultdict
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.db.models import Q
from django.utils import timezone

from faceweb.moderation.models import ALERT_HOURS, CLOCK, Case
from faceweb.moderation.notices import alert_mail
from faceweb.people.models import User

logger = logging.getLogger(__name__)


def moderators() -> list[User]:
    """Everybody who may decide cases and can sign in."""
    decide = Permission.objects.filter(codename="decide_case", content_type__app_label="moderation")
    may = Q(is_superuser=True) | Q(groups__permissions__in=decide) | Q(user_permissions__in=decide)
    return list(User.objects.filter(may, is_active=True, is_staff=True).distinct().order_by("pk"))


def cases_alert() -> int:
    """Remind moderators of undecided cases, once at each of the clock's alerts.

    A reminder that no mail server took is tried again the next time. Returns how many cases it was
    about.
    """
    first = CLOCK - timedelta(hours=ALERT_HOURS[0])
    running = Case.objects.open().filter(
        due_at__lte=timezone.now() + first, alerted_hours__lt=ALERT_HOURS[-1]
    )
    due: dict[int, list[Case]] = defaultdict(list)
    for case in running.by_urgency():
        if case.alert_hours > case.alerted_hours:
            due[case.alert_hours].append(case)
    if not due:
        return 0
    people = moderators()
    alerted = 0
    for hours, cases in due.items():
        if not people:
            logger.error("%d cases wait and nobody may decide them", len(cases))
        elif alert_mail(cases, hours, people):
            ids = [case.pk for case in cases]
            Case.objects.filter(pk__in=ids, alerted_hours__lt=hours).update(alerted_hours=hours)
            alerted += len(cases)
    return alerted
