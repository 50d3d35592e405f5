"""The audit log: who did what, when and why. Written here, read by leads, changed by nobody."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet

from faceweb.moderation.models import AuditEntry, Case

SYSTEM = "faceweb"
_COLUMNS: Final = (
    "at", "actor", "actor_id", "action", "target_type", "target_id",
    "case_ticket", "reason", "details",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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


def audit_search(
    *,
    text: str = "",
    actor_id: UUID | None = None,
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Entries, newest first.

    Args:
        text: part of a ticket, an id, an actor's or an action's name, or a reason.
        actor_id: who did it.
        action: how the action's code begins, such as ``case.``.
        since: the earliest moment, included.
        until: the latest moment, not included.
    """
    entries = AuditEntry.objects.all()
    if text:
        entries = entries.filter(
            Q(case_ticket__icontains=text)
            | Q(target_id__icontains=text)
            | Q(actor__icontains=text)
            | Q(action__icontains=text)
            | Q(reason__icontains=text)
        )
    if actor_id is not None:
        entries = entries.filter(actor_id=actor_id)
    if action:
        entries = entries.filter(action__startswith=action)
    if since is not None:
        entries = entries.filter(at__gte=since)
    if until is not None:
        entries = entries.filter(at__lt=until)
    return entries


def audit_export(
    *, entries: QuerySet[AuditEntry], by: AbstractBaseUser, form: Literal["csv", "jsonl"]
) -> Iterator[str]:
    """The entries as lines of text, one at a time, oldest first; that it was done is an entry too.

    Args:
        entries: from `audit_search`.
        by: who takes them away.
        form: comma-separated with a head line, or one JSON object a line.
    """
    last = entries.order_by("-pk").values_list("pk", flat=True).first() or 0
    audit_write(actor=by, action="audit.export", form=form)
    rows = entries.filter(pk__lte=last).order_by("pk").iterator(chunk_size=1000)
    if form == "jsonl":
        return (json.dumps(_row(entry), cls=DjangoJSONEncoder) + "\n" for entry in rows)
    return _csv_lines(rows)


def _csv_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(_COLUMNS)
    yield line.text
    for entry in entries:
        row = _row(entry)
        row["details"] = json.dumps(row["details"], cls=DjangoJSONEncoder)
        writer.writerow([_harmless(row[column]) for column in _COLUMNS])
        yield line.text


def _row(entry: AuditEntry) -> dict[str, Any]:
    row = {column: getattr(entry, column) for column in _COLUMNS}
    row["at"] = entry.at.isoformat()
    row["actor_id"] = str(entry.actor_id) if entry.actor_id else ""
    return row


def _harmless(value: Any) -> str:
    """The same text, and no formula to a spreadsheet."""
    text = str(value)
    return f"'{text}" if text[:1] in _FORMULA else text


class _Line:
    """What `csv.writer` writes to: the line it wrote last."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)
