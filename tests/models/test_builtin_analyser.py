"""The analyser of the built-in networks on the two portraits that come with packages."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from models.faces.analysis.builtin import BuiltinAnalyser, NetworkMissing
from models.faces.parsing import BROWS, LIPS, FaceClass
from models.geometry import face_mesh
from models.geometry.points import rotation_matrix
from tests.conftest import sample_path


def sample(name: str) -> np.ndarray:
    image = cv2.imread(str(sample_path(name)), cv2.IMREAD_COLOR)
    assert image is not None
    return image


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_the_one_face_is_found_with_points_in_their_order(
    builtin_analyser: BuiltinAnalyser, name: str
) -> None:
    [face] = builtin_analyser.find_faces(sample(name))
    left_eye, right_eye, nose, left_mouth, right_mouth = face.kps
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert face.mesh is not None
    five = face_mesh.five_points(face.mesh)
    assert np.abs(five - face.kps).max() < 0.15 * face.quality.width_px
    assert abs(face.pose.yaw) < 30
    assert abs(face.pose.roll) < 15


def test_mirroring_turns_the_yaw_round(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    [mirrored] = builtin_analyser.find_faces(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.pose.yaw == pytest.approx(-face.pose.yaw, abs=3)


@pytest.mark.parametrize("degrees", [-60, 25, 90, 135, 180])
def test_a_turned_face_has_that_roll(builtin_analyser: BuiltinAnalyser, degrees: float) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    middle = np.array([256, 256], np.float32)
    turned = cv2.warpAffine(image, rotation_matrix(middle, degrees), (512, 512))
    [found] = builtin_analyser.find_faces(turned.astype(np.uint8))
    assert (found.pose.roll - face.pose.roll - degrees + 180) % 360 - 180 == pytest.approx(0, abs=6)


def test_the_parser_names_what_is_where(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    parsing = builtin_analyser.parse(image, face)
    assert parsing is not None
    assert face.mesh is not None
    points = face.mesh[:, :2] @ parsing.matrix[:, :2].T + parsing.matrix[:, 2]

    def label_at(index: int) -> int:
        x, y = np.round(points[index]).astype(int)
        return int(parsing.labels[y, x])

    assert label_at(face_mesh.NOSE_TIP) == FaceClass.NOSE
    assert label_at(50) == label_at(280) == FaceClass.SKIN
    for brow, points_of in ((BROWS[0], face_mesh.LEFT_BROW), (BROWS[1], face_mesh.RIGHT_BROW)):
        rows, columns = np.nonzero(parsing.labels == brow)
        middle = points[list(points_of)].mean(axis=0)
        assert [columns.mean(), rows.mean()] == pytest.approx(middle, abs=15)
    rows, columns = np.nonzero(np.isin(parsing.labels, (*LIPS, FaceClass.MOUTH)))
    middle = points[list(face_mesh.OUTER_LIPS)].mean(axis=0)
    assert [columns.mean(), rows.mean()] == pytest.approx(middle, abs=10)
    ones = parsing.probabilities.sum(axis=0, dtype=np.int32)
    assert np.abs(ones - 255).max() <= 8

    identity = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    skin = parsing.in_frame(parsing.mask(FaceClass.SKIN), identity, (512, 512))
    x, y = np.round(face.mesh[50, :2]).astype(int)
    assert skin[y, x] > 0.8
    assert skin[5, 5] == 0


def test_identity_separates_people_and_survives_compression(
    builtin_analyser: BuiltinAnalyser,
) -> None:
    one, other = sample("astronaut"), sample("hopper")
    packed = cv2.imdecode(
        cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR
    )
    assert packed is not None

    def vector(image: Any) -> np.ndarray:
        [face] = builtin_analyser.find_faces(image)
        return builtin_analyser.embed(image, face)

    assert builtin_analyser.similarity(vector(one), vector(packed)) > 0.9
    assert builtin_analyser.similarity(vector(one), vector(other)) < 0.4


def test_the_recogniser_gives_what_opencv_gives(
    builtin_networks: Any, builtin_analyser: BuiltinAnalyser
) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    reference = cv2.FaceRecognizerSF.create(str(builtin_networks / "sface.onnx"), "")
    row = np.concatenate([face.box, face.kps.reshape(-1), [face.score]]).astype(np.float32)
    theirs = reference.feature(reference.alignCrop(image, row[None]))[0]
    ours = builtin_analyser.embed(image, face)
    cosine = float(theirs @ ours / np.linalg.norm(theirs) / np.linalg.norm(ours))
    assert cosine > 0.995


def test_what_is_missing_narrows(builtin_analyser: BuiltinAnalyser) -> None:
    image = sample("astronaut")
    [face] = builtin_analyser.find_faces(image)
    bare = BuiltinAnalyser(None, None)
    with pytest.raises(NetworkMissing, match="finder"):
        bare.find_faces(image)
    with pytest.raises(NetworkMissing, match="mesh"):
        bare.mesh(image, replace(face, mesh=None))
    with pytest.raises(NetworkMissing, match="identity"):
        bare.embed(image, face)
    assert bare.parse(image, face) is None
    assert not bare.can_parse
    assert not bare.can_identify
