"""Everything a moderator reads before deciding one case, gathered for its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, Sum
from django.utils import timezone

from faceweb.media.makers import asset_describe, asset_label
from faceweb.media.models import Asset
from faceweb.moderation.admin.pictures import PROOFS, Veiled, photo_veil, proof_veil
from faceweb.moderation.admin.words import age_words, clock_of, colleague, urgency_word
from faceweb.moderation.clock import moderators
from faceweb.moderation.copies import copies_of
from faceweb.moderation.decisions import UNDO, UNDOABLE, actions_open_to, conflict_of
from faceweb.moderation.models import Appeal, AuditEntry, Case, Decision, ProtectedFace, Screening
from faceweb.moderation.reasons import Reason, reason_of, reasons_for
from faceweb.people.models import User

_Action = Decision.Action
# Keys are free of those that move about: a, j, n, r, z and ?.
KEYS: Final[dict[str, str]] = {
    _Action.DISMISS: "d", _Action.LABEL: "l", _Action.UNSHARE: "u", _Action.DELETE: "x",
    _Action.BLOCK_HASH: "b", _Action.WARN: "w", _Action.FREEZE: "f", _Action.SUSPEND: "s",
    _Action.GRANT: "g", _Action.REFUSE: "d",
}  # fmt: skip
_MEANING: Final[dict[str, str]] = {
    _Action.DISMISS: "Nothing is wrong: it is as it was before.",
    _Action.LABEL: "It stays, and says of itself that people found it misleading.",
    _Action.UNSHARE: "Its links stop working; its owner keeps it.",
    _Action.DELETE: "It goes for good, with every copy and all that was made of it.",
    _Action.BLOCK_HASH: "Deleted, and it cannot be uploaded again.",
    _Action.WARN: "A strike for the person, and its links stop working.",
    _Action.FREEZE: "The person may look at and export what is theirs, no more.",
    _Action.SUSPEND: "The person can no longer sign in.",
    _Action.GRANT: "They get what they ask for.",
    _Action.REFUSE: "It stays as it is.",
}
_COPIES: Final = 12
_HISTORY: Final = 40
_EARLIER: Final = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision on offer: its key, what it means and the reasons it may stand on."""

    action: Decision.Action
    key: str
    meaning: str
    reasons: tuple[Reason, ...]
    chosen_reason: str
    is_undoable: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody typed, so that no answer of the site loses it."""

    action: str = ""
    reason: str = ""
    text: str = ""


def case_photos(case: Case) -> dict[str, tuple[Asset, str, str]]:
    """The picture of a case and what it was made of, by id, with title and detail."""
    photo = case.photo
    if photo is None:
        return {}
    found = {str(photo.pk): (photo, "The picture", _what_it_is(photo))}
    for line in photo.lineage.select_related("parent"):
        parent = line.parent
        found.setdefault(str(parent.pk), (parent, f"Made of: {line.role}", _what_it_is(parent)))
    return found


def _what_it_is(photo: Asset) -> str:
    return asset_label(photo) if photo.is_result else str(photo.get_origin_display())


def case_copies(case: Case) -> dict[str, tuple[Asset, str, str]]:
    """Other pictures here that look the same, as `case_photos`; all hashes are compared for it."""
    photo = case.photo
    if photo is None:
        return {}
    return {
        str(copy.pk): (copy, f"Copy {number}", _whose(copy, photo))
        for number, copy in enumerate(copies_of(photo)[:_COPIES], start=1)
    }


def _whose(copy: Asset, photo: Asset) -> str:
    return "the same person's" if copy.owner_id == photo.owner_id else "another person's"


def case_context(case: Case, by: User, draft: Draft, *, with_copies: bool) -> dict[str, Any]:
    """The context of the case page, in a bounded number of queries.

    Copies are looked for only ``with_copies``: comparing every hash takes its time on a large site.
    """
    face = ProtectedFace.objects.filter(case=case).first()
    appeal = Appeal.objects.filter(case=case).select_related("strike__decision__by").first()
    decisions = list(case.decisions.select_related("by"))
    return {
        "case": case,
        "clock": clock_of(case),
        "age": age_words(case.opened_at),
        "urgency": urgency_word(case),
        "assignee": colleague(case.assignee),
        "is_mine": case.assignee_id == by.pk,
        "reason": reason_of(case.reason),
        "pictures": _pictures(case, face),
        "copies": _copies(case) if with_copies else None,
        "photo": case.photo,
        "steps": asset_describe(case.photo) if case.photo else (),
        "reports": list(case.reports.all()),
        "appeal": appeal,
        "against": _against(appeal),
        "face": face,
        "person": _person(case.person, case, by) if case.person is not None else None,
        "screenings": _screenings(case.photo),
        "links": _links(case.photo),
        "choices": _choices(case, by, draft),
        "conflict": conflict_of(case, by) if case.is_open else None,
        "draft": draft,
        "decisions": [
            (decision, reason_of(decision.reason), _may_undo(case, decision, decisions, by))
            for decision in decisions
        ],
        "history": _history(case),
        "colleagues": moderators() if case.is_open and by.has_perm(UNDO) else [],
        "may_hold": by.has_perm("moderation.hold_picture"),
        "may_reveal": by.has_perm("moderation.reveal_picture"),
        "may_decide": by.has_perm("moderation.decide_case"),
    }


def _pictures(case: Case, face: ProtectedFace | None) -> list[Veiled]:
    veiled = [photo_veil(*shown) for shown in case_photos(case).values()]
    if face is not None:
        titles = {"selfie": "Selfie", "proof": "Proof of who they are"}
        proofs = [proof_veil(face, which, titles[which]) for which in PROOFS]
        veiled += [proof for proof in proofs if proof is not None]
    return veiled


def _copies(case: Case) -> list[Veiled]:
    own = case_photos(case)
    return [photo_veil(*shown) for key, shown in case_copies(case).items() if key not in own]


def _choices(case: Case, by: User, draft: Draft) -> list[Choice]:
    choices = []
    for action in actions_open_to(case, by):
        reasons = reasons_for(action)
        codes = [reason.code for reason in reasons]
        is_chosen = draft.action == action
        wanted = draft.reason if is_chosen else case.reason
        chosen = wanted if wanted in codes else codes[0]
        choices.append(
            Choice(
                action, KEYS[action], _MEANING[action], reasons, chosen,
                action in UNDOABLE, is_chosen,
            )
        )  # fmt: skip
    return choices


def _may_undo(case: Case, decision: Decision, decisions: list[Decision], by: User) -> bool:
    """Whether to offer it; the service asks again, more strictly."""
    last = next((other for other in decisions if other.undone_at is None), None)
    return (
        not case.is_open
        and last is not None
        and last.pk == decision.pk
        and decision.action in UNDOABLE
        and by.has_perm(UNDO)
        and conflict_of(case, by) is None
    )


def _person(person: User, case: Case, by: User) -> dict[str, Any]:
    now = timezone.now()
    strikes = list(person.strikes.all())
    earlier = person.cases.exclude(pk=case.pk)
    counts = earlier.aggregate(all=Count("pk"), open=Count("pk", filter=Q(state=Case.State.OPEN)))
    recent = list(earlier.prefetch_related("decisions").order_by("-opened_at")[:_EARLIER])
    off = person.sharing_off_until
    standing = "in good standing"
    if not person.is_active:
        standing = "suspended"
    elif person.frozen_at is not None:
        standing = "frozen"
    elif off is not None and off > now:
        standing = "sharing switched off"
    return {
        "row": person,
        # Whose it is does not help to judge a picture; leads can look people up.
        "email": person.email if by.has_perm("people.view_user") else "",
        "age": age_words(person.date_joined),
        "standing": standing,
        "photos": person.photos.count(),
        "strikes": [(strike, reason_of(strike.reason)) for strike in strikes],
        "counting": sum(strike.is_counting for strike in strikes),
        "cases": counts,
        "recent": [(other, next(iter(other.decisions.all()), None)) for other in recent],
    }


def _against(appeal: Appeal | None) -> dict[str, Any] | None:
    """What an appeal is against, with the decision it came from."""
    if appeal is None or appeal.strike is None:
        return None
    decision = appeal.strike.decision
    return {
        "strike": appeal.strike,
        "reason": reason_of(appeal.strike.reason),
        "decision": decision,
        "by": colleague(decision.by) if decision is not None else "",
    }


def _screenings(photo: Asset | None) -> list[tuple[Screening, Reason, list[tuple[str, float]]]]:
    if photo is None:
        return []
    rows = []
    for screening in photo.screenings.all()[:3]:
        scores = [
            (name.replace("_", " "), round(float(value), 3))
            for name, value in screening.scores.items()
            if isinstance(value, int | float)
        ]
        scores.sort(key=lambda score: -score[1])
        rows.append((screening, reason_of(screening.reason), scores[:8]))
    return rows


def _links(photo: Asset | None) -> dict[str, Any]:
    if photo is None:
        return {"count": 0}
    now = timezone.now()
    working = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    return photo.share_links.aggregate(
        count=Count("pk"), working=Count("pk", filter=working), views=Sum("views", default=0)
    )


def _history(case: Case) -> list[tuple[AuditEntry, str]]:
    """What the log has about this case, newest first, with people by name."""
    entries = list(AuditEntry.objects.filter(case_ticket=case.ticket)[:_HISTORY])
    people = User.objects.in_bulk({entry.actor_id for entry in entries if entry.actor_id})
    named = []
    for entry in entries:
        person = people.get(entry.actor_id) if entry.actor_id else None
        is_staff = person is not None and person.is_staff
        named.append((entry, colleague(person) if is_staff else entry.actor))
    return named
