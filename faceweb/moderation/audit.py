"""The audit log: who did what, when and why. Written here, read by leads, changed by nobody."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model

from faceweb.moderation.models import AuditEntry, Case

SYSTEM = "faceweb"


def audit_write(
    *,
    actor: AbstractBaseUser | AnonymousUser | None,
    action: str,
    target: Model | None = None,
    case: Case | None = None,
    reason: str = "",
    **details: Any,
) -> AuditEntry:
    """Add one entry, in the transaction of what it tells about.

    Args:
        actor: who did it; None for the site itself.
        action: a short code, such as ``case.dismiss``.
        target: what it was done to; only its kind and id are kept.
        case: the case it belongs to.
        reason: the reason's code.
        details: JSON values; never an address, a token, an embedding or a file's name.
    """
    person = actor if actor is not None and actor.pk is not None else None
    return AuditEntry.objects.create(
        actor_id=person.pk if person else None,
        actor=f"account {person.pk}" if person else SYSTEM,
        action=action,
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        case_ticket=case.ticket if case is not None else "",
        reason=reason,
        details=details,
    )
