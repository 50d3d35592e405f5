"""Deciding cases: who may decide what, once, and everything that follows in one transaction.

The rows are locked in one order everywhere: the person, the picture, the case.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation import effects, notices
from faceweb.moderation.audit import audit_write
from faceweb.moderation.errors import CaseChanged, DecisionRefused, ModerationError, NotPermitted
from faceweb.moderation.models import Appeal, Case, Decision
from faceweb.moderation.reasons import Reason, reasons_for
from faceweb.people.models import User

Action = Decision.Action

DECIDE: Final = "moderation.decide_case"
SUSPEND: Final = "moderation.suspend_person"
UNDO: Final = "moderation.undo_decision"
TEXT_LENGTH: Final = 2000

_ABOUT_PICTURES: Final = (Action.UNSHARE, Action.DELETE, Action.BLOCK_HASH)
_ABOUT_PEOPLE: Final = (Action.WARN, Action.FREEZE, Action.SUSPEND)
_ON_REQUEST: Final = (Action.GRANT, Action.REFUSE)
_FOR_LEADS: Final = frozenset({Action.FREEZE, Action.SUSPEND})
# What is deleted is deleted, and what somebody asked for is answered once.
UNDOABLE: Final = frozenset(
    {Action.DISMISS, Action.LABEL, Action.UNSHARE, Action.WARN, Action.FREEZE, Action.SUSPEND}
)


@dataclass(frozen=True)
class BulkOutcome:
    """What became of several cases: the decisions, and why the others were left as they were."""

    decisions: tuple[Decision, ...]
    refusals: tuple[tuple[UUID, ModerationError], ...]


def actions_for(case: Case) -> tuple[Action, ...]:
    """What may be decided about this case at all, in the order to offer it."""
    if case.kind in {Case.Kind.APPEAL, Case.Kind.PROTECTED_FACE}:
        return _ON_REQUEST
    actions = [Action.DISMISS]
    if case.photo_id is not None:
        if case.kind != Case.Kind.SCREENING:
            # Nobody has seen yet what the machines hold back: there is nobody to mislead.
            actions.append(Action.LABEL)
        actions += _ABOUT_PICTURES
    if case.person_id is not None:
        actions += _ABOUT_PEOPLE
    return tuple(actions)


def actions_open_to(case: Case, by: User) -> tuple[Action, ...]:
    """Those of `actions_for` that ``by`` may take now; none where the case is not theirs."""
    if not case.is_open or conflict_of(case, by) is not None:
        return ()
    return tuple(action for action in actions_for(case) if _may(by, action, case))


def conflict_of(case: Case, by: User) -> NotPermitted | None:
    """Why ``by`` may not judge this case, though they may judge others; None where they may."""
    photo_owner = case.photo.owner_id if case.photo is not None else None
    if by.pk in {case.person_id, photo_owner}:
        return NotPermitted("own_picture")
    if case.kind == Case.Kind.APPEAL and _decided_before(case, by):
        return NotPermitted("own_decision")
    return None


def case_decide(
    *,
    case_id: UUID,
    version: int,
    by: User,
    action: str,
    reason: str,
    text: str = "",
) -> Decision:
    """Decide a case, with everything that follows from it and its audit entry.

    Args:
        case_id: the case.
        version: the case's version that the moderator has read.
        by: who decides.
        action: a value of `Decision.Action`.
        reason: code of one of `reasons.reasons_for` that action.
        text: for the person concerned, as it goes into their notice.

    Raises:
        CaseChanged: the case is closed, or not the version that was read.
        NotPermitted: ``by`` may not take this action, or may not judge this case.
        DecisionRefused: the action or the reason does not fit.
        Case.DoesNotExist: there is no such case.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if not case.is_open or case.version != version:
            raise _changed(case)
        wanted = _fitting(case, action)
        ground = _grounded(wanted, reason, text)
        if conflict := conflict_of(case, by):
            raise conflict
        if not _may(by, wanted, case):
            raise _not_yours()
        decision = Decision.objects.create(
            case=case, by=by, action=wanted, reason=ground.code, text=text.strip()
        )
        effect = effects.Effect(case, decision, ground, by, case.photo, case.person)
        case.assignee = by
        case.save(update_fields=["assignee"])
        effects.case_close(case, timezone.now())
        # What is remembered of a picture is read before it goes.
        photo_id = case.photo_id
        effects.apply(effect)
        decision.before, decision.effects = effect.before, effect.effects
        decision.save(update_fields=["before", "effects"])
        audit_write(
            actor=by,
            action=f"case.{wanted}",
            target=case,
            case=case,
            reason=ground.code,
            decision=decision.pk,
            photo=str(photo_id) if photo_id else None,
            person=str(case.person_id) if case.person_id else None,
            **effect.effects,
        )
        notices.decision_send(decision.pk)
    return decision


def cases_decide(
    *, versions: Iterable[tuple[UUID, int]], by: User, action: str, reason: str, text: str = ""
) -> BulkOutcome:
    """Decide several cases alike, each in a transaction of its own.

    Args:
        versions: (case id, version that was read) pairs.
        by: who decides; ``action``, ``reason`` and ``text`` are as for `case_decide`.
    """
    decisions: list[Decision] = []
    refusals: list[tuple[UUID, ModerationError]] = []
    for case_id, version in versions:
        try:
            decisions.append(
                case_decide(
                    case_id=case_id, version=version, by=by, action=action, reason=reason, text=text
                )
            )
        except ModerationError as error:
            refusals.append((case_id, error))
    return BulkOutcome(tuple(decisions), tuple(refusals))


def decision_undo(*, decision: Decision, by: User, reason: str = "mistake") -> Case:
    """Take a decision back: what it did is put back, and its case is open again.

    Raises:
        NotPermitted: ``by`` may not undo, or may not judge this case.
        DecisionRefused: ``not_undoable``, ``undone_before``, ``not_the_last``.
    """
    with transaction.atomic():
        case = _locked(decision.case_id)
        row = Decision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
        _check_undo(case, row, by)
        effects.put_back(row, by)
        row.undone_at = timezone.now()
        row.save(update_fields=["undone_at"])
        case.state = Case.State.OPEN
        case.closed_at = None
        case.version += 1
        case.save(update_fields=["state", "closed_at", "version"])
        audit_write(
            actor=by, action="case.undo", target=case, case=case, reason=reason,
            decision=row.pk, undone=row.action,
        )  # fmt: skip
        notices.undo_send(row.pk)
    return case


def case_assign(*, case_id: UUID, to: User, by: User) -> Case:
    """Give an open case to ``to``.

    Taking one from somebody else is for leads.

    Raises:
        CaseChanged: it is closed.
        NotPermitted: ``by`` or ``to`` may not decide it, or somebody else is on it.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if not case.is_open:
            raise _changed(case)
        if not by.has_perm(DECIDE) or not to.has_perm(DECIDE):
            raise _not_yours()
        if conflict := conflict_of(case, to):
            raise conflict
        taken = case.assignee_id not in {None, by.pk, to.pk}
        if taken and not by.has_perm(UNDO):
            raise NotPermitted("assigned")
        if case.assignee_id != to.pk:
            _assign(case, to, by, "case.assign")
    return case


def case_release(*, case_id: UUID, by: User) -> Case:
    """Put an open case back into the queue for everybody.

    Raises:
        CaseChanged: it is closed.
        NotPermitted: it is somebody else's, and ``by`` is no lead.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if not case.is_open:
            raise _changed(case)
        if case.assignee_id not in {None, by.pk} and not by.has_perm(UNDO):
            raise _not_yours()
        if case.assignee_id is not None:
            _assign(case, None, by, "case.release")
    return case


def case_next(*, by: User) -> Case | None:
    """The most urgent open case that ``by`` may judge and nobody else works on, now theirs.

    What they have begun comes first.
    """
    if not by.has_perm(DECIDE):
        raise _not_yours()
    queue = Case.objects.open().by_urgency().select_related("photo")
    for mine in (queue.filter(assignee=by), queue.filter(assignee=None)):
        for found in mine.iterator():
            if conflict_of(found, by) is not None:
                continue
            try:
                return case_assign(case_id=found.pk, to=by, by=by)
            except (CaseChanged, NotPermitted):
                # Somebody took or decided it in this moment.
                continue
    return None


# --- checks -------------------------------------------------------------------------------------
def _locked(case_id: UUID) -> Case:
    """The case with its person and its picture, none of which changes until the end."""
    found = Case.objects.values("person_id", "photo_id").get(pk=case_id)
    people = User.objects.select_for_update(no_key=True).filter(pk=found["person_id"])
    person = people.first()
    photos = Asset.objects.select_for_update(no_key=True).filter(pk=found["photo_id"])
    photo = photos.first()
    case = Case.objects.select_for_update(of=("self",)).get(pk=case_id)
    # The very rows that are locked, unless the case has lost them meanwhile.
    if person is not None and case.person_id == person.pk:
        case.person = person
    if photo is not None and case.photo_id == photo.pk:
        case.photo = photo
    return case


def _fitting(case: Case, action: str) -> Action:
    if action not in actions_for(case):
        raise DecisionRefused("action_unfit")
    return Action(action)


def _grounded(action: Action, code: str, text: str) -> Reason:
    for reason in reasons_for(action):
        if reason.code == code:
            break
    else:
        raise DecisionRefused("reason_unfit")
    if len(text) > TEXT_LENGTH:
        raise DecisionRefused("text_too_long", limit=TEXT_LENGTH)
    return reason


def _changed(case: Case) -> CaseChanged:
    return CaseChanged("case_changed" if case.is_open else "case_decided")


def _may(by: User, action: Action, case: Case) -> bool:
    if not by.has_perm(DECIDE):
        return False
    if action not in _FOR_LEADS:
        return True
    # Only an administrator locks an administrator out.
    person = case.person
    above = person is not None and person.is_superuser and not by.is_superuser
    return by.has_perm(SUSPEND) and not above


def _not_yours() -> NotPermitted:
    return NotPermitted("not_permitted")


def _decided_before(case: Case, by: User) -> bool:
    """Whether ``by`` made a decision that this appeal is against."""
    appeal = Appeal.objects.filter(case=case).select_related("strike__decision").first()
    if appeal is None:
        return False
    if appeal.strike is not None and appeal.strike.decision is not None:
        return appeal.strike.decision.by_id == by.pk
    about = Decision.objects.filter(case__photo=case.photo_id, undone_at=None, by=by)
    return case.photo_id is not None and about.exists()


def _check_undo(case: Case, decision: Decision, by: User) -> None:
    action = Action(decision.action)
    if not by.has_perm(UNDO) or not _may(by, action, case):
        raise _not_yours()
    if conflict := conflict_of(case, by):
        raise conflict
    if action not in UNDOABLE:
        raise DecisionRefused("not_undoable")
    if decision.undone_at is not None:
        raise DecisionRefused("undone_before")
    last = case.decisions.filter(undone_at=None).first()
    if case.is_open or last is None or last.pk != decision.pk:
        raise DecisionRefused("not_the_last")


def _assign(case: Case, to: User | None, by: User, action: str) -> None:
    case.assignee = to
    case.save(update_fields=["assignee"])
    audit_write(actor=by, action=action, target=case, case=case, to=str(to.pk) if to else None)
