"""The two packaged portraits as the built-in engine sees them, without any network.

Mesh and classes of each were taken once with the built-in networks and lie in ``data``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from models.faces.parsing import Parsing
from models.pixels.imaging import Image
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.view import FaceView, grouped
from tests.conftest import sample_path

_DATA = Path(__file__).parent / "data"
OUTLINE_LOWER = [234, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 454, 429, 197, 209]


@lru_cache(maxsize=4)
def portrait(name: str) -> FaceView:
    """``astronaut`` (frontal, no glasses) or ``hopper`` (frontal, glasses)."""
    image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
    assert image is not None
    data = np.load(_DATA / f"{name}.npz")
    labels = data["labels"]
    sure = (labels[None] == np.arange(19)[:, None, None]).astype(np.uint8) * np.uint8(255)
    soft = np.stack([cv2.GaussianBlur(plane, (0, 0), 2) for plane in sure])
    classes = grouped(Parsing(labels, soft, data["matrix"]))
    return FaceView(image, data["mesh"], classes, data["matrix"])


def enlarged(view: FaceView, factor: float) -> FaceView:
    """The same face in the photo resized by `factor`."""
    image = cv2.resize(view.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    mesh = view.mesh * np.float32(factor)
    mesh[:, :2] += np.float32((factor - 1) / 2)
    matrix = view.matrix.copy()
    matrix[:, :2] /= factor
    matrix[:, 2] -= matrix[:, :2].sum(axis=1) * np.float32((factor - 1) / 2)
    return replace(view, image=image, mesh=mesh, matrix=matrix)


def repainted(view: FaceView, image: Image) -> FaceView:
    """The same face where its photo was changed but for its shape."""
    return replace(view, image=image)


def toned(view: FaceView) -> FaceView:
    """The photo in sepia: every pixel of one hue."""
    grey = cv2.cvtColor(view.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    sepia = grey[..., None] * np.array([0.70, 0.88, 1.0], np.float32)
    return repainted(view, np.clip(sepia, 0, 255).astype(np.uint8))


def darker(view: FaceView, exponent: float) -> FaceView:
    """The photo through a power curve, as if its skin were darker; under 1 it gets lighter."""
    table = np.clip(255 * (np.arange(256) / 255) ** exponent, 0, 255).astype(np.uint8)
    return repainted(view, cv2.LUT(view.image, table))


def lower_face(view: FaceView) -> np.ndarray:
    """bool (H, W), where a surgical mask would lie."""
    points = np.round(view.mesh[OUTLINE_LOWER, :2]).astype(np.int32)
    area = np.zeros(view.image.shape[:2], np.uint8)
    cv2.fillPoly(area, [cv2.convexHull(points)], 255)
    return area > 0


def masked(view: FaceView) -> FaceView:
    """A pale blue mask over nose, mouth and chin, which the parser takes for skin."""
    image = view.image.copy()
    area = lower_face(view)
    image[area] = (232, 214, 190)
    height, width = view.image.shape[:2]
    rows, columns = np.mgrid[0 : view.classes.shape[0], 0 : view.classes.shape[1]]
    inverse = cv2.invertAffineTransform(view.matrix)
    x = np.clip(
        np.rint(inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]), 0, width - 1
    )
    y = np.clip(
        np.rint(inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]), 0, height - 1
    )
    classes = view.classes.copy()
    inside = area[y.astype(int), x.astype(int)]
    classes[inside] = 0
    classes[inside, Part.SKIN] = 255
    return replace(view, image=image, classes=classes)
