"""What a closer look at a face tells, on portraits whose light, cover and cut are drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.faces.analysis import FaceStudent
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.face import Face
from models.geometry import face_mesh
from tests.conftest import sample_path, shared_dir


def sample(name: str) -> np.ndarray:
    image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def studied(analyser: BuiltinAnalyser, image: np.ndarray, where: Face | None = None) -> Face:
    """The only face of `image`, studied; by the mesh of `where` when it is given."""
    if where is None:
        [where] = analyser.find_faces(image)
    return analyser.study(image, where)


def lit(image: np.ndarray, face: Face, degrees: float) -> np.ndarray:
    """`image` with a light from that side: half as bright to twice as bright across the face."""
    rows, columns = image.shape[:2]
    y, x = np.mgrid[:rows, :columns]
    middle = (face.box[:2] + face.box[2:]) / 2
    angle = np.radians(degrees)
    along = (x - middle[0]) * np.cos(angle) - (y - middle[1]) * np.sin(angle)
    gain = 2.0 ** np.clip(along / (0.5 * face.quality.width_px), -1, 1)
    return np.clip(image * 0.5 * gain[..., None], 0, 255).astype(np.uint8)


def covered_by(image: np.ndarray, face: Face, colour: tuple[int, int, int]) -> np.ndarray:
    """`image` with something of one colour over nose, mouth and chin."""
    assert face.mesh is not None
    drawn = image.copy()
    outline = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365]
    outline += [397, 288, 361, 323, 454, 347, 6, 118]
    points = cv2.convexHull(face.mesh[outline, :2].astype(np.float32))
    cv2.fillConvexPoly(drawn, np.round(points).astype(np.int32), colour, cv2.LINE_AA)
    return drawn


def test_finding_is_fast_and_study_adds_the_rest(builtin_analyser: BuiltinAnalyser) -> None:
    assert isinstance(builtin_analyser, FaceStudent)
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    assert not face.studied
    assert face.hints.lid_left is not None
    assert face.hints.skin is None
    known = builtin_analyser.study(image, face)
    assert known.studied
    assert None not in vars(known.hints).values()
    assert Face.from_dict(known.to_dict()).hints.covered == pytest.approx(
        known.hints.covered, abs=0.01
    )


def test_an_open_face_is_not_covered(builtin_analyser: BuiltinAnalyser) -> None:
    for name in ("astronaut", "hopper"):
        hints = studied(builtin_analyser, sample(name)).hints
        assert hints.covered is not None
        assert hints.covered < 0.15
        assert hints.cut == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("colour", [(230, 205, 180), (240, 240, 240), (60, 160, 60)])
def test_a_mask_over_nose_and_mouth_is_seen(
    builtin_analyser: BuiltinAnalyser, colour: tuple[int, int, int]
) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    hints = studied(builtin_analyser, covered_by(image, face, colour), face).hints
    assert hints.covered is not None
    assert hints.covered > 0.3


def test_glasses_are_told(builtin_analyser: BuiltinAnalyser) -> None:
    worn = studied(builtin_analyser, sample("hopper"))
    assert worn.quality.glasses is True
    assert worn.hints.glasses is not None
    assert worn.hints.glasses > 0.2
    assert studied(builtin_analyser, sample("astronaut")).quality.glasses is False


@pytest.mark.parametrize("degrees", [0, 180])
def test_light_from_a_side_has_that_direction(
    builtin_analyser: BuiltinAnalyser, degrees: float
) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    plain = builtin_analyser.study(image, face).hints
    hints = builtin_analyser.study(lit(image, face, degrees), face).hints
    assert hints.light is not None
    assert hints.contrast is not None
    assert plain.contrast is not None
    assert abs((hints.light - degrees + 180) % 360 - 180) < 40
    assert hints.contrast > plain.contrast + 0.1


def test_darker_skin_has_a_lower_tone(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    light = builtin_analyser.study(image, face).hints.skin
    dark = builtin_analyser.study((image * 0.45).astype(np.uint8), face).hints.skin
    assert light is not None
    assert dark is not None
    assert 60 < light[0] < 95
    assert dark[0] < light[0] - 20
    assert light[1] > 0
    assert light[2] > 0


def test_what_lies_outside_the_photo_is_a_share(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    assert face.mesh is not None
    left = int(face.mesh[face_mesh.OVAL, 0].min() + 0.3 * face.quality.width_px)
    moved = replace(
        face,
        mesh=(face.mesh - [left, 0, 0]).astype(np.float32),
        kps=(face.kps - [left, 0]).astype(np.float32),
    )
    hints = builtin_analyser.study(np.ascontiguousarray(image[:, left:]), moved).hints
    assert hints.cut == pytest.approx(0.28, abs=0.1)


def test_without_a_parser_the_mesh_alone_speaks(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    bare = BuiltinAnalyser(None, None).study(image, face)
    assert bare.studied
    assert bare.hints.mouth == pytest.approx(face.hints.mouth)
    assert bare.hints.covered is None
    assert bare.quality.glasses is None


@pytest.mark.parametrize(
    ("folder", "name", "field", "low", "high"),
    [
        ("cases", "masked1.jpg", "covered", 0.3, 1.0),
        ("cases", "sunglasses.jpg", "glasses", 0.2, 1.0),
        ("cases", "sunglasses.jpg", "covered", 0.0, 0.15),
        ("cases", "cut_left_30.jpg", "cut", 0.15, 0.5),
        ("faces", "skin_411.jpg", "beard", 0.5, 1.0),
        ("faces", "skin_411.jpg", "covered", 0.0, 0.1),
        ("photos", "man_c_1.jpg", "covered", 0.0, 0.12),
        ("photos", "woman_d.jpg", "beard", 0.0, 0.15),
        ("photos", "woman_d.jpg", "fringe", 0.1, 1.0),
    ],
)
def test_photos_are_told_right(
    builtin_analyser: BuiltinAnalyser,
    folder: str,
    name: str,
    field: str,
    low: float,
    high: float,
) -> None:
    image = cv2.imread(str(shared_dir(folder) / name), cv2.IMREAD_COLOR)
    assert image is not None
    [face] = builtin_analyser.find_faces(image)
    assert low <= getattr(builtin_analyser.study(image, face).hints, field) <= high
