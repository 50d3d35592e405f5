"""The neural analyser on real photos, against insightface itself."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.faces.face import Face
from models.faces.same_person import is_same_person
from tests.conftest import shared_dir
from tests.models.networks.graphs import OrtSession
from tests.models.pack import load_analyser, pack_dir

PEOPLE = {
    "man_a_closeup": "man a",
    "man_a_smile": "man a",
    "woman_b_1": "woman b",
    "woman_b_2": "woman b",
    "man_c_1": "man c",
    "man_c_2": "man c",
    "astronaut_collins": "collins",
    "hopper_glasses": "hopper",
    "woman_d": "woman d",
    "woman_glasses_smile": "woman e",
    "man_couch": "man f",
    "man_hardhat_turned": "man g",
}


@pytest.fixture
def analyser() -> InsightFaceAnalyser:
    return load_analyser(pack_dir())


def photo(name: str) -> np.ndarray:
    image = cv2.imread(str(shared_dir("photos") / f"{name}.jpg"))
    assert image is not None
    return image


def only_face(analyser: InsightFaceAnalyser, image: np.ndarray) -> Face:
    faces = analyser.find_faces(image)
    assert len(faces) == 1
    return faces[0]


def test_people_are_told_apart(analyser: InsightFaceAnalyser) -> None:
    found = []
    for name, person in PEOPLE.items():
        image = photo(name)
        found.append((person, analyser.embed(image, only_face(analyser, image))))

    pairs = [
        (a == b, analyser.similarity(x, y)) for i, (a, x) in enumerate(found) for b, y in found[:i]
    ]

    same = [value for alike, value in pairs if alike]
    different = [value for alike, value in pairs if not alike]
    assert len(same) == 3
    assert len(different) == 63
    assert min(same) > 0.45
    assert max(different) < 0.35


@pytest.mark.parametrize("name", ["man_a_smile", "woman_d", "astronaut_collins", "hopper_glasses"])
def test_a_mirrored_and_reencoded_photo_is_the_same_person(
    name: str, analyser: InsightFaceAnalyser
) -> None:
    image = photo(name)
    _, jpeg = cv2.imencode(".jpg", image[:, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
    again = cv2.imdecode(jpeg, cv2.IMREAD_COLOR).astype(np.uint8)

    before, after = only_face(analyser, image), only_face(analyser, again)

    similarity = analyser.similarity(analyser.embed(image, before), analyser.embed(again, after))
    assert similarity > 0.85


def test_both_conditions_hold_for_one_person_and_fail_for_two(
    analyser: InsightFaceAnalyser,
) -> None:
    from dataclasses import replace

    def known(name: str) -> Face:
        image = photo(name)
        face = only_face(analyser, image)
        return replace(face, embedding=analyser.embed(image, face))

    assert is_same_person(known("woman_b_1"), known("woman_b_2"))
    assert not is_same_person(known("woman_b_1"), known("woman_d"))


def test_a_face_that_fills_the_frame_is_found(analyser: InsightFaceAnalyser) -> None:
    only_face(analyser, photo("man_a_closeup"))


@pytest.mark.parametrize("name", ["noface_house", "noface_rocket"])
def test_photos_without_faces_are_empty(name: str, analyser: InsightFaceAnalyser) -> None:
    assert analyser.find_faces(photo(name)) == []


@pytest.mark.parametrize(("name", "count"), [("couple", 2), ("group_restaurant", 3)])
def test_groups_come_largest_first(name: str, count: int, analyser: InsightFaceAnalyser) -> None:
    faces = analyser.find_faces(photo(name))

    assert len(faces) == count
    assert [face.area for face in faces] == sorted((f.area for f in faces), reverse=True)


def test_faces_carry_pose_and_quality_and_survive_storage(analyser: InsightFaceAnalyser) -> None:
    image = photo("woman_b_2")
    face = only_face(analyser, image)

    assert 6 < face.pose.yaw < 45
    assert abs(face.pose.roll) < 25
    assert 100 < face.quality.width_px < 250
    assert face.quality.sharpness > 4
    blurred = cv2.GaussianBlur(image, (0, 0), 6).astype(np.uint8)
    assert only_face(analyser, blurred).quality.sharpness < face.quality.sharpness / 3
    again = Face.from_dict(face.to_dict())
    assert np.allclose(again.kps, face.kps, atol=0.01)
    assert analyser.similarity(analyser.embed(image, again), analyser.embed(image, face)) > 0.99


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
def test_answers_equal_insightface(analyser: InsightFaceAnalyser) -> None:
    from insightface.app import FaceAnalysis

    reference = FaceAnalysis(
        str(pack_dir()),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    reference.prepare(ctx_id=0)
    compared = 0
    for name in ("couple", "man_a_closeup", "woman_glasses_smile", "noface_house"):
        image = photo(name)
        ours = analyser.find_faces(image)
        theirs = reference.get(image)
        assert len(ours) == len(theirs)
        for face in ours:
            twin = min(theirs, key=lambda other: np.abs(other.kps - face.kps).max())
            assert np.abs(twin.kps - face.kps).max() < 1e-3
            assert face.score == pytest.approx(float(twin.det_score), abs=1e-4)
            embedding = analyser.embed(image, face)
            assert np.allclose(embedding, twin.embedding, atol=2e-2)
            assert analyser.similarity(embedding, twin.embedding) > 0.9999
            compared += 1
    assert compared == 4


def test_a_pack_without_its_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="detector and a recogniser"):
        InsightFaceAnalyser.from_pack(tmp_path, OrtSession)
