"""What the owner of a picture is told about its screening: in words that do not accuse."""

from typing import Final

from faceweb.media.models import Asset
from faceweb.media.screening import Explanation
from faceweb.moderation.screening.verdict import (
    KNOWN_BAD,
    MINOR,
    NUDITY,
    PROTECTED_FACE,
    UNSCREENED,
)

_MACHINE_ERRS: Final = (
    "This was decided by a machine, and machines err: you can ask a person to look at it."
)
_BLOCKED: Final = {
    NUDITY: "It seems to show nudity or something sexual, which is not allowed here.",
    MINOR: "It seems to show nudity or something sexual, which is not allowed here.",
    KNOWN_BAD: "It looks like a picture that was taken down here before.",
    PROTECTED_FACE: "Somebody in it seems to be a person who asked that their face not be used.",
}
_REVIEW: Final = {
    NUDITY: "It may show nudity or something sexual, and a machine cannot tell.",
    MINOR: "Everybody in it must be at least 18, and a machine cannot tell.",
    KNOWN_BAD: "It resembles a picture that was taken down here before.",
    PROTECTED_FACE: "It may show somebody who asked that their face not be used.",
    UNSCREENED: "It could not be checked by machine.",
}
_ONCE_MORE: Final = "You can ask for it to be looked at once more."
_NOTHING_KEPT: Final = (
    "Nothing of the result was kept, and your photos are as they were. Try others."
)
_WAIT: Final = "You need do nothing: this page shows what was decided."


def asset_explain(photo: Asset, reason: str) -> Explanation | None:
    """The words for a photo; None where it is clear or still being checked.

    Args:
        photo: the photo.
        reason: of its last screening, empty where there was none.
    """
    if photo.screening == Asset.Screening.REVIEW:
        sentence = _REVIEW.get(reason, "A moderator wants to look at it first.")
        return Explanation(reason or "review", sentence, _WAIT)
    if photo.screening == Asset.Screening.BLOCKED:
        way_on = _MACHINE_ERRS if reason in _BLOCKED else _ONCE_MORE
        return Explanation(reason or "blocked", _why_blocked(reason), way_on)
    return None


def result_explain(reason: str) -> Explanation:
    """The words for a result that was refused, and of which nothing was kept."""
    return Explanation(reason, _why_blocked(reason), _NOTHING_KEPT)


def _why_blocked(reason: str) -> str:
    return _BLOCKED.get(reason, "A moderator decided that it may not be used here.")
