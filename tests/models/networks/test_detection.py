"""Detector, recogniser and landmarks on small graphs of their contracts."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.geometry.points import JAW, LEFT_EYE, MOUTH
from models.networks.arcface import ArcFace
from models.networks.base import ContractError
from models.networks.landmarks106 import Landmarks106
from models.networks.scrfd import Scrfd
from tests.models.networks import graphs


class DetectorSession:
    """Answers as SCRFD does, the same faces at every size."""

    def __init__(self, hits: list[tuple[int, int, int, float]], outputs: int = 9) -> None:
        self._hits = hits
        self._outputs = outputs
        self.sizes: list[int] = []

    def get_inputs(self) -> Any:
        return [SimpleNamespace(name="input.1", shape=[1, 3, "?", "?"])]

    def get_outputs(self) -> Any:
        return [SimpleNamespace(name=str(i), shape=[]) for i in range(self._outputs)]

    def run(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        size = inputs["input.1"].shape[2]
        self.sizes.append(size)
        return graphs.detector_outputs(size, self._hits if size == 640 else [])


def test_detector_decodes_boxes_and_points_into_image_pixels() -> None:
    session = DetectorSession([(32, 5, 7, 0.9)])
    image = np.zeros((1280, 640, 3), np.uint8)

    found = Scrfd(session).detect(image)

    # The photo is halved to 640 px; the anchor at (7, 5) * 32 reaches 48 px to each side there.
    assert session.sizes == [128, 640]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.boxes[0].tolist() == pytest.approx([352, 224, 544, 416])
    assert np.allclose(found.kps[0], [448, 320])


def test_detector_keeps_the_best_of_overlapping_boxes_and_drops_weak_ones() -> None:
    session = DetectorSession(
        [(32, 5, 7, 0.7), (32, 5, 8, 0.95), (16, 30, 30, 0.8), (8, 3, 3, 0.49)]
    )

    found = Scrfd(session).detect(np.zeros((640, 640, 3), np.uint8))

    assert found.scores.tolist() == pytest.approx([0.95, 0.8])
    assert found.boxes[:, 0].tolist() == pytest.approx([208, 456])


def test_detector_finds_nothing_in_nothing() -> None:
    found = Scrfd(DetectorSession([])).detect(np.zeros((50, 90, 3), np.uint8))

    assert [part.shape for part in found] == [(0, 4), (0,), (0, 5, 2)]


def test_a_graph_that_is_no_detector_is_refused() -> None:
    with pytest.raises(ContractError, match="not a detector"):
        Scrfd(DetectorSession([], outputs=6))


def test_recogniser_gives_the_same_vector_alone_and_in_company(tmp_path: Path) -> None:
    recogniser = ArcFace(graphs.OrtSession(graphs.recogniser(tmp_path / "r.onnx")))
    crops = np.random.default_rng(2).integers(0, 256, (3, 112, 112, 3)).astype(np.uint8)

    together = recogniser.embed_crops(list(crops))

    assert together.shape == (3, 512)
    for crop, vector in zip(crops, together, strict=True):
        assert np.allclose(recogniser.embed_crops([crop])[0], vector, rtol=1e-4, atol=1e-3)


def test_a_graph_that_is_no_recogniser_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="112 px"):
        ArcFace(graphs.OrtSession(graphs.enhancer(tmp_path / "e.onnx")))


def test_landmarks_come_back_into_image_pixels_in_ibug_order(tmp_path: Path) -> None:
    points = np.random.default_rng(4).uniform(-0.6, 0.6, (106, 2)).astype(np.float32)
    network = Landmarks106(graphs.OrtSession(graphs.landmarks106(tmp_path / "l.onnx", points)))

    found = network.predict(np.zeros((400, 500, 3), np.uint8), np.array([100, 50, 200, 250]))

    # The crop spans 1.5 times the longer side, 300 px, about the middle (150, 150) of the box.
    in_image = points * 150 + 150
    assert found.shape == (68, 2)
    assert np.allclose(found[JAW][[0, 8, 16]], in_image[[1, 0, 17]], atol=1e-2)
    assert np.allclose(found[LEFT_EYE][0], in_image[35], atol=1e-2)
    assert np.allclose(found[MOUTH][[0, 6]], in_image[[52, 61]], atol=1e-2)
    assert len(np.unique(found.round(3), axis=0)) == 68


def test_a_graph_that_gives_no_106_points_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="106 points"):
        Landmarks106(graphs.OrtSession(graphs.recogniser(tmp_path / "r.onnx")))
