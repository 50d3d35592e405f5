"""The neural engine on small graphs: what changes, what does not, and what it is told."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, Pose, Quality
from models.faces.same_person import PersonThresholds
from models.networks.arcface import ArcFace
from models.networks.enhancer import FaceEnhancer
from models.networks.identity_space import EmapSpace, UnitSpace
from models.networks.inswapper import read_emap
from models.networks.occluder import Occluder
from models.networks.parser import FaceParser, with_argmax
from models.networks.swapper import FaceSwapper, SwapperContract
from models.options import Values
from models.refusals import Refusal
from models.store.cards import Manifest
from swaps.engines.base import ModelUsed, Progress, Source, SwapEngine, SwapResult, Target
from swaps.engines.neural import ENGINE, option_schema
from swaps.engines.neural_engine import Networks, NeuralEngine
from swaps.engines.neural_options import NeuralOptions
from tests.models.networks import graphs
from tests.models.test_crops import points_at
from tests.models.test_paste import psnr

MANIFEST = Manifest.read()
EMAP = np.random.default_rng(11).normal(0, 1, (512, 512)).astype(np.float32)
PLAIN = NeuralOptions(match_colour=False)


class KnownFaces:
    """A detector that finds nothing: these tests say where the faces are."""

    def detect(self, image: np.ndarray) -> Any:
        return np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))


def contract(key: str = "inswapper_128") -> SwapperContract:
    card = MANIFEST.card(key).files[0].contract
    assert card is not None
    return SwapperContract.from_card(card, MANIFEST)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.swapper(tmp_path / "swapper.onnx", batch="batch", emap=EMAP)


@pytest.fixture
def session(graph: Path) -> graphs.OrtSession:
    return graphs.OrtSession(graph)


@pytest.fixture
def engine(tmp_path: Path, graph: Path, session: graphs.OrtSession) -> NeuralEngine:
    with_argmax(graphs.parser(tmp_path / "parser.onnx"), tmp_path / "labels.onnx")
    parser = FaceParser(graphs.OrtSession(tmp_path / "labels.onnx"))
    occluder = Occluder(graphs.OrtSession(graphs.occluder(tmp_path / "occluder.onnx")))
    card = MANIFEST.card("gfpgan_1.4").file().contract
    assert card is not None
    enhancer = FaceEnhancer.from_card(
        graphs.OrtSession(graphs.enhancer(tmp_path / "enhancer.onnx")), card, MANIFEST
    )
    recogniser = ArcFace(graphs.OrtSession(graphs.recogniser(tmp_path / "recogniser.onnx")))
    return NeuralEngine(
        InsightFaceAnalyser(KnownFaces(), recogniser),  # type: ignore[arg-type]
        Networks(
            swapper=FaceSwapper(session, contract(), max_batch=16),
            space=EmapSpace(read_emap(graph)),
            parser=lambda: parser,
            occluder=lambda: occluder,
            enhancer=lambda: enhancer,
            models=(ModelUsed("inswapper_128", "0" * 64),),
        ),
    )


def noise(width: int, height: int, seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(60, 200, (height // 8, width // 8, 3))
    return cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def face_at(x: float, y: float, side: float, roll: float = 0, yaw: float = 0) -> Face:
    return Face(
        box=np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32),
        kps=points_at((x, y), side, roll),
        landmarks=None,
        score=0.9,
        pose=Pose(yaw=yaw, pitch=0, roll=roll),
        quality=Quality(width_px=side * 0.6, sharpness=12),
    )


TARGET = noise(960, 640, 1)
SOURCE = noise(400, 400, 2)
SOURCE_FACE = face_at(200, 200, 260, 5)
LEFT = face_at(250, 320, 240, 12)
RIGHT = face_at(680, 300, 200, -20)


Swap = tuple[Face, Source]
"""A face of the target and what takes its place."""


def swap(face: Face = LEFT, source: np.ndarray = SOURCE) -> Swap:
    return face, Source(source, SOURCE_FACE)


def run(
    engine: NeuralEngine,
    target: np.ndarray,
    swaps: Sequence[Swap],
    options: NeuralOptions | None = None,
    progress: Progress | None = None,
    *,
    measure: bool = True,
) -> SwapResult:
    """Each face gets a source of its own."""
    session = engine.open([source for _, source in swaps], options or NeuralOptions())
    faces = [Target(face, number) for number, (face, _) in enumerate(swaps)]
    return session.apply(target, faces, progress, measure=measure)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def test_it_is_a_swap_engine(engine: NeuralEngine) -> None:
    as_engine: SwapEngine = engine

    assert (as_engine.name, ENGINE.name, ENGINE.analyser) == (
        "neural",
        "neural",
        engine.analyser.name,
    )


def test_only_the_face_changes_and_the_target_stays(engine: NeuralEngine) -> None:
    before = TARGET.copy()

    result = run(engine, TARGET, [swap()])

    assert np.array_equal(TARGET, before)
    touched = changed(TARGET, result.image)
    x1, y1, x2, y2 = result.touched[0]
    assert touched[y1:y2, x1:x2].mean() > 0.4
    touched[y1:y2, x1:x2] = False
    assert not touched.any()
    assert (x2 - x1) * (y2 - y1) < 2.2 * 240 * 240
    assert result.models[0].name == "inswapper_128"
    assert set(result.timings_ms) == {"prepare", "swap", "paste", "enhance", "measure", "total"}


def test_in_place_writes_into_the_target_and_gives_the_same(engine: NeuralEngine) -> None:
    expected = run(engine, TARGET, [swap(), swap(RIGHT)])
    target = TARGET.copy()

    result = run(engine, target, [swap(), swap(RIGHT)], NeuralOptions(in_place=True))

    assert result.image is target
    assert np.array_equal(target, expected.image)
    assert result.outcomes[0].similarity_to_target == expected.outcomes[0].similarity_to_target


def test_the_graph_is_given_the_identity_of_the_source(
    engine: NeuralEngine, session: graphs.OrtSession
) -> None:
    seen = []
    infer = session.run
    session.run = lambda inputs: seen.append(inputs["source"]) or infer(inputs)  # type: ignore[func-returns-value, method-assign]

    run(engine, TARGET, [swap()], PLAIN)

    embedding = engine.analyser.embed(SOURCE, SOURCE_FACE)
    latent = (embedding / np.linalg.norm(embedding)) @ EMAP
    assert np.allclose(seen[0][0], latent / np.linalg.norm(latent), atol=1e-5)


def test_all_faces_go_through_in_one_run_and_each_gets_its_own_source(
    engine: NeuralEngine, session: graphs.OrtSession
) -> None:
    other = noise(400, 400, 9)

    both = run(engine, TARGET, [swap(LEFT), swap(RIGHT, other)], PLAIN)

    assert [run["target"] for run in session.runs] == [(2, 3, 128, 128)]
    left = run(engine, TARGET, [swap(LEFT)], PLAIN).image
    right = run(engine, TARGET, [swap(RIGHT, other)], PLAIN).image
    assert np.array_equal(both.image[:, :480], left[:, :480])
    assert np.array_equal(both.image[:, 480:], right[:, 480:])
    assert not np.array_equal(right, run(engine, TARGET, [swap(RIGHT, SOURCE)], PLAIN).image)


def test_strength_goes_from_the_own_face_to_the_source(engine: NeuralEngine) -> None:
    def tint(strength: float, source: np.ndarray = SOURCE) -> np.ndarray:
        options = replace(PLAIN, strength=strength)
        image = run(engine, TARGET, [swap(source=source)], options).image
        mean: np.ndarray = image[280:360, 210:290].astype(float).mean(axis=(0, 1))
        return mean

    full, none, half = tint(1), tint(0), tint(0.5)

    assert np.abs(full - none).max() > 2
    assert np.linalg.norm(half - none) < np.linalg.norm(full - none)
    # Without strength the source does not matter at all.
    assert np.array_equal(none, tint(0, noise(400, 400, 5)))


def several(*photos: tuple[np.ndarray, tuple[Face, ...]]) -> Swap:
    return LEFT, Source(SOURCE, SOURCE_FACE, photos)


def latents(engine: NeuralEngine, *swaps: Swap) -> list[np.ndarray]:
    """What the graph is told for each of `swaps`."""
    seen = []
    session = engine.networks.swapper._session
    infer = session.run
    session.run = lambda inputs: seen.append(inputs["source"][0]) or infer(inputs)  # type: ignore[func-returns-value, method-assign]
    for item in swaps:
        run(engine, TARGET, [item], PLAIN)
    session.run = infer  # type: ignore[method-assign]
    return seen


SOFTENED = cv2.GaussianBlur(SOURCE, (0, 0), 6).astype(np.uint8)
"""The same person in a worse photo: the small recogniser finds it like, not equal."""


def test_several_photos_of_one_person_make_one_identity(engine: NeuralEngine) -> None:
    blurred = replace(SOURCE_FACE, quality=Quality(width_px=160, sharpness=1))

    averaged, sharp, weak = latents(
        engine, several((SOFTENED, (blurred,))), swap(), (LEFT, Source(SOFTENED, blurred))
    )

    assert not np.allclose(averaged, sharp, atol=1e-3)
    assert averaged @ sharp > averaged @ weak > sharp @ weak
    assert np.linalg.norm(averaged) == pytest.approx(1, abs=1e-5)


def test_in_a_further_photo_the_person_is_found_among_the_others(engine: NeuralEngine) -> None:
    group = np.hstack([noise(400, 400, 9), SOFTENED])
    stranger = face_at(200, 200, 300, 5)
    person = face_at(600, 200, 260, 5)

    in_a_group, alone, by_itself = latents(
        engine,
        several((group, (stranger, person))),
        several((SOFTENED, (SOURCE_FACE,))),
        swap(),
    )

    assert np.allclose(in_a_group, alone, atol=1e-2)
    assert not np.allclose(in_a_group, by_itself, atol=1e-2)


def test_a_photo_of_somebody_else_is_left_out_with_a_notice(engine: NeuralEngine) -> None:
    other = noise(400, 400, 9)
    crooked = replace(SOURCE_FACE, kps=SOURCE_FACE.kps[[0, 2, 1, 4, 3]])
    photos = (
        (other, (SOURCE_FACE,)),
        (SOURCE, (crooked,)),
        (SOFTENED, (SOURCE_FACE,)),
        (SOURCE, ()),
    )

    (outcome,) = run(engine, TARGET, [several(*photos)], PLAIN).outcomes
    with_two, as_if, alone = latents(
        engine, several(*photos), several((SOFTENED, (SOURCE_FACE,))), swap()
    )

    assert outcome.left_out == (0, 1, 3)
    assert [notice.code for notice in outcome.notices] == ["photos_left_out"]
    assert outcome.notices[0].params == {"count": 3}
    assert np.array_equal(with_two, as_if)
    assert not np.allclose(with_two, alone, atol=1e-3)


def test_the_thresholds_decide_who_is_the_same_person(engine: NeuralEngine) -> None:
    strict = NeuralEngine(engine.analyser, engine.networks, PersonThresholds(cosine=0.9999))

    (outcome,) = run(strict, TARGET, [several((SOFTENED, (SOURCE_FACE,)))], PLAIN).outcomes

    assert outcome.left_out == (0,)


def test_no_face_leaves_the_engine_with_an_embedding(engine: NeuralEngine) -> None:
    """Numbers that identify a person stay where they are used."""
    photos = several((SOFTENED, (SOURCE_FACE,)))
    (outcome,) = run(engine, TARGET, [photos]).outcomes

    assert photos[1].face.embedding is None
    assert photos[1].more[0][1][0].embedding is None
    assert outcome.target_face.embedding is None


def test_an_outline_that_is_not_known_is_said(engine: NeuralEngine) -> None:
    options = replace(PLAIN, masks=frozenset({"hull"}))

    (outcome,) = run(engine, TARGET, [swap()], options).outcomes

    assert [notice.code for notice in outcome.notices] == ["no_outline"]


@pytest.mark.parametrize("boost", [256, 512])
def test_pixel_boost_runs_interleaved_tiles_in_batches(
    boost: int, engine: NeuralEngine, session: graphs.OrtSession
) -> None:
    face = face_at(480, 320, 600)
    grain = np.random.default_rng(3).integers(60, 200, (160, 240, 3)).astype(np.uint8)
    target = cv2.resize(grain, (960, 640), interpolation=cv2.INTER_CUBIC).astype(np.uint8)

    native = run(engine, target, [swap(face)], PLAIN).image
    session.runs.clear()
    boosted = run(engine, target, [swap(face)], replace(PLAIN, boost_px=boost)).image

    assert [run["target"][0] for run in session.runs] == [(boost // 128) ** 2]
    middle = np.s_[200:440, 360:600]
    detail = [
        np.abs(cv2.Laplacian(image[middle], cv2.CV_64F)).mean()
        for image in (native, boosted, target)
    ]
    # The small graph returns what it sees, dimmed: a finer crop keeps more of the grain.
    assert 1.25 * detail[0] < detail[1] < detail[2]


def test_occlusion_and_regions_narrow_the_mask(engine: NeuralEngine) -> None:
    target = np.full((640, 960, 3), 230, np.uint8)
    target[:, 250:] = (0, 230, 230)
    drawn_box = run(engine, target, [swap()], replace(PLAIN, masks=frozenset({"box"}))).image

    behind = run(engine, target, [swap()], replace(PLAIN, masks=frozenset({"box", "occlusion"})))
    skin = run(
        engine,
        target,
        [swap()],
        replace(PLAIN, masks=frozenset({"regions"}), regions=frozenset({"left_eye"})),
    )

    # The small occluder takes what has no blue for something in front of the face.
    assert changed(target, drawn_box)[320, 300]
    assert not changed(target, behind.image)[320, 270:].any()
    assert changed(target, behind.image)[320, 200]
    assert np.array_equal(skin.image, target)


def test_hull_follows_the_landmarks(engine: NeuralEngine) -> None:
    angles = np.linspace(0, np.pi, 17)
    landmarks = np.full((68, 2), (250, 330), np.float32)
    landmarks[:17] = np.stack([250 - 50 * np.cos(angles), 320 + 60 * np.sin(angles)], axis=1)
    face = replace(LEFT, landmarks=landmarks)
    options = replace(PLAIN, masks=frozenset({"hull"}))

    touched = changed(TARGET, run(engine, TARGET, [swap(face)], options).image)

    assert touched[340, 250]
    assert not touched[:, :195].any()
    assert not touched[:, 305:].any()


def test_enhancer_is_blended_and_stays_within_its_box(engine: NeuralEngine) -> None:
    def mean(enhance: float) -> float:
        options = replace(PLAIN, masks=frozenset({"box"}), enhance=enhance)
        result = run(engine, TARGET, [swap()], options)
        x1, y1, x2, y2 = result.touched[0]
        outside = changed(TARGET, result.image)
        outside[y1:y2, x1:x2] = False
        assert not outside.any()
        return float(result.image[300:340, 230:270].mean())

    none, half, full = mean(0), mean(0.5), mean(1)

    # The small enhancer answers with the negative.
    assert full == pytest.approx(255 - none, abs=3)
    assert half == pytest.approx((full + none) / 2, abs=2)


def test_colour_match_brings_the_face_to_the_targets_colours(engine: NeuralEngine) -> None:
    options = NeuralOptions(masks=frozenset({"box"}))
    area = np.s_[280:360, 210:290]
    want = TARGET[area].mean(axis=(0, 1))

    matched = run(engine, TARGET, [swap()], options).image[area].mean(axis=(0, 1))
    plain = run(engine, TARGET, [swap()], PLAIN).image[area].mean(axis=(0, 1))

    assert np.abs(matched - want).max() < np.abs(plain - want).max() / 3


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
@pytest.mark.parametrize("roll", [0, 30])
def test_insightface_mode_equals_insightface_end_to_end(
    roll: int, engine: NeuralEngine, graph: Path
) -> None:
    """The real ``INSwapper`` and this engine on the same file, photo and faces."""
    from insightface.model_zoo.inswapper import INSwapper

    reference = INSwapper(str(graph), graphs.OrtSession(graph)._session)
    reference.input_size = (128, 128)
    face = face_at(500, 330, 380, roll)
    embedding = engine.analyser.embed(SOURCE, SOURCE_FACE)
    source = SimpleNamespace(normed_embedding=embedding / np.linalg.norm(embedding))
    expected = reference.get(TARGET, SimpleNamespace(kps=face.kps), source, paste_back=True)

    ours = run(engine, TARGET, [swap(face)], NeuralOptions(paste="insightface")).image

    assert not np.array_equal(ours, TARGET)
    assert np.abs(ours.astype(int) - expected).max() <= 2
    assert psnr(ours, expected) >= 75


def test_a_swapper_that_takes_a_photo_gets_the_aligned_source(tmp_path: Path) -> None:
    uniface = contract("uniface_256")
    session = graphs.OrtSession(
        graphs.swapper(tmp_path / "u.onnx", 256, source=(3, 256, 256), scale=1.0)
    )
    recogniser = ArcFace(graphs.OrtSession(graphs.recogniser(tmp_path / "r.onnx")))
    engine = NeuralEngine(
        InsightFaceAnalyser(KnownFaces(), recogniser),  # type: ignore[arg-type]
        Networks(FaceSwapper(session, uniface), UnitSpace()),
    )

    run(engine, TARGET, [swap()], PLAIN)

    assert session.runs == [{"target": (1, 3, 256, 256), "source": (1, 3, 256, 256)}]
    with pytest.raises(FaceError) as refused:
        run(engine, TARGET, [swap()], replace(PLAIN, strength=0.5))
    assert refused.value.code == "strength_fixed"


def test_likeness_is_measured_on_the_result(engine: NeuralEngine) -> None:
    result = run(engine, TARGET, [swap()], NeuralOptions(match_colour=False))
    outcome = result.outcomes[0]
    after = engine.analyser.embed(result.image, LEFT)

    expected = engine.analyser.similarity(after, engine.analyser.embed(SOURCE, SOURCE_FACE))
    assert outcome.similarity_to_source == pytest.approx(expected, abs=1e-5)
    assert outcome.similarity_to_target is not None
    small = replace(LEFT, quality=Quality(width_px=40, sharpness=12))
    assert run(engine, TARGET, [swap(small)]).outcomes[0].similarity_to_source is None
    unmeasured = run(engine, TARGET, [swap()], measure=False).outcomes[0]
    assert unmeasured.similarity_to_source is None


def test_options_of_the_schema_are_the_engines_own(engine: NeuralEngine) -> None:
    schema = option_schema(
        (128, 256), is_steerable=True, masks=["occlusion", "regions"], has_enhancer=True
    )
    told = NeuralEngine(engine.analyser, engine.networks, schema=schema)
    values: Values = {
        "strength": 70, "detail": "256", "mask": ("regions",), "part": ("skin",), "enhance": 40,
    }  # fmt: skip

    by_name = told.run(TARGET, [Source(SOURCE, SOURCE_FACE)], [Target(LEFT)], values)
    own = NeuralOptions(0.7, 256, frozenset({"box", "regions"}), frozenset({"skin"}), enhance=0.4)

    assert np.array_equal(by_name.image, run(engine, TARGET, [swap()], own).image)
    unasked = told.run(TARGET, [Source(SOURCE, SOURCE_FACE)], [Target(LEFT)])
    assert np.array_equal(unasked.image, run(engine, TARGET, [swap()]).image)
    with pytest.raises(Refusal) as refused:
        told.run(TARGET, [Source(SOURCE, SOURCE_FACE)], [Target(LEFT)], {"detail": "512"})
    assert refused.value.code == "option_unknown_value"


def test_a_session_prepared_once_serves_many_frames(
    engine: NeuralEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [TARGET, noise(960, 640, 4)]
    wanted = [run(engine, frame, [swap(LEFT), swap(RIGHT)]).image for frame in frames]
    session = engine.open([Source(SOURCE, SOURCE_FACE)], NeuralOptions())

    def never(image: np.ndarray, face: Face) -> None:
        raise AssertionError("the source is known, and nothing is measured")

    monkeypatch.setattr(engine.analyser, "embed", never)

    for frame, expected in zip(frames, wanted, strict=True):
        result = session.apply(frame, [Target(LEFT), Target(RIGHT)], measure=False)
        assert np.array_equal(result.image, expected)
    assert np.array_equal(session.apply(TARGET, []).image, TARGET)


def test_progress_uses_the_stages_of_the_site(engine: NeuralEngine) -> None:
    seen: list[tuple[str, float]] = []

    run(engine, TARGET, [swap()], progress=lambda stage, fraction: seen.append((stage, fraction)))

    assert list(dict.fromkeys(stage for stage, _ in seen)) == ["prepare", "swap", "measure"]
    assert ("swap", 1.0) in seen
    assert all(0 <= fraction <= 1 for _, fraction in seen)


def test_refusals_have_codes(engine: NeuralEngine) -> None:
    tiny = replace(LEFT, quality=Quality(width_px=12, sharpness=12))
    bare = NeuralEngine(
        engine.analyser, replace(engine.networks, parser=None, occluder=None, enhancer=None)
    )
    cases: list[tuple[str, Any]] = [
        ("no_face_chosen", lambda: engine.run(TARGET, [], [])),
        ("face_too_small", lambda: run(engine, TARGET, [swap(tiny)])),
        (
            "source_too_small",
            lambda: run(engine, TARGET, [(LEFT, Source(SOURCE, tiny))]),
        ),
        ("boost_unknown", lambda: run(engine, TARGET, [swap()], replace(PLAIN, boost_px=384))),
        ("model_missing", lambda: run(bare, TARGET, [swap()], replace(PLAIN, enhance=0.5))),
        (
            "model_missing",
            lambda: run(bare, TARGET, [swap()], replace(PLAIN, masks=frozenset({"regions"}))),
        ),
    ]
    for code, attempt in cases:
        with pytest.raises(FaceError) as refused:
            attempt()
        assert refused.value.code == code
    with pytest.raises(ValueError, match="between 0 and 1"):
        NeuralOptions(strength=1.5)


def test_warnings_come_from_stored_data_alone(engine: NeuralEngine) -> None:
    profile = replace(LEFT, pose=Pose(yaw=50, pitch=0, roll=0))
    small = replace(SOURCE_FACE, quality=Quality(width_px=60, sharpness=12))

    codes = [notice.code for notice in ENGINE.check(profile, small)]

    assert codes == ["source_small", "profile"]
    assert ENGINE.check(LEFT, SOURCE_FACE) == []


def test_warm_up_runs_the_networks(engine: NeuralEngine, session: graphs.OrtSession) -> None:
    engine.warm_up()

    assert session.runs


def test_two_threads_give_what_one_gives(engine: NeuralEngine) -> None:
    jobs = [swap(LEFT), swap(RIGHT)] * 4
    alone = [run(engine, TARGET, [job]).image for job in jobs[:2]]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda job: run(engine, TARGET, [job]).image, jobs))

    for index, image in enumerate(together):
        assert np.array_equal(image, alone[index % 2])


def test_memory_is_flat_over_200_swaps(engine: NeuralEngine) -> None:
    target, process = TARGET[:640, :520], psutil.Process()
    options = NeuralOptions(enhance=0.0)

    def swaps(count: int) -> int:
        for _ in range(count):
            run(engine, target, [swap()], options)
        return int(process.memory_info().rss)

    before = swaps(40)
    after = swaps(160)

    assert after - before < 12 * 2**20
