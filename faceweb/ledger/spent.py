"""How far a face has been taken from who was there first, as plain data.

Embeddings of one length are points on a sphere, and the angle between two of them is a metric. So
where the first picture of a face is gone, this much is still sure: the face is within the angles
that were spent on the way, added up. A step that keeps the sum within the angle of the least
likeness allowed keeps the last face as like the first as that, though nobody can compare the two
any more. Biometric data is not needed for it and is not kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

VERSION: Final = 1
FULL: Final = 100
"""Percent of a slider at either end."""


@dataclass(frozen=True)
class Spent:
    """What edits have taken of a face.

    Attributes:
        strengths: percent by slider, -100 to 100, all edits together.
        drift: degrees between the first face and this one, measured or at most.
    """

    strengths: Mapping[str, int] = field(default_factory=dict)
    drift: float = 0.0

    @property
    def is_nothing(self) -> bool:
        """Whether the face is as it was."""
        return not self.drift and not any(self.strengths.values())

    def after(self, strengths: Mapping[str, int], drift: float) -> Spent:
        """What is spent when `strengths` and `drift` degrees come on top."""
        keys = sorted({*self.strengths, *strengths})
        added = {key: clamped(self.strengths.get(key, 0) + strengths.get(key, 0)) for key in keys}
        kept = {key: percent for key, percent in added.items() if percent}
        return Spent(kept, min(self.drift + drift, 180.0))

    def left(self, key: str, asked: int) -> int:
        """As much of `asked` percent of a slider as does not go beyond its end."""
        spent = self.strengths.get(key, 0)
        return clamped(spent + asked) - spent

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "strengths": dict(self.strengths),
            # Rounded up: what is forgotten must not be to anybody's gain.
            "drift": math.ceil(self.drift * 100) / 100,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: the data is of another version or not of this shape.
        """
        try:
            if data["version"] != VERSION:
                raise ValueError(f"unknown version {data['version']!r} of what was spent")
            strengths = {str(key): int(value) for key, value in data["strengths"].items()}
            return cls(strengths, float(data["drift"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"malformed data of what was spent: {error!r}") from error


NOTHING: Final = Spent()


def most_spent(many: Iterable[Spent]) -> Spent:
    """What is spent of a face that may be any of several, or is made of all of them."""
    strengths: dict[str, int] = {}
    drift = 0.0
    for spent in many:
        drift = max(drift, spent.drift)
        for key, value in spent.strengths.items():
            if abs(value) > abs(strengths.get(key, 0)):
                strengths[key] = value
    return Spent(strengths, drift)


def clamped(percent: int) -> int:
    """A slider's place, within its ends."""
    return max(-FULL, min(FULL, percent))


def degrees_of(similarity: float) -> float:
    """The angle between two faces of that cosine."""
    return math.degrees(math.acos(max(-1.0, min(1.0, similarity))))


def threshold_left(threshold: float, drift: float) -> float | None:
    """The cosine that a face must keep to one that is `drift` degrees from the first.

    None where the first face's `threshold` is used up.
    """
    left = degrees_of(threshold) - drift
    return math.cos(math.radians(left)) if left > 0 else None
