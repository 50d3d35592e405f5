"""Every face of a photo is found, whatever its size, tilt and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.finder import Finder
from models.networks.scrfd import Detections
from models.pixels.imaging import Image
from tests.conftest import sample_path, shared_dir

HEADS = {"astronaut": (140, 0, 300, 190), "hopper": (130, 20, 390, 330)}
"""Name -> x1, y1, x2, y2 of a cut-out with the head and what is round it."""
FACE_WIDTHS = {"astronaut": 88, "hopper": 170}


def head(name: str, face_px: float) -> np.ndarray:
    image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
    assert image is not None
    x1, y1, x2, y2 = HEADS[name]
    scale = face_px / FACE_WIDTHS[name]
    return cv2.resize(
        image[y1:y2, x1:x2],
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    ).astype(np.uint8)


def scene(width: int, height: int) -> np.ndarray:
    """Soft noise of a room's colours, uint8 (height, width, 3)."""
    random = np.random.default_rng(5)
    coarse = random.integers(60, 200, (height // 40 + 1, width // 40 + 1, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def put(image: np.ndarray, patch: np.ndarray, x: int, y: int) -> tuple[float, float]:
    """Paste `patch` with its corner at (x, y); gives its middle."""
    rows, columns = patch.shape[:2]
    image[y : y + rows, x : x + columns] = patch
    return x + columns / 2, y + rows / 2


def middles(faces: list[Any]) -> np.ndarray:
    return np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces]).reshape(-1, 2)


def all_found(faces: list[Any], places: list[tuple[float, float]], within: float) -> bool:
    found = middles(faces)
    return len(found) == len(places) and all(
        np.linalg.norm(found - place, axis=1).min() < within for place in places
    )


@pytest.mark.parametrize("width", [1280, 1600, 4000])
def test_faces_of_forty_pixels_and_of_a_quarter_photo(
    builtin_analyser: BuiltinAnalyser, width: int
) -> None:
    image = scene(width, width * 3 // 4)
    places = [
        put(image, head("astronaut", 42), width // 5, width // 2),
        put(image, head("hopper", 45), width * 4 // 5, width // 3),
        put(image, head("hopper", width / 8), width // 3, width // 8),
    ]
    assert all_found(builtin_analyser.find_faces(image), places, width / 12)


def test_faces_across_the_borders_of_tiles(builtin_analyser: BuiltinAnalyser) -> None:
    image = scene(4000, 1500)
    places = [
        put(image, head("astronaut", 60), 200 * step, 200 + 60 * (step % 15))
        for step in range(2, 18)
    ]
    assert all_found(builtin_analyser.find_faces(image), places, 40)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_lying_face_beside_an_upright_one(
    builtin_analyser: BuiltinAnalyser, quarters: int
) -> None:
    for width, face_px in ((1200, 100), (4000, 120)):
        image = scene(width, 900)
        turned = np.ascontiguousarray(np.rot90(head("hopper", face_px), quarters))
        places = [
            put(image, head("astronaut", face_px), 100, 100),
            put(image, turned, width - 400, 300),
        ]
        faces = builtin_analyser.find_faces(image)
        assert all_found(faces, places, face_px)
        rolls = sorted(abs(face.pose.roll) for face in faces)
        assert rolls[0] < 15
        assert rolls[1] > 70


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border(builtin_analyser: BuiltinAnalyser, side: str) -> None:
    patch = head("hopper", 150)
    rows, columns = patch.shape[:2]
    image = scene(800, 600)
    across, down = columns * 3 // 8, rows // 4
    x1, y1 = 300, 150
    if side == "left":
        patch, x1 = patch[:, across:], 0
    elif side == "right":
        patch, x1 = patch[:, :-across], 800 - (columns - across)
    elif side == "top":
        patch, y1 = patch[down:], 0
    else:
        patch, y1 = patch[:-down], 600 - (rows - down)
    put(image, patch, x1, y1)
    [face] = builtin_analyser.find_faces(image)
    assert 0 <= face.box[0] < face.box[2] <= 800
    assert 0 <= face.box[1] < face.box[3] <= 600


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_a_face_that_fills_the_frame(builtin_analyser: BuiltinAnalyser, name: str) -> None:
    image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
    assert image is not None
    [face] = builtin_analyser.find_faces(image)
    x1, y1, x2, y2 = np.round(face.box).astype(int)
    close = cv2.resize(image[y1:y2, x1:x2], None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    [filling] = builtin_analyser.find_faces(close.astype(np.uint8))
    assert filling.quality.width_px > 0.6 * close.shape[1]


def test_nothing_is_found_where_there_is_nobody(builtin_analyser: BuiltinAnalyser) -> None:
    image = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert image is not None
    assert builtin_analyser.find_faces(np.ascontiguousarray(image[260:])) == []
    assert builtin_analyser.find_faces(scene(1700, 900)) == []
    assert builtin_analyser.find_faces(np.zeros((3, 5, 3), np.uint8)) == []
    assert builtin_analyser.find_faces(np.zeros((4, 2500, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("small_faces_121px_in_12mpx.jpg", 2),
        ("near_and_far_faces.jpg", 3),
        ("upright_and_lying.jpg", 2),
        ("cut_left_15.jpg", 1),
        ("cut_left_30.jpg", 1),
        ("masked1.jpg", 1),
        ("sunglasses.jpg", 1),
        ("sepia_man.jpg", 1),
        ("tighter.jpg", 1),
    ],
)
def test_photos_that_went_wrong_once(
    builtin_analyser: BuiltinAnalyser, name: str, count: int
) -> None:
    image = cv2.imread(str(shared_dir("cases") / name), cv2.IMREAD_COLOR)
    assert image is not None
    assert len(builtin_analyser.find_faces(image)) == count


def test_recall_on_small_faces(builtin_analyser: BuiltinAnalyser) -> None:
    files = sorted(shared_dir("faces").glob("*.jpg"))[::4]
    found = wanted = 0
    for number, path in enumerate(files):
        portrait = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert portrait is not None
        [*faces] = builtin_analyser.find_faces(portrait)
        if len(faces) != 1:
            continue
        scale = (40 + number % 20) / float(faces[0].box[2] - faces[0].box[0])
        small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = scene(2400, 600)
        place = put(image, small.astype(np.uint8), 100 + 36 * number, 150)
        wanted += 1
        nearby = middles(builtin_analyser.find_faces(image)) - place
        found += bool(len(nearby)) and np.linalg.norm(nearby, axis=1).min() < 60
    assert wanted > 40
    assert found / wanted >= 0.98


class Seen:
    """Stands in for the network; keeps the sizes it is shown."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def candidates(self, image: Image, threshold: float) -> Detections:
        self.sizes.append((image.shape[0], image.shape[1]))
        empty = np.zeros((0, 4), np.float32)
        return Detections(empty, np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


@pytest.mark.parametrize("size", [(3000, 4000), (400, 9000), (6144, 8160)])
def test_no_tile_is_larger_than_the_memory_that_was_meant(size: tuple[int, int]) -> None:
    seen = Seen()
    image = np.broadcast_to(np.zeros(3, np.uint8), (*size, 3))
    Finder(seen).find(image)  # type: ignore[arg-type]
    assert max(max(shape) for shape in seen.sizes) <= 1280


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("noface*.jpg"))


def test_photos_without_faces(builtin_analyser: BuiltinAnalyser) -> None:
    for path in _paths(shared_dir("photos")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert image is not None
        assert builtin_analyser.find_faces(image) == [], path.name
