"""The parser's classes as the swap groups them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from models.faces.face import FloatArray


class Part(IntEnum):
    """What a pixel of a face shows; the last axis of every array of classes."""

    SKIN = 0
    BROW = 1
    EYE = 2
    GLASSES = 3
    LIP = 4
    MOUTH = 5
    HAIR = 6
    HAT = 7
    EAR = 8
    NECK = 9


FACE_PARTS: Final = [Part.SKIN, Part.BROW, Part.EYE, Part.LIP, Part.MOUTH]


def face_share(classes: FloatArray) -> FloatArray:
    """Probability (...) that a pixel is of the face itself: skin, brows, eyes, lips, mouth."""
    return classes[..., FACE_PARTS].sum(axis=-1).astype(np.float32)


def certain(probability: FloatArray) -> FloatArray:
    """0 below .35, 1 above .65: the parser gives cheeks no more than .6 to .8."""
    return np.clip((probability - np.float32(0.35)) / np.float32(0.3), 0, 1)
