"""From scores to a verdict: clear, review or blocked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from django.conf import settings

from faceweb.media.models import Asset
from faceweb.moderation.screening.backends import NUDENET, VIT

NUDITY: Final = "nudity"
MINOR: Final = "minor"
KNOWN_BAD: Final = "known_bad"
PROTECTED_FACE: Final = "protected_face"
UNSCREENED: Final = "unscreened"

# Nothing else that NudeNet knows counts: covered parts, bellies, feet, armpits and a man's chest
# are fine, and faces are what this site is about.
INTIMATE: Final = ("female_genitalia_exposed", "male_genitalia_exposed", "anus_exposed")
NUDE: Final = ("female_breast_exposed", "buttocks_exposed")


# What decides: by backend, classes -> their group of thresholds in the settings.
_DECIDING: Final[dict[str, dict[tuple[str, ...], str]]] = {
    NUDENET: {INTIMATE: "intimate", NUDE: "nude"},
    VIT: {("nsfw",): "vit"},
}


class Level(IntEnum):
    """How a look ended; of several looks the sternest counts."""

    CLEAR = 0
    REVIEW = 1
    BLOCKED = 2

    @property
    def state(self) -> Asset.Screening:
        """The same as it is kept on a photo."""
        return _STATES[self]


_STATES: Final = {
    Level.CLEAR: Asset.Screening.CLEAR,
    Level.REVIEW: Asset.Screening.REVIEW,
    Level.BLOCKED: Asset.Screening.BLOCKED,
}


@dataclass(frozen=True)
class Verdict:
    """What one look, or all of them together, came to; ``reason`` is empty where it is clear."""

    level: Level = Level.CLEAR
    reason: str = ""

    def stricter_of(self, other: "Verdict") -> "Verdict":
        """The sterner of two. Between equals, what may be about a child is said."""
        if other.level != self.level:
            return max(self, other, key=lambda verdict: verdict.level)
        return other if other.reason == MINOR else self


@dataclass(frozen=True)
class Band:
    """Two scores, 0 to 1: from ``review`` on a person looks, from ``block`` on it is refused."""

    review: float
    block: float

    def level(self, score: float) -> Level:
        """Where a score lies."""
        if score >= self.block:
            return Level.BLOCKED
        return Level.REVIEW if score >= self.review else Level.CLEAR


def bands(backend: str) -> dict[tuple[str, ...], Band]:
    """The thresholds of a backend's classes, from the settings; a class not named never counts.

    Raises:
        KeyError: there is no such backend.
    """
    percent = settings.SCREENING_THRESHOLDS
    return {
        names: Band(percent[group][0] / 100, percent[group][1] / 100)
        for names, group in _DECIDING[backend].items()
    }


def scores_judge(scores: Mapping[str, Mapping[str, float]]) -> Verdict:
    """The verdict on what the backends saw, by backend and class.

    Raises:
        KeyError: a score that decides is not among them, so that nothing can be said.
    """
    levels = [
        band.level(scores[backend][name])
        for backend in scores
        for names, band in bands(backend).items()
        for name in names
    ]
    level = max(levels, default=Level.CLEAR)
    return Verdict(level, NUDITY) if level else Verdict()
