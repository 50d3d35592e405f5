"""Photos and analysed faces for the tests of models and engines."""

from functools import lru_cache

import cv2
import numpy as np

from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.face import Face
from models.pixels.imaging import Image, decode_image
from tests.conftest import sample_path, shared_dir


@lru_cache(maxsize=1)
def analyser() -> DlibAnalyser:
    """One analyser for all tests: its models take a second to load."""
    return DlibAnalyser()


@lru_cache(maxsize=32)
def photo(name: str) -> Image:
    """A sample portrait by name, or a test photo, which is skipped where the folder is absent."""
    if name in ("astronaut", "hopper"):
        return decode_image(sample_path(name).read_bytes())
    return decode_image((shared_dir("photos") / f"{name}.jpg").read_bytes())


@lru_cache(maxsize=32)
def faces(name: str) -> tuple[Face, ...]:
    """The faces of :func:`photo`, largest first."""
    return tuple(analyser().find_faces(photo(name)))


def turned(image: Image, degrees: float) -> Image:
    """`image` turned clockwise about its middle, its border continued."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    rotated = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return rotated.astype(np.uint8, copy=False)
