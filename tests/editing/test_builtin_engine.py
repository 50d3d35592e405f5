"""The built-in edits change what they should, as far as they should, and nothing else."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from editing.engines.base import AGE, SMILE, EditRequest
from editing.engines.builtin.engine import BuiltinEditEngine, BuiltinStudy
from editing.engines.builtin.frame import cut_edit_frame
from editing.engines.builtin.hair import find_hair
from editing.engines.builtin.smile import smile_moves, smile_room
from models.faces.face import Face
from models.faces.parsing import SKIN, FaceClass, Parsing
from models.geometry import face_mesh
from models.options import OptionSchema
from models.pixels.imaging import Image
from tests.conftest import sample_path

OPTIONS = OptionSchema((SMILE, AGE))
FULL = [
    EditRequest(smile=1.0),
    EditRequest(smile=-1.0),
    EditRequest(age=1.0),
    EditRequest(age=-1.0),
    EditRequest(smile=0.6, age=0.7),
]


@pytest.fixture(scope="module")
def portrait_face(builtin_analyser: Any) -> tuple[Image, Face]:
    image = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert image is not None
    photo = np.asarray(image, np.uint8)
    return photo, builtin_analyser.find_faces(photo)[0]


@pytest.fixture(scope="module")
def study(builtin_analyser: Any, portrait_face: tuple[Image, Face]) -> BuiltinStudy:
    engine = BuiltinEditEngine(builtin_analyser, builtin_analyser, OPTIONS)
    return engine.study(*portrait_face)


def difference(a: Image, b: Image) -> np.ndarray:
    return cv2.absdiff(a, b).max(axis=2)


@pytest.mark.parametrize("request_", FULL, ids=str)
def test_nothing_outside_the_touched_box_changes(
    study: BuiltinStudy, portrait_face: tuple[Image, Face], request_: EditRequest
) -> None:
    photo, _ = portrait_face
    edited = study.versions([request_])[0]
    changed = difference(photo, edited) > 0
    x1, y1, x2, y2 = study.touched()
    assert changed[y1:y2, x1:x2].sum() > 500
    changed[y1:y2, x1:x2] = False
    assert not changed.any()


def test_strength_0_is_the_photo(study: BuiltinStudy, portrait_face: tuple[Image, Face]) -> None:
    assert np.array_equal(study.versions([EditRequest()])[0], portrait_face[0])


def test_half_the_strength_changes_less(
    study: BuiltinStudy, portrait_face: tuple[Image, Face]
) -> None:
    photo, _ = portrait_face
    for whole in FULL:
        half, full = study.versions([whole.scaled(0.5), whole])
        assert 0 < difference(photo, half).mean() < difference(photo, full).mean()


@pytest.mark.parametrize(("strength", "sign"), [(1.0, 1), (-1.0, -1)])
def test_corners_of_the_mouth_rise_and_fall(
    study: BuiltinStudy,
    portrait_face: tuple[Image, Face],
    builtin_analyser: Any,
    strength: float,
    sign: int,
) -> None:
    photo, face = portrait_face
    edited = study.versions([EditRequest(smile=strength)])[0]
    before = builtin_analyser.mesh(photo, face)
    after = builtin_analyser.find_faces(edited)[0].mesh
    assert after is not None
    width = face_mesh.face_width(before)

    def mouth(mesh: np.ndarray) -> float:
        return float(np.linalg.norm(mesh[291, :2] - mesh[61, :2])) / width

    assert sign * (mouth(after) - mouth(before)) > 0.005


@pytest.mark.parametrize("request_", FULL, ids=str)
def test_skin_keeps_its_tone(
    study: BuiltinStudy,
    portrait_face: tuple[Image, Face],
    builtin_analyser: Any,
    request_: EditRequest,
) -> None:
    photo, face = portrait_face
    parsing: Parsing = builtin_analyser.parse(photo, face)
    size = (photo.shape[0], photo.shape[1])
    identity = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    skin = parsing.in_frame(parsing.mask(*SKIN), identity, size) > 0.9
    tones = [
        np.median(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[skin], axis=0)
        for picture in (photo, study.versions([request_])[0])
    ]
    assert np.linalg.norm(tones[1] - tones[0]) < 2.5
    assert np.abs(tones[1] - tones[0])[1:].max() < 1.5


def on_ground(
    analyser: Any, photo: Image, face: Face, colour: tuple[int, int, int]
) -> tuple[Image, np.ndarray]:
    """The portrait cut out and put before a plain ground, and where that ground is for certain."""
    parsing = analyser.parse(photo, face)
    size = (photo.shape[0], photo.shape[1])
    identity = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    ground = parsing.in_frame(parsing.share(FaceClass.BACKGROUND), identity, size)
    inside = parsing.in_frame(np.ones((512, 512), np.float32), identity, size) > 0.99
    alpha = cv2.GaussianBlur(np.where(inside, 1 - ground, 0).astype(np.float32), (0, 0), 1.0)
    picture = photo * alpha[..., None] + np.array(colour, np.float32) * (1 - alpha[..., None])
    kernel = np.ones((7, 7), np.uint8)
    certain = cv2.erode((alpha < 0.02).astype(np.uint8), kernel) > 0
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), certain


@pytest.mark.parametrize("ground", ["dark", "light", "like the hair"])
def test_hair_greys_and_the_ground_beside_it_never_does(
    builtin_analyser: Any, portrait_face: tuple[Image, Face], ground: str
) -> None:
    photo, face = portrait_face
    hair = find_hair(photo, builtin_analyser.mesh(photo, face), builtin_analyser.parse(photo, face))
    assert hair is not None
    brown = np.median(hair.image[hair.amount > 0.5], axis=0)
    colour = {"dark": (12, 12, 14), "light": (235, 238, 240), "like the hair": tuple(brown)}[ground]
    picture, certain = on_ground(builtin_analyser, photo, face, colour)
    placed = builtin_analyser.find_faces(picture)[0]
    engine = BuiltinEditEngine(builtin_analyser, builtin_analyser, OPTIONS)
    study = engine.study(picture, placed)
    edited = study.versions([EditRequest(age=1.0)])[0]
    changed = difference(picture, edited)
    # Bending moves the rim of the head a little; the plain ground shows nothing of that.
    assert changed[certain].max() <= 2
    found = find_hair(picture, study.mesh, builtin_analyser.parse(picture, placed))
    assert found is not None
    x1, y1, x2, y2 = found.box
    before, after = (
        cv2.resize(part[y1:y2, x1:x2], found.amount.shape[::-1], interpolation=cv2.INTER_AREA)
        for part in (picture, edited)
    )
    greyed = found.amount > 0.6
    levels = [
        cv2.cvtColor(part, cv2.COLOR_BGR2LAB)[greyed].astype(float) for part in (before, after)
    ]
    assert levels[1][:, 0].mean() > levels[0][:, 0].mean() + 4
    chroma = [np.abs(level[:, 1:] - 128).mean() for level in levels]
    assert chroma[1] < 0.8 * chroma[0]


def test_an_open_mouth_and_a_turned_head_have_less_room_for_a_smile(
    portrait_face: tuple[Image, Face],
) -> None:
    photo, face = portrait_face
    assert face.mesh is not None
    mesh = face.mesh.copy()
    _, frame = cut_edit_frame(photo, face, mesh, None, False)
    wide = mesh.copy()
    lower = [14, 87, 178, 317, 402, 17, 84, 181, 314, 405]
    wide[lower, 1] += 0.2 * face_mesh.face_width(mesh)
    _, opened = cut_edit_frame(photo, face, wide, None, False)
    assert smile_room(opened, 1.0) < 0.8 * smile_room(frame, 1.0)
    strongest = np.abs(smile_moves(frame, 1.0)).max()
    assert np.abs(smile_moves(opened, 1.0)).max() < strongest


def test_a_smile_is_as_even_as_the_face(portrait_face: tuple[Image, Face]) -> None:
    photo, face = portrait_face
    assert face.mesh is not None
    _, frame = cut_edit_frame(photo, face, face.mesh, None, False)
    moves = smile_moves(frame, 1.0)
    mirrored = moves[face_mesh.MIRROR] * (-1, 1, 1)
    assert np.abs(moves - mirrored).max() < 0.012


def test_without_a_parser_no_hair_greys(
    builtin_analyser: Any, portrait_face: tuple[Image, Face]
) -> None:
    photo, face = portrait_face
    study = BuiltinStudy(photo, face, builtin_analyser.mesh(photo, face), None)
    edited = study.versions([EditRequest(age=1.0)])[0]
    top = max(int(face.box[1] - 0.35 * (face.box[3] - face.box[1])), 0)
    assert not difference(photo, edited)[:top].any()
    assert difference(photo, edited).any()


def test_a_guarded_edit_is_delivered_with_its_likeness(
    builtin_analyser: Any, portrait_face: tuple[Image, Face]
) -> None:
    engine = BuiltinEditEngine(builtin_analyser, builtin_analyser, OPTIONS)
    result = engine.run(*portrait_face, EditRequest(smile=1.0))
    assert result.verdict in {"applied", "reduced"}
    assert result.similarity is not None
    assert result.similarity >= 0.8


def test_nobody_to_judge_means_no_edit(
    builtin_analyser: Any, portrait_face: tuple[Image, Face]
) -> None:
    result = BuiltinEditEngine(builtin_analyser, None, OPTIONS).run(
        *portrait_face, EditRequest(age=1.0)
    )
    assert (result.verdict, result.image) == ("unsure", None)
