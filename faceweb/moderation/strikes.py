"""Strikes: what follows when a person breaks a rule, for how long, and how it is lifted.

The ladder climbs by itself: a warning, then sharing switched off for a week, then suspension. What
is grave suspends at once. A person who freezes or suspends somebody skips the ladder.
"""

import hashlib
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from faceweb.core.sending import send
from faceweb.media.models import Asset
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import Case, Decision, Strike
from faceweb.moderation.reasons import Reason
from faceweb.people.models import User
from faceweb.work.models import Job
from faceweb.work.services import job_cancel

SHARING_OFF: Final = timedelta(days=7)
_LADDER: Final = (Strike.Level.WARNING, Strike.Level.SHARING_OFF, Strike.Level.SUSPENSION)
_CHUNK: Final = 1024 * 1024


def strike_level(*, person: User, reason: Reason) -> Strike.Level:
    """What the next strike of this person is, by the ladder."""
    if reason.is_grave:
        return Strike.Level.SUSPENSION
    earlier = person.strikes.counting().count()
    return _LADDER[min(earlier, len(_LADDER) - 1)]


def strike_add(
    *,
    person: User,
    decision: Decision,
    reason: Reason,
    evidence_sha256: str = "",
    level: Strike.Level | None = None,
) -> Strike:
    """Give a strike and let what it brings take effect, in the decision's transaction.

    Args:
        person: whose row is locked by the caller.
        decision: what it follows from.
        reason: why.
        evidence_sha256: digest of the picture it is about, which may be gone soon.
        level: where the ladder is not to decide.
    """
    level = level or strike_level(person=person, reason=reason)
    strike = Strike.objects.create(
        person=person,
        decision=decision,
        level=level,
        reason=reason.code,
        text=decision.text,
        evidence_sha256=evidence_sha256,
        expires_at=timezone.now() + timedelta(days=settings.STRIKE_DAYS),
    )
    audit_write(
        actor=decision.by,
        action="strike.add",
        target=strike,
        case=decision.case,
        reason=reason.code,
        level=level,
        person=str(person.pk),
    )
    _standing_write(person)
    return strike


def strike_lift(
    *, strike: Strike, by: User | None, reason: str = "mistake", case: Case | None = None
) -> bool:
    """Take a strike back with everything it brought; False where that was done already."""
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(pk=strike.person_id)
        lifted = Strike.objects.standing().filter(pk=strike.pk).update(lifted_at=timezone.now())
        if not lifted:
            return False
        audit_write(actor=by, action="strike.lift", target=strike, case=case, reason=reason)
        _standing_write(person, lifted=Strike.Level(strike.level))
        return True


def _standing_write(person: User, lifted: Strike.Level | None = None) -> None:
    """Make the account's row say what its strikes amount to.

    An account that was switched off by other hands than these stays off: only lifting a suspension
    switches one on.
    """
    now = timezone.now()
    standing = list(person.strikes.standing())
    levels = {strike.level for strike in standing}
    ends = [
        strike.created_at + SHARING_OFF
        for strike in standing
        if strike.level == Strike.Level.SHARING_OFF
    ]
    until = max(ends, default=None)
    person.sharing_off_until = until if until is not None and until > now else None
    if Strike.Level.FREEZE in levels:
        person.frozen_at = person.frozen_at or now
    else:
        person.frozen_at = None
    if Strike.Level.SUSPENSION in levels:
        person.is_active = False
    elif lifted == Strike.Level.SUSPENSION:
        person.is_active = True
    person.save(update_fields=["sharing_off_until", "frozen_at", "is_active"])
    if not person.may_make:
        _work_stop(person)
    if not person.is_active:
        transaction.on_commit(partial(_send_sessions_end, person.pk), robust=True)


def _work_stop(person: User) -> None:
    """What is being made for somebody who may make nothing comes to an end."""
    for job in Job.objects.for_user(person).unfinished():
        job_cancel(job=job)


def _send_sessions_end(person_id: UUID) -> None:
    # Where it is not sent: nobody is let in through a session of a suspended account, and its rows
    # end by themselves.
    send("faceweb.moderation.tasks.sessions_end", str(person_id))


def sessions_end(person_id: UUID) -> int:
    """Remove the sessions of somebody who is suspended; returns how many there were."""
    if User.objects.filter(pk=person_id, is_active=True).exists():
        return 0
    theirs = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.get_decoded().get("_auth_user_id") == str(person_id)
    ]
    return Session.objects.filter(pk__in=theirs).delete()[0]


def evidence_of(photo: Asset | None) -> str:
    """SHA-256 in hex of what a strike is about: the file as it was sent, else as it is stored."""
    if photo is None:
        return ""
    if photo.upload_sha256:
        return photo.upload_sha256
    digest = hashlib.sha256()
    try:
        with photo.file_of("original").open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
