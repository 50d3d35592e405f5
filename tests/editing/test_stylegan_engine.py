"""The StyleGAN engine on a generator whose faces are known."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from editing.directions import Direction, DirectionCard
from editing.engines import residual
from editing.engines.base import YEARS_AT_FULL, EditRequest, EditResult
from editing.engines.residual import Scene, edit_delta, moved_change
from editing.engines.stylegan_engine import StyleGanEngine
from editing.engines.stylegan_masks import face_mask
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.geometry.alignment import ffhq_matrix
from models.geometry.points import transform_points
from models.networks.stylegan import Generator
from models.pixels import crop_masks
from models.pixels.imaging import Image, decode_image
from tests.conftest import shared_dir
from tests.editing.painted import CHEEK, MOUTH, SIZE, Painter, bump, mouth_lift
from tests.models.pack import load_analyser, pack_dir


@pytest.fixture(scope="module")
def dlib() -> DlibAnalyser:
    return DlibAnalyser()


@pytest.fixture(scope="module")
def face(dlib: DlibAnalyser) -> Face:
    import cv2

    from tests.conftest import sample_path

    image = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert image is not None
    return dlib.find_faces(image.astype(np.uint8))[0]


@pytest.fixture
def painter(portrait: Image, face: Face) -> Painter:
    return Painter(portrait, face)


class CurveAnalyser:
    """Finds the face where it was and calls a version as alike as a function of the image says."""

    name = "curve"

    def __init__(self, face: Face, curve: Callable[[Image], float], sees: bool = True) -> None:
        self.face, self.curve, self.sees = face, curve, sees

    def find_faces(self, image: Image) -> list[Face]:
        return [self.face] if self.sees else []

    def embed(self, image: Image, face: Face) -> FloatArray:
        return np.array([self.curve(image)], np.float32)

    def similarity(self, a: FloatArray, b: FloatArray) -> float:
        return float(1 - abs(a[0] - b[0]))


def same(face: Face) -> CurveAnalyser:
    return CurveAnalyser(face, lambda image: 0.0)


def scene_of(painter: Painter, face: Face, photo: Image) -> Scene:
    matrix = ffhq_matrix(face.kps, SIZE).astype(np.float32)
    assert face.landmarks is not None
    points = transform_points(face.landmarks, matrix)
    mask = np.minimum(face_mask(SIZE, None, points), crop_masks.box_mask(SIZE))
    base = painter.face(0, 0, 0, 0)
    return Scene(
        crop=painter.crop,
        base=base,
        mask=mask,
        mouth=bump(MOUTH, 30),
        skin=mask,
        registration=residual.estimate_registration(painter.crop, base, mask),
    )


def weighted_rms(difference: FloatArray, weight: FloatArray) -> float:
    return float(np.sqrt(((difference**2) * weight[..., None]).sum() / weight.sum() / 3))


# --- arithmetic -------------------------------------------------------------------------------


def random_images(count: int) -> list[FloatArray]:
    generator = np.random.default_rng(6)
    return [generator.uniform(0, 255, (48, 48, 3)).astype(np.float32) for _ in range(count)]


def test_without_motion_the_change_is_the_difference_of_the_faces() -> None:
    crop, base, edited = random_images(3)
    mask = np.random.default_rng(7).uniform(0, 1, (48, 48)).astype(np.float32)
    still = np.zeros((48, 48, 2), np.float32)
    scene = Scene(crop, base, mask, np.zeros_like(mask), mask, still)
    expected = edited.astype(np.float64) - base.astype(np.float64)
    found = moved_change(scene, still, edited - base)
    assert np.abs(found - expected).max() < 1e-3


def test_with_motion_and_registration_the_change_follows_the_formula() -> None:
    crop, base, edited = random_images(3)
    motion = np.zeros((48, 48, 2), np.float32) + np.array([2, -1], np.float32)
    registration = np.zeros((48, 48, 2), np.float32) + np.array([-1, 3], np.float32)
    scene = Scene(
        crop, base, np.ones((48, 48), np.float32), crop[..., 0], crop[..., 0], registration
    )
    found = moved_change(scene, motion, edited - residual.sample(base, motion))
    for row, column in ((10, 10), (20, 33), (30, 25)):
        q = (row + 3, column - 1)
        expected = (
            crop[row - 1, column + 2].astype(np.float64)
            - crop[row, column]
            + edited[q]
            - base[q[0] - 1, q[1] + 2]
        )
        assert np.abs(found[row, column] - expected).max() < 1e-3


def test_equal_faces_change_nothing_at_all(painter: Painter, face: Face, portrait: Image) -> None:
    scene = scene_of(painter, face, portrait)
    assert not edit_delta(scene, scene.base.copy()).any()


def test_the_shift_of_a_poor_inversion_is_found(
    painter: Painter, face: Face, portrait: Image
) -> None:
    scene = scene_of(painter, face, portrait)
    inside = scene.registration[scene.mask > 0.5]
    assert np.abs(np.median(inside, axis=0) + 2).max() < 0.3


def test_a_face_that_fits_no_better_when_moved_is_not_moved(painter: Painter) -> None:
    ones = np.ones((SIZE, SIZE), np.float32)
    crop = painter.crop
    assert not residual.estimate_registration(crop, crop, ones).any()


def test_a_moved_mouth_is_drawn_once(painter: Painter, face: Face, portrait: Image) -> None:
    scene = scene_of(painter, face, portrait)
    edited = painter.face(1, 0, 0, 0)
    truth = residual.sample(scene.crop, mouth_lift(1)) - scene.crop
    weight = bump(MOUTH, 30) * scene.mask
    doubled = weighted_rms(edited - scene.base - truth, weight)
    found = weighted_rms(edit_delta(scene, edited) - truth, weight)
    assert doubled > 12
    assert found < doubled / 4


def test_teeth_are_shown_and_not_added_to_lips(
    painter: Painter, face: Face, portrait: Image
) -> None:
    scene = scene_of(painter, face, portrait)
    result = scene.crop + edit_delta(scene, painter.face(0, 0, 1, 0))
    middle = np.s_[int(MOUTH[1]) - 4 : int(MOUTH[1]) + 5, int(MOUTH[0]) - 4 : int(MOUTH[0]) + 5]
    # White in the photo's own light, which is 12 levels brighter than the likeness.
    assert np.abs(result[middle] - 247).mean() < 8
    # Added to the lips it would keep their contrast.
    plain = scene.crop + painter.face(0, 0, 1, 0) - scene.base
    assert plain[middle].std() > 3 * result[middle].std()


def test_shading_is_carried_over(painter: Painter, face: Face, portrait: Image) -> None:
    scene = scene_of(painter, face, portrait)
    truth = -30 * bump(CHEEK, 20)[..., None] * scene.mask[..., None]
    found = edit_delta(scene, painter.face(0, 1, 0, 0))
    assert weighted_rms(found - truth, scene.mask) < 2


def test_a_tint_of_the_whole_face_is_taken_out(
    painter: Painter, face: Face, portrait: Image
) -> None:
    scene = scene_of(painter, face, portrait)
    tint = np.array([-9.0, 0.0, 3.0])
    brightness = tint @ [0.114, 0.587, 0.299]
    found = edit_delta(scene, painter.face(0, 0, 0, 1))[scene.mask > 0.99]
    assert np.abs(found.mean(axis=0) - brightness).max() < 0.5


# --- the engine -------------------------------------------------------------------------------


def test_strength_zero_is_the_photo_bit_for_bit(
    painter: Painter, face: Face, portrait: Image
) -> None:
    result = painter.engine(same(face)).run(portrait, face, EditRequest())
    assert result.image is not None
    assert np.array_equal(result.image, portrait)
    assert (result.verdict, result.similarity, result.evaluations) == ("applied", 1.0, 0)
    assert painter.generator.batches == []


@pytest.mark.parametrize(
    "request_",
    [
        EditRequest(smile=1),
        EditRequest(smile=-0.4, age=1),
        EditRequest(others={"teeth": 1, "tint": -1}),
    ],
    ids=str,
)
def test_outside_the_mask_every_byte_stays(
    painter: Painter, face: Face, portrait: Image, request_: EditRequest
) -> None:
    before = portrait.copy()
    result = painter.engine(same(face)).run(portrait, face, request_)
    assert np.array_equal(portrait, before)
    assert result.image is not None and result.touched is not None
    changed = (result.image != portrait).any(axis=2)
    assert changed.sum() > 100
    x1, y1, x2, y2 = result.touched
    outside = np.ones(changed.shape, bool)
    outside[y1:y2, x1:x2] = False
    assert not changed[outside].any()
    # The mask is the outline of the face, brows and forehead: never the hair or the collar.
    matrix = ffhq_matrix(face.kps, SIZE)
    mask = scene_of(painter, face, portrait).mask
    ys, xs = np.nonzero(changed)
    u, v = (np.stack([xs, ys], 1) @ matrix[:, :2].T + matrix[:, 2]).T
    reach = np.pad(mask, 6, mode="edge")
    nearby = np.max(
        [
            reach[6 + dy : 6 + dy + SIZE, 6 + dx : 6 + dx + SIZE]
            for dy in (-5, 0, 5)
            for dx in (-5, 0, 5)
        ],
        axis=0,
    )
    assert (nearby[np.rint(v).astype(int), np.rint(u).astype(int)] > 0).all()


def test_the_grid_is_one_run_and_each_step_of_the_search_another(
    painter: Painter, face: Face, portrait: Image
) -> None:
    darkness = CurveAnalyser(face, lambda image: float(-image.mean() / 255 * 20))
    result = painter.engine(darkness).run(portrait, face, EditRequest(age=1))
    assert painter.encoder.batches == [1]
    assert painter.generator.batches == [5, *[1] * (result.evaluations - 4)]
    assert result.evaluations <= 8


def test_what_is_given_is_the_same_person_to_a_fresh_look(
    painter: Painter, face: Face, portrait: Image, dlib: DlibAnalyser
) -> None:
    result = painter.engine(dlib).run(portrait, face, EditRequest(smile=1))
    assert result.verdict == "reduced"
    assert result.reason is not None and result.reason.code == "reduced"
    assert 0.3 < result.applied.smile < 1
    assert result.image is not None and result.similarity is not None
    fresh = dlib.find_faces(result.image)[0]
    seen = dlib.similarity(dlib.embed(portrait, face), dlib.embed(result.image, fresh))
    assert min(seen, result.similarity) >= 0.8
    failed = [p for p in result.curve if p.strength > result.applied.smile]
    assert failed and all(p.similarity is not None and p.similarity < 0.8 for p in failed)
    assert {"encode", "generate", "compose", "edit", "check", "total"} <= set(result.timings_ms)


@pytest.mark.parametrize("name", ["woman_b_1.jpg", "man_c_2.jpg"])
def test_the_guard_holds_with_a_recogniser_trained_as_arcface(name: str) -> None:
    analyser = load_analyser(pack_dir())
    photo = decode_image((shared_dir("photos") / name).read_bytes())
    face = analyser.find_faces(photo)[0]
    engine = Painter(photo, face).engine(analyser)
    result = engine.run(photo, face, EditRequest(smile=1, age=1, others={"teeth": 1}))
    assert result.verdict in ("applied", "reduced")
    assert result.image is not None and result.similarity is not None
    fresh = analyser.find_faces(result.image)[0]
    seen = analyser.similarity(analyser.embed(photo, face), analyser.embed(result.image, fresh))
    assert min(seen, result.similarity) >= 0.8
    assert seen == pytest.approx(result.similarity, abs=0.03)


def test_smile_and_age_go_together(painter: Painter, face: Face, portrait: Image) -> None:
    engine = painter.engine(same(face))
    both = EditRequest(smile=0.5, age=-0.5)
    assert np.array_equal(
        engine.step(both), engine.step(EditRequest(smile=0.5)) + engine.step(EditRequest(age=-0.5))
    )
    result = engine.run(portrait, face, both)
    assert (result.applied, result.verdict) == (both, "applied")


def refused(result: EditResult) -> tuple[str, str | None]:
    assert result.image is None
    assert result.similarity is None
    assert result.touched is None
    assert not any(result.applied.strengths.values())
    assert result.reason is not None
    return result.verdict, result.reason.code


def test_without_a_verifier_there_is_no_edit(painter: Painter, face: Face, portrait: Image) -> None:
    result = painter.engine(None).run(portrait, face, EditRequest(smile=1))
    assert refused(result) == ("unsure", "no_verifier")
    assert painter.generator.batches == []


@pytest.mark.parametrize(
    ("quality", "code"),
    [({"width_px": 40.0}, "face_too_small_to_judge"), ({"sharpness": 2.0}, "face_blurred")],
)
def test_a_face_that_cannot_be_judged_is_not_edited(
    painter: Painter, face: Face, portrait: Image, quality: dict[str, Any], code: str
) -> None:
    poor = replace(face, quality=replace(face.quality, **quality))
    result = painter.engine(same(face)).run(portrait, poor, EditRequest(smile=1))
    assert refused(result) == ("unsure", code)


def test_a_face_that_is_lost_in_the_edit_is_unsure(
    painter: Painter, face: Face, portrait: Image
) -> None:
    blind = CurveAnalyser(face, lambda image: 0.0, sees=False)
    result = painter.engine(blind).run(portrait, face, EditRequest(smile=1))
    assert refused(result) == ("unsure", "face_lost")


def test_when_nothing_passes_nothing_is_given(
    painter: Painter, face: Face, portrait: Image
) -> None:
    strict = CurveAnalyser(face, lambda image: float(image.astype(np.int64).sum() % 9973))
    result = painter.engine(strict).run(portrait, face, EditRequest(smile=1))
    assert refused(result) == ("none", "identity_lost")
    assert 4 < result.evaluations <= 8


def test_an_age_in_years_becomes_a_strength(painter: Painter, face: Face, portrait: Image) -> None:
    engine = painter.engine(same(face), estimate_age=lambda image, found: 40.0)
    older = engine.run(portrait, face, EditRequest(target_age=55))
    assert older.asked.age == pytest.approx(15 / YEARS_AT_FULL)
    assert older.asked.target_age is None
    assert engine.run(portrait, face, EditRequest(target_age=5)).asked.age == -1


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (EditRequest(target_age=30), "no_age_estimate"),
        (EditRequest(others={"glasses": 0.5}), "edit_not_offered"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(
    painter: Painter, face: Face, portrait: Image, request_: EditRequest, code: str
) -> None:
    with pytest.raises(FaceError) as refusal:
        painter.engine(same(face)).run(portrait, face, request_)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "fields",
    [{"smile": 1.1}, {"age": float("nan")}, {"others": {"teeth": -2}}, {"target_age": 0},
     {"age": 0.1, "target_age": 30}],
)  # fmt: skip
def test_a_request_out_of_range_is_no_request(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        EditRequest(**fields)  # type: ignore[arg-type]


def test_every_direction_is_a_slider_smile_and_age_first(painter: Painter, face: Face) -> None:
    engine = painter.engine(None)
    assert [option.key for option in engine.options] == ["smile", "age", "teeth", "tint"]


def test_the_parsers_word_counts_where_there_is_a_parser(
    painter: Painter, face: Face, portrait: Image
) -> None:
    class HalfFace:
        def parse(self, crop: Image) -> np.ndarray:
            labels = np.zeros((512, 512), np.uint8)
            labels[:, :256] = crop_masks.REGION_LABELS["skin"]
            return labels

    engine = painter.engine(same(face), parser=HalfFace())
    (image,) = engine.render(portrait, face, [EditRequest(smile=1)])
    _, columns = np.nonzero((image != portrait).any(axis=2))
    middle = face.kps[:2, 0].mean()
    assert len(columns) > 100
    assert columns.max() <= middle + 2


def test_five_points_are_enough(painter: Painter, face: Face, portrait: Image) -> None:
    result = painter.engine(same(face)).run(
        portrait, replace(face, landmarks=None), EditRequest(smile=1)
    )
    assert result.image is not None
    changed = np.argwhere((result.image != portrait).any(axis=2))
    assert np.linalg.norm(changed.mean(axis=0)[::-1] - face.kps[3:].mean(axis=0)) < 12


def test_a_face_at_the_border_is_edited_inside_the_photo_only(portrait: Image, face: Face) -> None:
    left = int(face.kps[0, 0]) - 4
    cut = np.ascontiguousarray(portrait[:, left:])
    moved = replace(
        face,
        kps=face.kps - np.array([left, 0], np.float32),
        landmarks=None,
        box=(face.box - np.array([left, 0, left, 0], np.float32)).clip(0),
    )
    painter = Painter(cut, moved)
    result = painter.engine(same(moved)).run(cut, moved, EditRequest(smile=1, others={"tint": 1}))
    assert result.image is not None
    change = np.abs(result.image.astype(int) - cut).max(axis=(0, 2))
    assert change[12:].max() > 20
    # It fades to nothing where the photo ends and the crop goes on with a mirrored border.
    assert change[0] <= 1


def test_a_direction_of_another_generator_is_refused(painter: Painter) -> None:
    engine = painter.engine(None)
    card = DirectionCard("smile", "smile.pt", 3.0, "Smile")
    wide = Direction(card, np.zeros((18, 512), np.float32))
    with pytest.raises(ValueError, match="direction smile is of shape"):
        StyleGanEngine(engine._encoder, engine._generator, {"smile": wide}, None)


def test_unjudged_versions_come_one_per_request(
    painter: Painter, face: Face, portrait: Image
) -> None:
    requests: Sequence[EditRequest] = [EditRequest(age=0.5), EditRequest(age=1)]
    weak, strong = painter.engine(None).render(portrait, face, requests)
    change = [np.abs(i.astype(int) - portrait).sum() for i in (weak, strong)]
    assert 0 < change[0] < change[1]


def test_a_session_edits_frame_after_frame_by_one_request(
    painter: Painter, face: Face, portrait: Image
) -> None:
    engine, request = painter.engine(None), EditRequest(smile=0.5)
    before = portrait.copy()
    session = engine.prepare(request)
    (expected,) = engine.render(portrait, face, [request])
    for _ in range(2):
        edited = session.apply(portrait, [face])
        assert np.array_equal(edited.image, expected)
        assert edited.outcomes == (request,)
        x1, y1, x2, y2 = edited.touched[0]
        outside = (edited.image != portrait).any(axis=2)
        outside[y1:y2, x1:x2] = False
        assert not outside.any()
    assert np.array_equal(portrait, before)
    assert np.array_equal(session.apply(portrait, []).image, portrait)


# --- quick looks ------------------------------------------------------------------------------


def test_a_face_is_encoded_once_for_all_previews_of_it(
    painter: Painter, face: Face, portrait: Image
) -> None:
    engine = painter.engine(same(face), batch=1)
    outlook = engine.outlook(portrait, face)
    assert (painter.encoder.batches, painter.generator.batches) == ([1], [1])
    assert outlook.years is None and outlook.preview_seconds > 0
    for strength in (0.3, -0.8):
        result = engine.preview(portrait, face, EditRequest(smile=strength))
        assert (result.verdict, result.applied.smile) == ("applied", strength)
    # One face each: the strongest version passed, and nothing else was made.
    assert (painter.encoder.batches, painter.generator.batches) == ([1], [1, 1, 1])


def test_a_preview_shows_what_the_edit_will(painter: Painter, face: Face, portrait: Image) -> None:
    engine = painter.engine(same(face), batch=1)
    request = EditRequest(smile=0.7, age=0.5)
    quick = engine.preview(portrait, face, request)
    whole = engine.run(portrait, face, request)
    assert quick.image is not None and whole.image is not None
    assert np.array_equal(quick.image, whole.image)


def test_another_face_or_photo_is_studied_afresh(
    painter: Painter, face: Face, portrait: Image
) -> None:
    engine = painter.engine(same(face))
    engine.outlook(portrait, face)
    moved = replace(face, kps=face.kps + np.float32(1))
    engine.outlook(portrait, moved)
    other = portrait.copy()
    other[0, 0] ^= 1
    engine.outlook(other, face)
    assert painter.encoder.batches == [1, 1, 1]


def test_few_faces_are_remembered_and_a_job_leaves_none_behind(
    painter: Painter, face: Face, portrait: Image
) -> None:
    engine = painter.engine(same(face))
    engine.run(portrait, face, EditRequest(smile=0.5))
    assert len(engine._studied) == 0
    for shift in range(9):
        engine.outlook(portrait, replace(face, kps=face.kps + np.float32(shift)))
    assert 1 <= len(engine._studied) <= 8


def test_previews_use_the_smaller_generator_where_there_is_one(
    painter: Painter, face: Face, portrait: Image
) -> None:
    whole = Painter(portrait, face)
    engine = whole.engine(same(face), preview_generator=Generator(painter.generator), batch=1)
    engine.preview(portrait, face, EditRequest(smile=0.5))
    assert (painter.generator.batches, whole.generator.batches) == ([1, 1], [])
    engine.run(portrait, face, EditRequest(smile=0.5))
    assert (painter.generator.batches, whole.generator.batches) == ([1, 1], [1, 1])


def test_a_preview_keeps_to_the_identity_check_with_a_shorter_search(
    painter: Painter, face: Face, portrait: Image
) -> None:
    strict = CurveAnalyser(face, lambda image: float(image.astype(np.int64).sum() % 9973))
    result = painter.engine(strict, batch=1).preview(portrait, face, EditRequest(smile=1))
    assert refused(result) == ("none", "identity_lost")
    assert result.evaluations == 4


def test_one_at_a_time_finds_what_a_batch_finds(
    painter: Painter, face: Face, portrait: Image, dlib: DlibAnalyser
) -> None:
    request = EditRequest(smile=1)
    single, several = (
        painter.engine(dlib, batch=batch).run(portrait, face, request) for batch in (1, 8)
    )
    assert single.curve == several.curve
    assert single.image is not None and several.image is not None
    assert np.array_equal(single.image, several.image)


def test_a_generator_for_quick_looks_with_more_layers_is_refused(
    painter: Painter, face: Face
) -> None:
    engine = painter.engine(None)
    with pytest.raises(ValueError, match="more layers"):
        StyleGanEngine(
            engine._encoder,
            engine._generator,
            {},
            None,
            preview_generator=replace_layers(engine._generator, 18),
        )


def replace_layers(generator: Generator, layers: int) -> Generator:
    """A generator that says it has as many layers."""
    other = Generator(generator._session)
    other.layers = layers
    return other
