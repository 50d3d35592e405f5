"""The classic swap on real faces."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from models.faces.errors import FaceError
from models.faces.face import Face
from models.geometry import points as geometry
from models.pixels import masks
from models.pixels.imaging import Image
from swaps.engines.base import Progress, Source, SwapResult, Target
from swaps.engines.classic import ENGINE
from swaps.engines.classic_engine import ClassicSwapEngine
from swaps.engines.classic_transfer import Blend
from tests.conftest import stored_face
from tests.models import faces

PAIRS = [
    ("astronaut", "hopper"),
    ("hopper", "astronaut"),
    ("man_couch", "man_c_1"),
    ("man_c_1", "man_couch"),
    ("woman_b_1", "woman_d"),
    ("man_a_smile", "man_couch"),
    ("woman_b_2", "man_a_closeup"),
]
BLENDS: list[Blend] = ["multiband", "poisson", "alpha"]


@lru_cache(maxsize=1)
def engine() -> ClassicSwapEngine:
    """One engine for all tests: its models take a second to load."""
    return ClassicSwapEngine()


Swap = tuple[Face, Image, Face]
"""A face of the target, the photo of the new face, and the new face."""


def run(
    target: Image,
    swaps: Sequence[Swap],
    blend: Blend = "multiband",
    progress: Progress | None = None,
    *,
    measure: bool = True,
) -> SwapResult:
    sources = [Source(image, face) for _, image, face in swaps]
    targets = [Target(face, number) for number, (face, _, _) in enumerate(swaps)]
    session = engine().prepare(sources, {"blend": blend})
    return session.apply(target, targets, progress, measure=measure)


@lru_cache(maxsize=32)
def swapped(source: str, target: str, blend: Blend = "multiband") -> SwapResult:
    """The largest face of `source` on the largest of `target`."""
    swap = (faces.faces(target)[0], faces.photo(source), faces.faces(source)[0])
    return run(faces.photo(target), [swap], blend, measure=blend == "multiband")


def near_face(face: Face, image: Image, margin: float = 0.2) -> np.ndarray:
    """True on the face with `margin` face widths round it."""
    assert face.landmarks is not None
    outline = np.vstack([face.landmarks, geometry.forehead_arc(face.landmarks, 0.62)])
    outside = 255 - masks.polygon_mask(outline, image.shape[:2])
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return distance <= margin * face.quality.width_px


@pytest.mark.parametrize("blend", BLENDS)
def test_every_pixel_away_from_the_face_is_the_targets(blend: Blend) -> None:
    target = faces.photo("hopper")
    result = swapped("astronaut", "hopper", blend)
    assert result.image.shape == target.shape
    assert result.image.dtype == np.uint8
    changed = (result.image != target).any(axis=2)
    assert changed.sum() > 0.3 * near_face(faces.faces("hopper")[0], target, 0).sum()
    assert not changed[~near_face(faces.faces("hopper")[0], target)].any()
    x1, y1, x2, y2 = result.touched[0]
    outside = np.ones(changed.shape, bool)
    outside[y1:y2, x1:x2] = False
    assert not changed[outside].any()


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_result_is_nearer_to_the_source_than_the_target_was(source: str, target: str) -> None:
    analyser = faces.analyser()
    wanted = analyser.embed(faces.photo(source), faces.faces(source)[0])
    had = analyser.embed(faces.photo(target), faces.faces(target)[0])
    before = analyser.similarity(wanted, had)
    outcome = swapped(source, target).outcomes[0]
    assert outcome.similarity_to_source is not None
    assert outcome.similarity_to_target is not None
    assert outcome.similarity_to_source > before + 0.2
    assert outcome.similarity_to_source > outcome.similarity_to_target


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_skin_has_the_targets_colour(source: str, target: str) -> None:
    face = faces.faces(target)[0]
    assert face.landmarks is not None
    skin = masks.bare_skin_mask(face.landmarks, faces.photo(target).shape[:2]) > 0.5
    before = cv2.cvtColor(faces.photo(target), cv2.COLOR_BGR2LAB)[skin].astype(float)
    after = cv2.cvtColor(swapped(source, target).image, cv2.COLOR_BGR2LAB)[skin].astype(float)
    assert np.abs(after.mean(axis=0) - before.mean(axis=0)).max() < 9
    low, high = np.percentile(before, [0.5, 99.5], axis=0)
    within = (after > low - 25) & (after < high + 25)
    assert within.all(axis=1).mean() > 0.93


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_there_is_no_seam(source: str, target: str, blend: Blend) -> None:
    before, after = faces.photo(target), swapped(source, target, blend).image
    changed = (np.abs(after.astype(int) - before).max(axis=2) > 0).astype(np.uint8)
    outlines, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = cv2.drawContours(np.zeros_like(changed), outlines, -1, 1, thickness=7) > 0

    def gradient(image: Image) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))[rim]

    assert gradient(after).mean() < 1.1 * gradient(before).mean() + 1
    assert np.percentile(gradient(after), 99) < 1.1 * np.percentile(gradient(before), 99) + 4


def test_two_faces_each_get_their_own() -> None:
    couple = faces.photo("couple")
    swaps = [
        (faces.faces("couple")[0], faces.photo("man_couch"), faces.faces("man_couch")[0]),
        (faces.faces("couple")[1], faces.photo("woman_b_2"), faces.faces("woman_b_2")[0]),
    ]
    result = run(couple, swaps)
    first, second = result.outcomes
    assert len(result.touched) == 2
    for outcome in (first, second):
        assert outcome.similarity_to_source is not None
        assert outcome.similarity_to_source > 0.5
    both = near_face(faces.faces("couple")[0], couple) | near_face(faces.faces("couple")[1], couple)
    assert not (result.image != couple).any(axis=2)[~both].any()

    crossed = run(
        couple,
        [(swaps[1][0], *swaps[0][1:])],
        measure=False,
    )
    assert not np.array_equal(crossed.image, result.image)
    assert crossed.outcomes[0].similarity_to_source is None


def test_a_source_that_looks_the_other_way_is_mirrored() -> None:
    photo, face = faces.photo("woman_b_2"), faces.faces("woman_b_2")[0]
    flipped = cv2.flip(photo, 1).astype(np.uint8, copy=False)
    flipped_face = faces.analyser().find_faces(flipped)[0]
    assert face.pose.yaw * flipped_face.pose.yaw < 0
    target, target_face = faces.photo("man_a_closeup"), faces.faces("man_a_closeup")[0]
    straight = run(target, [(target_face, photo, face)])
    mirrored = run(target, [(target_face, flipped, flipped_face)])
    for result in (straight, mirrored):
        similarity = result.outcomes[0].similarity_to_source
        assert similarity is not None
        assert similarity > 0.6
    difference = np.abs(straight.image.astype(int) - mirrored.image)
    assert difference[near_face(target_face, target, 0)].mean() < 6


@pytest.mark.parametrize("blend", ["poisson", "alpha"])
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_blend_shifts_the_face(source: str, target: str, blend: Blend) -> None:
    kps = faces.faces(target)[0].kps
    half = int(np.linalg.norm(kps[1] - kps[0]))
    x, y = kps.mean(axis=0).astype(int)

    def features(image: Image) -> np.ndarray:
        inside = image[y - half : y + half, x - half : x + half]
        grey = cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY).astype(np.float32)
        return grey - cv2.GaussianBlur(grey, (0, 0), 6)

    reference = features(swapped(source, target).image)
    window = cv2.createHanningWindow(reference.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(features(swapped(source, target, blend).image), reference, window)
    assert np.abs(shift).max() < 0.3


def test_dark_frames_of_the_target_stay_on_top() -> None:
    face = faces.faces("woman_glasses_smile")[0]
    target = faces.photo("woman_glasses_smile")
    swap = (face, faces.photo("woman_b_2"), faces.faces("woman_b_2")[0])
    result = run(target, [swap])
    assert face.landmarks is not None
    bridge = masks.polygon_mask(face.landmarks[[39, 42, 28]], target.shape[:2]) > 0
    frame = bridge & (target.max(axis=2) < 30)
    assert frame.sum() > 20
    assert np.abs(result.image.astype(int) - target)[frame].mean() < 3
    assert "target_glasses" in [notice.code for notice in result.outcomes[0].notices]


def test_a_large_photo_is_worked_on_small_and_never_resampled() -> None:
    target = cv2.resize(faces.photo("hopper"), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    target = target.astype(np.uint8, copy=False)
    face = faces.faces("hopper")[0].scaled(4)
    swap = (face, faces.photo("astronaut"), faces.faces("astronaut")[0])
    result = run(target, [swap])
    changed = (result.image != target).any(axis=2)
    assert not changed[~near_face(face, target)].any()
    small = swapped("astronaut", "hopper").outcomes[0].similarity_to_source
    large = result.outcomes[0].similarity_to_source
    assert small is not None
    assert large is not None
    assert large == pytest.approx(small, abs=0.15)


def test_a_face_cut_by_the_border_of_the_photo_is_swapped() -> None:
    face = faces.faces("astronaut")[0]
    x = int(face.kps[1, 0])
    target = np.ascontiguousarray(faces.photo("astronaut")[:, : x + 12])
    swap = (face, faces.photo("hopper"), faces.faces("hopper")[0])
    result = run(target, [swap], measure=False)
    assert result.image.shape == target.shape
    assert (result.image != target).any()


@pytest.mark.parametrize(
    ("target", "source", "code"),
    [
        ({"yaw": 3.0}, {"yaw": -33.0}, "yaw_difference"),
        ({"width_px": 59.0}, {}, "face_too_small"),
        ({}, {"width_px": 40.0}, "source_too_small"),
        ({}, {"occlusion": 0.5}, "source_occluded"),
    ],
)
def test_what_cannot_be_done_well_is_refused(
    target: dict[str, float], source: dict[str, float], code: str
) -> None:
    target_face = Face.from_dict(stored_face(**target))
    source_face = Face.from_dict(stored_face(**source))
    blank = np.full((400, 400, 3), 128, np.uint8)
    (notice,) = ENGINE.check(target_face, source_face)
    assert (notice.code, notice.level) == (code, "refused")
    with pytest.raises(FaceError) as refusal:
        run(blank, [(target_face, blank, source_face)])
    assert refusal.value.code == code


def test_a_face_without_landmarks_is_refused() -> None:
    face = Face.from_dict(stored_face())
    (notice,) = ENGINE.check(replace(face, landmarks=None), face)
    assert (notice.code, notice.level) == ("no_landmarks", "refused")


def test_nothing_to_swap_is_refused() -> None:
    with pytest.raises(FaceError) as refusal:
        engine().run(faces.photo("astronaut"), [], [])
    assert refusal.value.code == "no_face_chosen"


@pytest.mark.parametrize(
    ("target", "source", "codes"),
    [
        ({}, {}, []),
        ({"yaw": -16.0}, {"yaw": 16.0}, []),
        ({"yaw": 0.0}, {"yaw": 19.0}, ["yaw_differs"]),
        ({"glasses": True}, {}, ["target_glasses"]),
        ({"glasses": True}, {"glasses": True}, ["source_glasses"]),
        ({}, {"sharpness": 2.0}, ["source_blurred"]),
        ({"sharpness": 2.0}, {}, ["target_blurred"]),
    ],
)
def test_what_may_look_odd_is_said_first(
    target: dict[str, float], source: dict[str, float], codes: list[str]
) -> None:
    found = ENGINE.check(
        Face.from_dict(stored_face(**target)), Face.from_dict(stored_face(**source))
    )
    assert [notice.code for notice in found] == codes


def test_neither_photo_is_changed_and_the_result_repeats_in_two_threads() -> None:
    target, source = faces.photo("hopper"), faces.photo("astronaut")
    before = target.copy(), source.copy()
    swap = (faces.faces("hopper")[0], source, faces.faces("astronaut")[0])
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: run(target, [swap]), range(2)))
    for result in results:
        assert np.array_equal(result.image, swapped("astronaut", "hopper").image)
        assert result.outcomes[0].similarity_to_source == pytest.approx(
            swapped("astronaut", "hopper").outcomes[0].similarity_to_source
        )
    assert np.array_equal(target, before[0])
    assert np.array_equal(source, before[1])


def test_progress_is_told_in_order_and_time_is_kept() -> None:
    heard: list[tuple[str, float]] = []
    swap = (faces.faces("hopper")[0], faces.photo("astronaut"), faces.faces("astronaut")[0])
    result = run(
        faces.photo("hopper"),
        [swap, swap],
        progress=lambda stage, fraction: heard.append((stage, fraction)),
    )
    assert {stage for stage, _ in heard} == {"prepare", "swap", "measure"}
    assert all(0 <= fraction <= 1 for _, fraction in heard)
    assert heard[-1] == ("measure", 1.0)
    parts = [spent for name, spent in result.timings_ms.items() if name != "total"]
    assert min(parts) >= 0
    assert sum(parts) <= result.timings_ms["total"] + 1
