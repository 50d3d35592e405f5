"""Faces found in photos, and none where there is none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.analysis.landmarks import LandmarkFit
from models.faces.face import FloatArray
from models.geometry import points as geometry
from models.pixels.imaging import Image
from tests.models import faces

ONE_FACE = (
    "astronaut_collins",
    "hopper_glasses",
    "man_a_closeup",
    "man_a_smile",
    "man_c_1",
    "man_c_2",
    "man_couch",
    "woman_b_1",
    "woman_b_2",
    "woman_d",
    "woman_glasses_smile",
)


@pytest.mark.parametrize("name", ONE_FACE)
def test_one_face_in_a_portrait(name: str) -> None:
    found = faces.faces(name)
    assert len(found) == 1
    height, width = faces.photo(name).shape[:2]
    x1, y1, x2, y2 = found[0].box
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    left_eye, right_eye, nose, left_mouth, right_mouth = found[0].kps
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]


def test_every_face_of_a_group_largest_first() -> None:
    assert len(faces.faces("couple")) == 2
    group = faces.faces("group_restaurant")
    assert len(group) >= 2
    assert [f.area for f in group] == sorted((f.area for f in group), reverse=True)


@pytest.mark.parametrize("name", ["noface_house", "noface_rocket"])
def test_no_face_in_a_house_or_a_rocket(name: str) -> None:
    assert faces.faces(name) == ()


def test_only_those_who_wear_glasses_wear_glasses() -> None:
    wearers = {name for name in ONE_FACE if faces.faces(name)[0].quality.glasses}
    assert wearers == {"hopper_glasses", "woman_glasses_smile"}


@pytest.mark.parametrize("degrees", [-90.0, 50.0, 180.0])
def test_a_turned_photo_gives_the_same_landmarks_turned(degrees: float) -> None:
    image = cv2.copyMakeBorder(faces.photo("woman_b_1"), 60, 60, 130, 130, cv2.BORDER_REPLICATE)
    image = image.astype(np.uint8, copy=False)
    upright = faces.analyser().find_faces(image)[0]
    found = faces.analyser().find_faces(faces.turned(image, degrees))
    assert len(found) == 1
    assert upright.landmarks is not None
    assert found[0].landmarks is not None
    centre = np.array([image.shape[1] / 2, image.shape[0] / 2], np.float32)
    expected = geometry.transform_points(
        upright.landmarks, geometry.rotation_matrix(centre, degrees)
    )
    error = np.linalg.norm(found[0].landmarks - expected, axis=1).mean()
    assert error < 0.04 * upright.quality.width_px
    assert (found[0].pose.roll - degrees + 180) % 360 - 180 == pytest.approx(
        upright.pose.roll, abs=4
    )


def test_a_small_face_in_a_large_photo_is_found_where_it_is() -> None:
    image = np.full((1200, 1600, 3), 90, np.uint8)
    portrait = cv2.resize(faces.photo("astronaut"), (450, 450), interpolation=cv2.INTER_AREA)
    image[500:950, 900:1350] = portrait
    found = faces.analyser().find_faces(image)
    assert len(found) == 1
    assert found[0].quality.width_px > 60
    inside = faces.faces("astronaut")[0].kps * (450 / 512) + (900, 500)
    assert np.abs(found[0].kps - inside).max() < 4


def test_twelve_megapixels_give_the_same_face_scaled() -> None:
    image = cv2.resize(faces.photo("astronaut"), (3464, 3464), interpolation=cv2.INTER_CUBIC)
    found = faces.analyser().find_faces(image.astype(np.uint8, copy=False))
    expected = faces.faces("astronaut")[0].scaled(3464 / 512)
    assert len(found) == 1
    assert found[0].landmarks is not None
    assert expected.landmarks is not None
    error = np.linalg.norm(found[0].landmarks - expected.landmarks, axis=1).mean()
    assert error < 0.02 * expected.quality.width_px


def test_something_over_the_face_counts_as_occlusion() -> None:
    face = faces.faces("man_couch")[0]
    assert face.landmarks is not None
    assert face.quality.occlusion is not None
    assert face.quality.occlusion < 0.15
    covered = faces.photo("man_couch").copy()
    ball = face.landmarks[[2, 4, 48]].mean(axis=0)
    cv2.circle(covered, (int(ball[0]), int(ball[1])), 50, (40, 90, 220), -1)
    found = faces.analyser().find_faces(covered)
    assert len(found) == 1
    assert found[0].quality.occlusion is not None
    assert found[0].quality.occlusion > 0.3


def test_a_blurred_face_is_less_sharp() -> None:
    image = cv2.GaussianBlur(faces.photo("astronaut"), (0, 0), 2.5).astype(np.uint8, copy=False)
    blurred = faces.analyser().find_faces(image)[0]
    assert blurred.quality.sharpness < 0.5 * faces.faces("astronaut")[0].quality.sharpness


def test_threads_get_what_one_would_get() -> None:
    names = ["astronaut", "hopper"] * 3
    alone = {
        name: faces.analyser().embed(faces.photo(name), faces.faces(name)[0]) for name in set(names)
    }
    fresh = DlibAnalyser()

    def analyse(name: str) -> tuple[FloatArray | None, FloatArray]:
        face = fresh.find_faces(faces.photo(name))[0]
        return face.landmarks, fresh.embed(faces.photo(name), face)

    with ThreadPoolExecutor(3) as pool:
        for name, (landmarks, embedding) in zip(names, pool.map(analyse, names), strict=True):
            expected = faces.faces(name)[0].landmarks
            assert landmarks is not None
            assert expected is not None
            assert np.array_equal(landmarks, expected)
            assert np.array_equal(embedding, alone[name])


class _Unsure:
    """A landmark model whose attempts never agree."""

    def predict(self, image: Image, centre: FloatArray, side: float, roll: float) -> LandmarkFit:
        points = faces.faces("astronaut")[0].landmarks
        assert points is not None
        return LandmarkFit(points, 0.2)


def test_another_landmark_model_takes_its_place_and_can_reject_a_box() -> None:
    assert DlibAnalyser(_Unsure()).find_faces(faces.photo("astronaut")) == []


@pytest.mark.parametrize("name", ONE_FACE)
def test_landmarks_are_found_from_five_points(name: str) -> None:
    found = faces.faces(name)[0]
    assert found.landmarks is not None
    # As another analyser gives it: the points a little elsewhere, the width estimated from them.
    bare = replace(found, landmarks=None, kps=found.kps + 0.01 * found.quality.width_px)

    again = DlibAnalyser().with_landmarks(faces.photo(name), bare)

    assert again.landmarks is not None
    miss = np.linalg.norm(again.landmarks - found.landmarks, axis=1).mean()
    assert miss < 0.03 * geometry.face_width(found.landmarks)
    assert DlibAnalyser().with_landmarks(faces.photo(name), found) is found
