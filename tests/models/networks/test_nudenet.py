"""NudeNet's network against its publisher's own code, and its contract on a small graph."""

from pathlib import Path

import cv2
import nudenet
import numpy as np
import pytest
from nudenet import NudeDetector
from onnx import helper

from models.networks.base import ContractError
from models.networks.nudenet import CLASSES, NudeNet
from tests.conftest import sample_path, shared_dir
from tests.models.networks import graphs

MODEL = Path(str(nudenet.__file__)).parent / "320n.onnx"


@pytest.fixture(scope="module")
def network() -> NudeNet:
    return NudeNet(graphs.OrtSession(MODEL))


@pytest.fixture(scope="module")
def reference() -> NudeDetector:
    return NudeDetector()


def pictures() -> list[Path]:
    return [
        sample_path("astronaut"),
        sample_path("hopper"),
        *sorted(shared_dir("photos").glob("*.jpg")),
    ]


def test_scores_are_those_of_nudenet_itself(network: NudeNet, reference: NudeDetector) -> None:
    seen = 0
    for path in pictures():
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert image is not None
        scores = network.scores(image.astype(np.uint8, copy=False))
        for found in reference.detect(str(path)):
            # A box that its code leaves out as a double has a lower score of the same class.
            assert scores[found["class"].lower()] >= found["score"] - 0.01
            seen += 1
        best = dict.fromkeys(CLASSES, 0.0)
        for found in reference.detect(str(path)):
            name = found["class"].lower()
            best[name] = max(best[name], found["score"])
        name, score = max(best.items(), key=lambda item: item[1])
        if score:
            assert scores[name] == pytest.approx(score, abs=0.01)
    assert seen >= 15


def test_a_large_picture_is_seen_as_its_small_copy_is(network: NudeNet) -> None:
    image = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR).astype(np.uint8)
    large = cv2.resize(image, (3000, 3000), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    small, big = network.scores(image), network.scores(large)
    assert big["face_female"] == pytest.approx(small["face_female"], abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (7, 5)])
def test_any_shape_is_taken(network: NudeNet, shape: tuple[int, int]) -> None:
    scores = network.scores(np.zeros((*shape, 3), np.uint8))
    assert set(scores) == set(CLASSES)
    assert all(0 <= score <= 1 for score in scores.values())


def boxes(path: Path, classes: int, value: float = 1.0) -> Path:
    """A graph that answers (1, 4 + classes, 3): the mean brightness of blue times ``value``."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Split", ["mean"], ["first", "second", "third"], axis=1),
        helper.make_node("Reshape", ["first", "flat"], ["one"]),
        helper.make_node("Mul", ["one", "weights"], ["output0"]),
    ]
    constants: dict[str, np.ndarray] = {
        "flat": np.array([1, 1, 1], np.int64),
        "weights": np.full((1, 4 + classes, 3), value, np.float32),
    }
    return graphs.save(
        path,
        nodes,
        {"images": (1, 3, 320, 320)},
        {"output0": (1, 4 + classes, 3)},
        constants,
    )


def test_pixels_go_in_as_zero_to_one_blue_first(tmp_path: Path) -> None:
    network = NudeNet(graphs.OrtSession(boxes(tmp_path / "boxes.onnx", len(CLASSES))))
    blue = np.zeros((40, 40, 3), np.uint8)
    blue[..., 0] = 255
    assert network.scores(blue)["anus_exposed"] == pytest.approx(1.0)
    assert network.scores(blue[..., ::-1])["anus_exposed"] == 0.0
    # The square's right half is padding.
    assert network.scores(blue[:, :20])["anus_exposed"] == pytest.approx(0.5, abs=0.01)


def answers(path: Path, rows: list[tuple[float, float, float, float, str, float]]) -> Path:
    """A graph that answers these boxes (middle, size, class, score), whatever it is shown."""
    values = np.zeros((1, 4 + len(CLASSES), len(rows)), np.float32)
    for column, (x, y, width, height, name, score) in enumerate(rows):
        values[0, :4, column] = x, y, width, height
        values[0, 4 + CLASSES.index(name), column] = score
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "none"], ["zero"]),
        helper.make_node("Add", ["values", "zero"], ["output0"]),
    ]
    return graphs.save(
        path,
        nodes,
        {"images": (1, 3, 320, 320)},
        {"output0": values.shape},
        {"values": values, "none": np.zeros((), np.float32)},
    )


def test_a_face_taken_for_another_part_of_a_body_does_not_count(tmp_path: Path) -> None:
    rows = [
        (160.0, 160.0, 200.0, 240.0, "female_genitalia_exposed", 0.5),
        (160.0, 280.0, 60.0, 60.0, "anus_exposed", 0.4),
        (160.0, 160.0, 200.0, 240.0, "face_female", 0.6),
    ]
    network = NudeNet(graphs.OrtSession(answers(tmp_path / "a.onnx", rows)))
    image = np.zeros((640, 640, 3), np.uint8)
    face = np.array([130, 90, 520, 560], np.float32)
    assert network.scores(image)["female_genitalia_exposed"] == pytest.approx(0.5)
    seen = network.scores(image, [face])
    assert seen["female_genitalia_exposed"] == 0
    assert seen["anus_exposed"] == pytest.approx(0.4), "what lies on a face is not the face"
    assert seen["face_female"] == pytest.approx(0.6)
    elsewhere = np.array([0, 0, 130, 160], np.float32)
    assert network.scores(image, [elsewhere])["female_genitalia_exposed"] == pytest.approx(0.5)


def test_a_graph_of_another_shape_is_refused(tmp_path: Path) -> None:
    network = NudeNet(graphs.OrtSession(boxes(tmp_path / "boxes.onnx", 17)))
    with pytest.raises(ContractError, match="18 scores"):
        network.scores(np.zeros((8, 8, 3), np.uint8))


def test_a_score_that_is_no_number_says_nothing(tmp_path: Path) -> None:
    network = NudeNet(graphs.OrtSession(boxes(tmp_path / "b.onnx", len(CLASSES), float("nan"))))
    with pytest.raises(ContractError, match="not a number"):
        network.scores(np.zeros((8, 8, 3), np.uint8))
