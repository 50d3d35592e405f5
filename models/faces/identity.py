"""How alike two faces are, on a scale that means the same for every measure.

dlib's network gives a 128-d descriptor in which distance stands for unlikeness. The distances of
a study on 61 photos were: the same photo recompressed 0.04 to 0.17; the same person in another
photo 0.33 to 0.55 (median 0.42); different people 0.39 to 1.1 (median 0.83). The usual threshold
of 0.6 accepted 17 % of the different pairs, so distance is mapped to a similarity instead:

    similarity = exp(-(distance / 0.635)^2)

which puts 0.30 (an edit of one photo, and no other photo in the study) at 0.80 and 0.60 at 0.41.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.faces.face import Face, FloatArray

SFACE_ANALYSER: Final = "builtin"
"""Name of the analyser whose vectors are SFace's."""
DLIB_DISTANCE_SCALE: Final = 0.635
MIN_WIDTH_PX: Final = 60.0
"""Under this jaw width the descriptor drifts (0.12 at 60 px, 0.20 at 40 px) and says nothing."""

SAME_PHOTO: Final = 0.80
"""At or above: an edit of the same photo. Rejected every other photo of the same person too."""
SAME_PERSON_HINT: Final = 0.55
"""At or above: perhaps the same person. A hint, never a proof."""


def dlib_similarity(a: FloatArray, b: FloatArray) -> float:
    """Similarity 0 to 1 of two dlib descriptors, float32 (128,) each."""
    distance = float(np.linalg.norm(a - b))
    return float(np.exp(-((distance / DLIB_DISTANCE_SCALE) ** 2)))


def is_judgeable(face: Face) -> bool:
    """Whether `face` is large enough for its identity to be measured; if not: unsure."""
    return face.quality.width_px >= MIN_WIDTH_PX


def sface_similarity(a: FloatArray, b: FloatArray) -> float:
    """Similarity, at most 1, of two SFace vectors, float32 (128,) each, on ArcFace's scale.

    The cosine by a fixed curve, under which nineteen of twenty edited faces have at least the
    ArcFace cosine that it says; see docs/engines.md.
    """
    length = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    cosine = float(np.clip(np.dot(a, b) / length, -1, 1)) if length else 0.0
    return float(on_arcface_scale(cosine))


def on_arcface_scale(cosines: FloatArray | float) -> FloatArray:
    """SFace's cosines, of any shape, on ArcFace's scale; see :func:`sface_similarity`."""
    return np.asarray(np.interp(cosines, _SFACE_COSINES, _ARCFACE_COSINES), np.float32)


_SFACE_COSINES: Final = (-1.0, 0.0, 0.45, 0.60, 0.70, 0.80, 0.88, 0.93, 1.0)
_ARCFACE_COSINES: Final = (-1.0, 0.0, 0.30, 0.42, 0.52, 0.65, 0.80, 0.88, 1.0)

_TURNED_FROM, _TURNED_TO, _TURNED_MARGIN = 15.0, 45.0, 0.04


def turned_margin(face: Face) -> float:
    """What SFace's similarity must have over a threshold because of the turn of `face`.

    0 up to 15 degrees of yaw, 0.04 from 45: on turned faces the two networks agree less.
    """
    share = (abs(face.pose.yaw) - _TURNED_FROM) / (_TURNED_TO - _TURNED_FROM)
    return _TURNED_MARGIN * float(np.clip(share, 0, 1))
