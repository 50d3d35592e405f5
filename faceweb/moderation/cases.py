"""Opening cases. What people decide about them is in `faceweb.moderation.decisions`."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import F

from faceweb.media.models import Asset, AssetQuerySet
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import Case
from faceweb.moderation.reasons import REASONS

if TYPE_CHECKING:
    from faceweb.people.models import User

# How a kind of case stands in the queue before anything is known about it; 0 to 100.
URGENCY: Final = {
    Case.Kind.TAKEDOWN: 90,
    Case.Kind.REPORT: 60,
    Case.Kind.SCREENING: 40,
    Case.Kind.PROTECTED_FACE: 30,
    Case.Kind.APPEAL: 20,
}
# What may be about a child or is intimate goes before everything else of its kind.
GRAVE_REASONS: Final = frozenset(code for code, reason in REASONS.items() if reason.is_grave)
GRAVE: Final = 100


def case_open(
    *,
    kind: Case.Kind,
    reason: str,
    photo: Asset | None = None,
    person: "User | None" = None,
    due_at: datetime | None = None,
) -> Case:
    """A case for people to decide; one that is open about the same picture is added to.

    Appeals and requests for protection stand alone. A case that is added to keeps the graver kind,
    the higher urgency and the earlier clock, and its version grows, so that nobody decides on what
    they have not read.

    Args:
        kind: how it came about.
        reason: a short code of what it is about.
        photo: the picture; its owner is the person concerned unless one is given.
        person: whom it is about.
        due_at: the end of the clock that the law sets.
    """
    urgency = GRAVE if reason in GRAVE_REASONS else URGENCY[kind]
    person = person or (photo.owner if photo is not None else None)
    merges = photo is not None and kind not in {Case.Kind.APPEAL, Case.Kind.PROTECTED_FACE}
    with transaction.atomic():
        known = _open_about(photo) if merges and photo is not None else None
        if known is None:
            case = Case.objects.create(
                kind=kind, reason=reason, urgency=urgency, photo=photo, person=person, due_at=due_at
            )
            audit_write(actor=None, action="case.open", target=case, case=case, reason=reason)
            return case
        if URGENCY[kind] > URGENCY[Case.Kind(known.kind)]:
            known.kind = kind
        if urgency > known.urgency:
            known.urgency, known.reason = urgency, reason
        if due_at is not None and (known.due_at is None or due_at < known.due_at):
            known.due_at = due_at
        known.save(update_fields=["kind", "urgency", "reason", "due_at"])
        Case.objects.filter(pk=known.pk).update(version=F("version") + 1)
        known.refresh_from_db()
        audit_write(actor=None, action="case.add", target=known, case=known, reason=reason)
        return known


def _open_about(photo: Asset) -> Case | None:
    """The open case that news about ``photo`` belongs to, locked until the transaction ends."""
    # The photo's row stands for "cases about it", so that two reports at once share one.
    Asset.objects.select_for_update(no_key=True).filter(pk=photo.pk).values("pk").first()
    own = {Case.Kind.APPEAL, Case.Kind.PROTECTED_FACE}
    return (
        Case.objects.select_for_update(of=("self",)).open().exclude(kind__in=own)
        .filter(photo=photo).first()
    )  # fmt: skip


def assets_in_cases_keep(photos: AssetQuerySet) -> AssetQuerySet:
    """Leave out the photos that somebody still has to decide about."""
    return photos.exclude(cases__in=Case.objects.open())
