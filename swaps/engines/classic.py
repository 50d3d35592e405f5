"""The engine that needs no download: landmarks, warp, colour match, multiband blend.

The face's features come from the source; outline, skin tone, light, hair and, where they are dark,
glasses stay the target's. Best on faces that look in much the same direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.engines import Machine, Notice
from models.options import ChoiceOption, Item, OptionSchema, gettext_noop
from swaps.engines.base import SwapEngine, SwapEngineSpec, SwapOffer

if TYPE_CHECKING:
    from models.faces.face import Face

MIN_WIDTH_PX: Final = 60.0
YAW_WARNS: Final = 16.5
YAW_REFUSED: Final = 22.0
OCCLUSION_REFUSED: Final = 0.3
"""Over this share of the source's cheeks, nose and chin hidden; faces in the clear have at most
0.1, strongly turned ones 0.25."""
BLURRED_BELOW: Final = 5.0

BLEND: Final = ChoiceOption(
    key="blend",
    label=gettext_noop("How the face is blended in"),
    default="multiband",
    items=(
        Item(
            "multiband",
            gettext_noop("Natural"),
            gettext_noop("Blends tones broadly and keeps fine detail. Right for most photos."),
        ),
        Item(
            "poisson",
            gettext_noop("Soft"),
            gettext_noop("Takes the light of the photo over wholly. Good when the light differs."),
        ),
        Item(
            "alpha",
            gettext_noop("Plain"),
            gettext_noop("A simple soft edge. Keeps the colours of the face as they are."),
        ),
    ),
)
OPTIONS: Final = OptionSchema((BLEND,))


class ClassicSpec(SwapEngineSpec):
    """See :class:`swaps.engines.base.SwapEngineSpec`."""

    name = "classic"
    label = gettext_noop("Classic")
    analyser = "dlib"
    chosen_by = ("builtin",)

    def vocabulary(self) -> OptionSchema:
        """The same on every machine."""
        return OPTIONS

    def offer(self, machine: Machine) -> SwapOffer:
        """Its networks come with packages, so it is always there."""
        return SwapOffer(OPTIONS)

    def check(self, target: Face, source: Face) -> list[Notice]:
        """Refuses what it cannot do well, and says what will show."""
        return check_pair(target, source)

    def load(self, machine: Machine) -> SwapEngine:
        """The engine; its networks are opened when they are first used."""
        from swaps.engines.classic_engine import ClassicSwapEngine

        return ClassicSwapEngine()


ENGINE: Final = ClassicSpec()


def check_pair(target: Face, source: Face) -> list[Notice]:
    """Judges a pair of faces by their stored data alone.

    The first refusal ends the list: ``no_landmarks``, ``face_too_small``, ``source_too_small``,
    ``source_occluded`` or ``yaw_difference``.
    """
    if (refusal := _refusal(target, source)) is not None:
        return [refusal]
    turn = yaw_difference(target, source)
    found = {
        "yaw_differs": turn > YAW_WARNS,
        "target_glasses": bool(target.quality.glasses and not source.quality.glasses),
        "source_glasses": bool(source.quality.glasses),
        "source_blurred": source.quality.sharpness < BLURRED_BELOW,
        "target_blurred": target.quality.sharpness < BLURRED_BELOW,
    }
    return [Notice(code) for code, holds in found.items() if holds]


def yaw_difference(a: Face, b: Face) -> float:
    """How differently far two faces are turned, in degrees; the side does not matter."""
    return abs(abs(a.pose.yaw) - abs(b.pose.yaw))


def _refusal(target: Face, source: Face) -> Notice | None:
    if target.landmarks is None or source.landmarks is None:
        return Notice("no_landmarks", level="refused")
    if target.quality.width_px < MIN_WIDTH_PX:
        return Notice("face_too_small", {"wanted": round(MIN_WIDTH_PX)}, "refused")
    if source.quality.width_px < MIN_WIDTH_PX:
        return Notice("source_too_small", {"wanted": round(MIN_WIDTH_PX)}, "refused")
    occlusion = source.quality.occlusion
    if occlusion is not None and occlusion > OCCLUSION_REFUSED:
        return Notice("source_occluded", level="refused")
    if yaw_difference(target, source) > YAW_REFUSED:
        return Notice("yaw_difference", level="refused")
    return None
