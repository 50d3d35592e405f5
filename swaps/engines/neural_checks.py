"""What the neural engine refuses, and what it warns of, from stored data alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.faces.errors import FaceError
from models.faces.face import Face
from swaps.engines.former import FaceSwap, SwapWarning
from swaps.engines.neural_options import NeuralOptions

MIN_TARGET_PX: Final = 20.0
MIN_SOURCE_PX: Final = 40.0
SMALL_SOURCE_PX: Final = 90.0
PROFILE_YAW: Final = 38.0


def check_pair(target_face: Face, source_face: Face) -> list[SwapWarning]:
    """Judges a pair of faces.

    Raises:
        FaceError: ``face_too_small`` or ``source_too_small``.
    """
    if target_face.quality.width_px < MIN_TARGET_PX:
        raise FaceError(
            "face_too_small",
            "The face to replace is too small to draw another one there.",
            "Use a photo that shows it larger.",
        )
    if source_face.quality.width_px < MIN_SOURCE_PX:
        raise FaceError(
            "source_too_small",
            "The new face is too small to tell whose it is.",
            "Use a photo that shows it larger.",
        )
    warnings = []
    if source_face.quality.width_px < SMALL_SOURCE_PX:
        warnings.append(
            SwapWarning(
                "source_small",
                "The new face is rather small in its photo, so the likeness may be weak.",
                "A larger photo of the same person gives a better result.",
            )
        )
    if abs(target_face.pose.yaw) > PROFILE_YAW:
        warnings.append(
            SwapWarning(
                "profile",
                "The face to replace is seen almost from the side.",
                "Faces that look towards the camera come out better.",
            )
        )
    return warnings


def outline_warnings(swap: FaceSwap, options: NeuralOptions) -> list[SwapWarning]:
    """Where the outline is wanted of a face that has none."""
    if "hull" not in (options.masks or ()) or swap.target_face.landmarks is not None:
        return []
    return [
        SwapWarning(
            "no_outline",
            "The outline of this face is not known, so the square round it was used.",
            "Choose single parts of the face instead.",
        )
    ]


def left_out_warnings(left_out: Sequence[int]) -> list[SwapWarning]:
    """Of further photos that were not used, by number."""
    if not left_out:
        return []
    photos = "One photo was" if len(left_out) == 1 else f"{len(left_out)} photos were"
    return [
        SwapWarning(
            "photos_left_out",
            f"{photos} left out: no face there is surely the same person as the chosen one.",
            "Photos that show the person large, sharp and from the front are easier to tell.",
        )
    ]
