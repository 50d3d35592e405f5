"""Which pixel of a face is skin, lip, brow, hair or something else, on a square round its mesh."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from models.geometry import face_mesh
from models.networks.parser import SIZE_PX, ClassScores
from models.pixels.imaging import Image, upright_patch

MARGIN: Final = 1.5 * 1.25
"""Side of the square over the face's longer side."""
_SURE: Final = (0.35, 0.65)
"""On plain cheeks the network's own probability is only 0.6 to 0.8."""


class FaceClass(IntEnum):
    """The 19 classes of CelebAMask-HQ. Left and right are those of the image."""

    BACKGROUND = 0
    SKIN = 1
    LEFT_BROW = 2
    RIGHT_BROW = 3
    LEFT_EYE = 4
    RIGHT_EYE = 5
    GLASSES = 6
    LEFT_EAR = 7
    RIGHT_EAR = 8
    EARRING = 9
    NOSE = 10
    MOUTH = 11
    UPPER_LIP = 12
    LOWER_LIP = 13
    NECK = 14
    NECKLACE = 15
    CLOTH = 16
    HAIR = 17
    HAT = 18


SKIN: Final = (FaceClass.SKIN, FaceClass.NOSE)
BROWS: Final = (FaceClass.LEFT_BROW, FaceClass.RIGHT_BROW)
EYES: Final = (FaceClass.LEFT_EYE, FaceClass.RIGHT_EYE)
LIPS: Final = (FaceClass.UPPER_LIP, FaceClass.LOWER_LIP)
EARS: Final = (FaceClass.LEFT_EAR, FaceClass.RIGHT_EAR)
FACE: Final = (*SKIN, *BROWS, *EYES, *LIPS, FaceClass.MOUTH)


@dataclass(frozen=True, eq=False)
class Parsing:
    """The classes of a face's surroundings.

    Attributes:
        labels: uint8 (512, 512), the likeliest `FaceClass` of each pixel.
        probabilities: uint8 (19, 512, 512), 255 is certain.
        matrix: float32 (2, 3), from image pixels to those of the square.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.uint8]
    matrix: FloatArray

    def share(self, *classes: FaceClass) -> FloatArray:
        """Summed probability of `classes`, float32 (512, 512), 0 to 1."""
        total = self.probabilities[list(classes)].sum(axis=0, dtype=np.uint16)
        return np.minimum(total.astype(np.float32) / 255, 1)

    def mask(self, *classes: FaceClass) -> FloatArray:
        """Soft mask of `classes`, float32 (512, 512): 0 under a share of .35, 1 from .65."""
        low, high = _SURE
        return np.clip((self.share(*classes) - low) / (high - low), 0, 1)

    def in_frame(
        self, values: FloatArray, to_image: FloatArray, size: tuple[int, int]
    ) -> FloatArray:
        """`values` of the square, float32 (512, 512), on another grid; 0 where it ends.

        Args:
            values: what :meth:`mask` or :meth:`share` gives.
            to_image: float32 (2, 3), from pixels of the grid to image pixels; the identity for
                the image itself.
            size: (height, width) of the grid.
        """
        inner = np.vstack([to_image, [0, 0, 1]])
        matrix = self.matrix.astype(np.float64) @ inner
        return cv2.warpAffine(
            values,
            matrix,
            (size[1], size[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        ).astype(np.float32, copy=False)


def parse_face(network: ClassScores, image: Image, mesh: FloatArray) -> Parsing:
    """The classes round the face with `mesh` (468, 3) in `image`, uint8 (H, W, 3) BGR."""
    region = face_mesh.face_region(mesh, MARGIN)
    # Hair needs a little more room than the chin.
    angle = np.radians(region.roll)
    up = np.array([np.sin(angle), -np.cos(angle)]) * (6 / SIZE_PX * region.side)
    patch, matrix = upright_patch(
        image, (region.centre + up).astype(np.float32), region.side, region.roll, SIZE_PX
    )
    probabilities = network.probabilities(patch)
    return Parsing(probabilities.argmax(axis=0).astype(np.uint8), probabilities, matrix)
