"""Whether a pair of faces will come out well, from their stored data alone.

Every rule is a property of one face or a difference of two, with the share of pairs it spoils; the
limits were fitted on graded pairs, see docs/engines.md. Light to import: pages ask it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from models.engines import Notice

if TYPE_CHECKING:
    from models.faces.face import Face

MIN_TARGET_PX: Final = 36.0
MIN_SOURCE_PX: Final = 40.0
TURN_SHOWS: Final = 22.0
TURN_REFUSED: Final = 42.0
NOD_SHOWS: Final = 24.0
SOURCE_TURN_SHOWS: Final = 32.0
SOURCE_TURN_REFUSED: Final = 55.0
COVERED_SHOWS: Final = 0.32
COVERED_REFUSED: Final = 0.5
FRINGE_SHOWS: Final = 0.6
GLASSES_WORN: Final = 0.08
DARKER_SHOWS: Final = 28.0
"""Difference of L* (0 to 100) from a darker source to a lighter target."""
MOUTHS_DIFFER: Final = 0.35
HARD_LIGHT: Final = 1.1
CUT_SHOWS: Final = 0.06
CUT_REFUSED: Final = 0.3
SMALL_BESIDE: Final = 0.45
BLURRED_BELOW: Final = 5.0
SHUT_BELOW: Final = 0.1
GRAVE: Final = frozenset(
    {"yaw_differs", "source_turned", "source_glasses", "source_darker", "source_hard_light"}
)
MOST_GRAVE: Final = 3
"""So many of these at once left no pair usable."""


def check_pair(target: Face, source: Face) -> list[Notice]:
    """What will show, or the one reason why the pair is refused."""
    for refusal in _refusals(target, source):
        return [refusal]
    return list(_warnings(target, source))


def _refusals(target: Face, source: Face) -> Iterator[Notice]:
    def refused(code: str, **params: Any) -> Notice:
        return Notice(code, params, "refused")

    if target.quality.width_px < MIN_TARGET_PX:
        yield refused("face_too_small", wanted=round(MIN_TARGET_PX))
    if source.quality.width_px < MIN_SOURCE_PX:
        yield refused("source_too_small", wanted=round(MIN_SOURCE_PX))
    if (source.hints.cut or 0) > CUT_REFUSED:
        yield refused("source_cut_off")
    if (source.hints.covered or 0) > COVERED_REFUSED:
        yield refused(hidden_code(source))
    if abs(source.pose.yaw) > SOURCE_TURN_REFUSED:
        yield refused("source_profile")
    if _turn_between(target, source) > TURN_REFUSED:
        yield refused("yaw_difference")
    grave = [notice for notice in _warnings(target, source) if notice.code in GRAVE]
    if len(grave) >= MOST_GRAVE:
        yield refused("pair_unfit")


def _warnings(target: Face, source: Face) -> Iterator[Notice]:
    ours, theirs = source.hints, target.hints
    if _turn_between(target, source) > TURN_SHOWS:
        yield Notice("yaw_differs")
    elif abs(source.pose.yaw) > SOURCE_TURN_SHOWS:
        yield Notice("source_turned")
    if abs(target.pose.pitch - source.pose.pitch) > NOD_SHOWS:
        yield Notice("pitch_differs")
    if _wears_glasses(source):
        yield Notice("source_glasses")
    if (ours.covered or 0) > COVERED_SHOWS:
        yield Notice("source_partly_covered")
    elif (ours.fringe or 0) > FRINGE_SHOWS:
        yield Notice("source_fringe")
    if (theirs.covered or 0) > COVERED_SHOWS:
        yield Notice("target_partly_covered")
    if (ours.cut or 0) > CUT_SHOWS:
        yield Notice("source_cut_partly")
    if _lightness_gap(target, source) > DARKER_SHOWS:
        yield Notice("source_darker")
    if _mouth_gap(target, source) > MOUTHS_DIFFER:
        yield Notice("mouths_differ")
    if (ours.contrast or 0) > HARD_LIGHT:
        yield Notice("source_hard_light")
    lids = [lid for lid in (ours.lid_left, ours.lid_right) if lid is not None]
    if lids and max(lids) < SHUT_BELOW:
        yield Notice("source_eyes_shut")
    if source.quality.width_px < SMALL_BESIDE * target.quality.width_px:
        yield Notice("source_coarse")
    elif _is_blurred(source):
        yield Notice("source_blurred")


def hidden_code(source: Face) -> str:
    """Why too little of a source can be made out: it is out of focus, or something covers it."""
    return "source_unclear" if _is_blurred(source) else "source_occluded"


def _is_blurred(face: Face) -> bool:
    return face.quality.sharpness < BLURRED_BELOW


def _turn_between(target: Face, source: Face) -> float:
    """Degrees by which one is turned further than the other; the side does not matter."""
    return abs(abs(target.pose.yaw) - abs(source.pose.yaw))


def _lightness_gap(target: Face, source: Face) -> float:
    """How much lighter the target's skin is than the source's, L*; 0 where it is not known."""
    ours, theirs = source.hints.skin, target.hints.skin
    return 0.0 if ours is None or theirs is None else theirs[0] - ours[0]


def _mouth_gap(target: Face, source: Face) -> float:
    ours, theirs = source.hints.mouth, target.hints.mouth
    return 0.0 if ours is None or theirs is None else abs(theirs - ours)


def _wears_glasses(face: Face) -> bool:
    if face.hints.glasses is not None:
        return face.hints.glasses > GLASSES_WORN
    return bool(face.quality.glasses)
