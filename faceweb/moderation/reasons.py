"""Why cases are opened and how decisions are grounded: a code, and its sentences.

``label`` is for moderators, ``sentence`` for the person concerned, in mails and on their pages.
"""

from dataclasses import dataclass
from typing import Final, Literal

from faceweb.moderation.models import Decision

Ground = Literal["rules", "law"]
_Action = Decision.Action

_AGAINST: Final = (
    _Action.UNSHARE, _Action.DELETE, _Action.BLOCK_HASH,
    _Action.WARN, _Action.FREEZE, _Action.SUSPEND,
)  # fmt: skip
_REMOVING: Final = (_Action.UNSHARE, _Action.DELETE, _Action.BLOCK_HASH)
_FOR: Final = (_Action.DISMISS, _Action.GRANT)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        code: what is stored.
        label: a few words for moderators.
        sentence: what the person concerned is told.
        ground: whether it rests on this site's rules or on the law.
        actions: the decisions it may stand under; empty for what only opens cases.
        is_fault: whether whoever put the picture here broke a rule by it, so that removing the
            picture is a strike.
        is_grave: whether it suspends at once and goes before everything else in the queue.
    """

    code: str
    label: str
    sentence: str
    ground: Ground = "rules"
    actions: tuple[Decision.Action, ...] = ()
    is_fault: bool = False
    is_grave: bool = False


_REASONS: Final = (
    # what is wrong with a picture or with what somebody did
    Reason(
        "minor", "Shows somebody under 18",
        "The picture shows, or seems to show, somebody under 18. That is not allowed here.",
        "law", _AGAINST, is_fault=True, is_grave=True,
    ),
    Reason(
        "intimate", "Intimate, without agreement",
        "The picture is intimate or sexual, and somebody in it has not agreed to it.",
        "law", _AGAINST, is_fault=True, is_grave=True,
    ),
    Reason(
        "nudity", "Nudity or sexual content",
        "The picture shows nudity or sexual content, which is not allowed here.",
        "rules", _AGAINST, is_fault=True,
    ),
    Reason(
        "likeness", "Somebody's face without agreement",
        "The picture uses the face of somebody who has not agreed to it.",
        "law", _AGAINST, is_fault=True,
    ),
    Reason(
        "deception", "Deceives or harasses",
        "The picture is used to deceive, to impersonate or to harass somebody.",
        "rules", _AGAINST, is_fault=True,
    ),
    Reason(
        "known_bad", "Copy of a removed picture",
        "The picture is a copy of one that was removed from here.",
        "rules", _AGAINST, is_fault=True,
    ),
    Reason(
        "protected_face", "A protected face",
        "The picture shows somebody who asked that their face not be used here.",
        "rules", _REMOVING,
    ),
    Reason(
        "rights", "Violates a right",
        "The picture violates somebody's right, such as copyright.",
        "law", _REMOVING,
    ),
    Reason(
        "authority", "Order of an authority",
        "An authority or a court has ordered this.",
        "law", (*_REMOVING, _Action.FREEZE, _Action.SUSPEND),
    ),
    Reason(
        "other", "Illegal or harmful in another way",
        "The picture is illegal or breaks the rules of this site in another way.",
        "rules", _AGAINST, is_fault=True,
    ),
    Reason(
        "misleading", "Misleading, but allowed",
        "The picture may stay, but people could take it for something that happened.",
        "rules", (_Action.LABEL,),
    ),
    Reason(
        "repeated", "Again and again",
        "You have broken the rules of this site several times.",
        "rules", (_Action.FREEZE, _Action.SUSPEND),
    ),
    Reason(
        "suspicion", "Under investigation",
        "There are serious signs that this account is misused, and they are being looked into.",
        "rules", (_Action.FREEZE,),
    ),
    # why there is nothing wrong, or not enough
    Reason(
        "allowed", "Within the rules",
        "The picture was looked at by a person and is within the rules.",
        actions=(_Action.DISMISS,),
    ),
    Reason(
        "unproven", "Not enough to go on",
        "There was not enough to decide otherwise.",
        actions=(_Action.DISMISS, _Action.REFUSE),
    ),
    Reason(
        "gone", "The picture is gone already",
        "The picture is not here any more.",
        actions=(_Action.DISMISS,),
    ),
    Reason(
        "mistake", "The earlier decision was wrong",
        "The earlier decision was wrong. We are sorry.",
        actions=_FOR,
    ),
    Reason(
        "upheld", "The earlier decision was right",
        "The decision was looked at again by somebody else, and it stands.",
        actions=(_Action.REFUSE,),
    ),
    Reason(
        "proven", "The proof convinces",
        "The proof was looked at by a person and convinces.",
        actions=(_Action.GRANT,),
    ),
    # what only opens cases
    Reason(
        "unscreened", "Could not be checked by machine",
        "The picture could not be checked automatically.",
    ),
    Reason("appeal", "Appeal", "Somebody asked that a decision be looked at again."),
)  # fmt: skip

REASONS: Final = {reason.code: reason for reason in _REASONS}


def reason_of(code: str) -> Reason:
    """The reason of that code; for one from elsewhere, a plain one that says no more than it."""
    known = REASONS.get(code)
    return known or Reason(code, code.replace("_", " ") or "unknown", "")


def reasons_for(action: Decision.Action) -> tuple[Reason, ...]:
    """The reasons that a decision of this kind may stand on, in the order to offer them."""
    return tuple(reason for reason in _REASONS if action in reason.actions)
