"""Which face of one picture is which of another: by place, since faces are numbered by size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from models.faces.face import Face


Place = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the picture's width and height."""

_SAME_PLACE: Final = 0.25
"""Overlap of two boxes of one face found by different detectors; those of two faces have less."""


def place_of(box: Sequence[float], width: int, height: int) -> Place:
    """Where a box, x1, y1, x2, y2 in pixels, lies in a picture of that size."""
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return x1 / width, y1 / height, x2 / width, y2 / height


def face_place(face: Face, width: int, height: int) -> Place:
    """Where a face lies in a picture of that size."""
    return place_of(face.box.tolist(), width, height)


def overlap(a: Place, b: Place) -> float:
    """Intersection over union, 0 to 1."""
    shared = _area(_common(a, b))
    return shared / max(_area(a) + _area(b) - shared, 1e-12)


def meets(a: Place, b: Place) -> bool:
    """Whether two places have anything in common."""
    return _area(_common(a, b)) > 0


def together(a: Place, b: Place) -> Place:
    """The smallest place that holds both."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def nearest(place: Place, others: Sequence[Place]) -> int | None:
    """Which of `others` is the same face, or None."""
    best = max(range(len(others)), key=lambda each: overlap(place, others[each]), default=None)
    if best is None or overlap(place, others[best]) < _SAME_PLACE:
        return None
    return best


def _common(a: Place, b: Place) -> Place:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _area(place: Place) -> float:
    return max(place[2] - place[0], 0.0) * max(place[3] - place[1], 0.0)
