"""What each decision does to pictures and people, and what an undo puts back.

Everything here runs inside the transaction of `faceweb.moderation.decisions`, which has locked the
rows and asked whether the person may.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.media.services import assets_delete
from faceweb.moderation import notices
from faceweb.moderation.audit import audit_write
from faceweb.moderation.copies import copies_of, made_of
from faceweb.moderation.errors import DecisionRefused
from faceweb.moderation.models import Appeal, Case, Decision, Strike
from faceweb.moderation.protected import protected_face_grant, protected_face_refuse
from faceweb.moderation.reasons import Reason
from faceweb.moderation.strikes import evidence_of, strike_add, strike_lift
from faceweb.people.models import User
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import asset_unshare

_Action = Decision.Action


@dataclass
class Effect:
    """One decision at work; ``before`` and ``effects`` end up on its row."""

    case: Case
    decision: Decision
    reason: Reason
    by: User
    photo: Asset | None
    person: User | None
    before: dict[str, Any] = field(default_factory=dict)
    effects: dict[str, Any] = field(default_factory=dict)


def apply(effect: Effect) -> None:
    """Let the decision take effect."""
    _APPLY[_Action(effect.decision.action)](effect)


def put_back(decision: Decision, by: User) -> None:
    """Undo what can be undone: the picture's state, its links, the strike."""
    kept = decision.before
    if photo := kept.get("photo"):
        state = {name: photo[name] for name in ("withheld", "screening", "label")}
        Asset.objects.filter(pk=photo["id"]).update(**state)
    if links := kept.get("links"):
        ShareLink.objects.filter(pk__in=links).update(revoked_at=None)
    strikes = Strike.objects.filter(pk=decision.effects.get("strike"))
    for strike in strikes:
        strike_lift(strike=strike, by=by, case=decision.case)


# --- pictures -----------------------------------------------------------------------------------
def _dismiss(effect: Effect) -> None:
    """Nothing is wrong: the picture may be seen again, and one that waited for a person is clear.

    What the machines refused outright stays refused; that is what an appeal is for.
    """
    _let_stay(effect)


def _let_stay(effect: Effect, label: str | None = None) -> None:
    photo = effect.photo
    if photo is None:
        return
    _remember(effect, photo)
    photo.withheld = False
    if label is not None:
        photo.label = label
    if photo.screening == Asset.Screening.REVIEW:
        photo.screening = Asset.Screening.CLEAR
    _save(photo)


def _label(effect: Effect) -> None:
    """The picture stays and may be shared, and says wherever it is shown what was found."""
    _let_stay(effect, Asset.Label.MISLEADING)


def _unshare(effect: Effect) -> None:
    """Its links are revoked for good, and it stays with its owner alone."""
    photo = effect.photo
    if photo is None:
        return
    _remember(effect, photo)
    working = photo.share_links.filter(revoked_at=None)
    effect.before["links"] = [str(pk) for pk in working.values_list("pk", flat=True)]
    asset_unshare(photo=photo)
    photo.withheld = True
    if photo.screening == Asset.Screening.REVIEW:
        # A person has looked, and nobody is asked again before there is an appeal.
        photo.screening = Asset.Screening.BLOCKED
    _save(photo)


def _delete(effect: Effect) -> None:
    """The picture goes, with what was made of it and every copy found here, whoever has one."""
    photo = effect.photo
    if photo is None:
        return
    if effect.reason.is_fault:
        _strike(effect)
    same = [photo, *copies_of(photo)]
    _remove(effect, [*same, *made_of(same)])


def _block_hash(effect: Effect) -> None:
    """As deleting, and the picture is known again when it comes back."""

    from faceweb.moderation.known_bad import hash_block

    if effect.photo is not None:
        try:
            hash_block(
                photo=effect.photo, reason=effect.reason.code, case=effect.case, by=effect.by
            )
        except (OSError, ValueError) as error:
            raise DecisionRefused("picture_unreadable") from error
    _delete(effect)


def _remove(effect: Effect, photos: Iterable[Asset]) -> None:
    by_owner: dict[UUID, list[UUID]] = defaultdict(list)
    for photo in photos:
        asset_unshare(photo=photo)
        by_owner[photo.owner_id].append(photo.pk)
    ids = [pk for owned in by_owner.values() for pk in owned]
    # What is on legal hold stays where it is, for nobody to see.
    Asset.objects.filter(pk__in=ids, legal_hold=True).update(
        withheld=True, screening=Asset.Screening.BLOCKED
    )
    held = Asset.objects.filter(pk__in=ids, legal_hold=True).values_list("pk", flat=True)
    effect.effects["held"] = [str(pk) for pk in held]
    effect.effects["removed"] = {
        str(owner): [str(pk) for pk in owned] for owner, owned in by_owner.items()
    }
    _close_others(effect, ids)
    for owner, owned in by_owner.items():
        assets_delete(owner=owner, ids=owned)


def _close_others(effect: Effect, photo_ids: list[UUID]) -> None:
    """Open cases about pictures that go with this decision are decided by it."""
    others = (
        Case.objects.select_for_update(of=("self",)).open()
        .filter(photo_id__in=photo_ids)
        .exclude(pk=effect.case.pk)
        .exclude(kind__in=[Case.Kind.APPEAL, Case.Kind.PROTECTED_FACE])
    )  # fmt: skip
    now = timezone.now()
    for case in others:
        case_close(case, now)
        decision = Decision.objects.create(
            case=case,
            by=effect.by,
            action=effect.decision.action,
            reason=effect.reason.code,
            effects={"with": effect.case.ticket},
        )
        notices.decision_send(decision.pk)
        audit_write(
            actor=effect.by,
            action=f"case.{effect.decision.action}",
            target=case,
            case=case,
            reason=effect.reason.code,
            decided_with=effect.case.ticket,
        )


# --- people -------------------------------------------------------------------------------------
def _warn(effect: Effect) -> None:
    _strike(effect)
    _unshare(effect)


def _freeze(effect: Effect) -> None:
    _strike(effect, Strike.Level.FREEZE)
    _unshare(effect)


def _suspend(effect: Effect) -> None:
    _strike(effect, Strike.Level.SUSPENSION)
    _unshare(effect)


def _strike(effect: Effect, level: Strike.Level | None = None) -> None:
    if effect.person is None:
        return
    strike = strike_add(
        person=effect.person,
        decision=effect.decision,
        reason=effect.reason,
        evidence_sha256=evidence_of(effect.photo),
        level=level,
    )
    effect.effects["strike"] = str(strike.pk)


# --- what people asked for ----------------------------------------------------------------------
def _grant(effect: Effect) -> None:
    if effect.case.kind == Case.Kind.PROTECTED_FACE:
        protected_face_grant(face=effect.case.protected_face, by=effect.by)
        return
    appeal = effect.case.appeal
    _answer(appeal, is_granted=True)
    if appeal.strike is not None:
        strike_lift(strike=appeal.strike, by=effect.by, case=effect.case)
    photo = effect.photo
    if photo is not None and photo.erased_at is None:
        _remember(effect, photo)
        photo.withheld = False
        photo.screening = Asset.Screening.CLEAR
        _save(photo)


def _refuse(effect: Effect) -> None:
    if effect.case.kind == Case.Kind.PROTECTED_FACE:
        protected_face_refuse(face=effect.case.protected_face, by=effect.by)
        return
    _answer(effect.case.appeal, is_granted=False)


def _answer(appeal: Appeal, *, is_granted: bool) -> None:
    appeal.is_granted = is_granted
    appeal.save(update_fields=["is_granted"])


def case_close(case: Case, at: datetime) -> None:
    """Close a locked case; whoever still has its older version open may not decide it."""
    case.state = Case.State.CLOSED
    case.closed_at = at
    case.version += 1
    case.save(update_fields=["state", "closed_at", "version"])


def _remember(effect: Effect, photo: Asset) -> None:
    effect.before["photo"] = {
        "id": str(photo.pk),
        "withheld": photo.withheld,
        "screening": photo.screening,
        "label": photo.label,
    }


def _save(photo: Asset) -> None:
    photo.save(update_fields=["withheld", "screening", "label"])


_APPLY: Final[dict[str, Callable[[Effect], None]]] = {
    _Action.DISMISS: _dismiss,
    _Action.LABEL: _label,
    _Action.UNSHARE: _unshare,
    _Action.DELETE: _delete,
    _Action.BLOCK_HASH: _block_hash,
    _Action.WARN: _warn,
    _Action.FREEZE: _freeze,
    _Action.SUSPEND: _suspend,
    _Action.GRANT: _grant,
    _Action.REFUSE: _refuse,
}
