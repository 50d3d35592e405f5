"""The age network: its crop, its scaling, its contract, and what insightface makes of the same."""

from pathlib import Path

import numpy as np
import pytest

from models.networks.base import ContractError
from models.networks.genderage import GenderAge, scales_itself
from models.pixels.imaging import decode_image
from tests.conftest import shared_dir
from tests.models.networks import graphs
from tests.models.networks.graphs import OrtSession
from tests.models.pack import load_analyser, pack_dir

BOX = np.array([100, 80, 164, 144], np.float32)


def network(path: Path) -> GenderAge:
    return GenderAge(OrtSession(path), scales_itself(path))


@pytest.mark.parametrize(
    ("by_itself", "blue", "years"), [(True, 102, 40.0), (False, 191, (191 - 127.5) / 1.28)]
)
def test_pixels_go_in_as_the_graph_wants_them(
    by_itself: bool, blue: int, years: float, tmp_path: Path
) -> None:
    path = graphs.genderage(tmp_path / "genderage.onnx", by_itself)
    assert scales_itself(path) == by_itself
    image = np.zeros((240, 320, 3), np.uint8)
    image[..., 0] = blue
    assert network(path).years(image, BOX) == pytest.approx(years, abs=0.01)


def test_the_crop_is_one_and_a_half_times_the_face(tmp_path: Path) -> None:
    found = network(graphs.genderage(tmp_path / "genderage.onnx"))
    image = np.zeros((240, 320, 3), np.uint8)
    # The 96 px round the face's middle at (132, 112), and not a pixel more.
    image[64:160, 84:180, 0] = 255
    whole = found.years(image, BOX)
    image[:] = 255 - image
    assert whole == pytest.approx(100, abs=1)
    assert found.years(image, BOX) < 1


def test_an_age_is_never_below_zero(tmp_path: Path) -> None:
    path = graphs.genderage(tmp_path / "genderage.onnx", scales_itself=False)
    assert network(path).years(np.zeros((200, 200, 3), np.uint8), BOX) == 0


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="three numbers"):
        GenderAge(OrtSession(narrow(tmp_path / "narrow.onnx")), True)
    with pytest.raises(ContractError, match="96 px"):
        GenderAge(OrtSession(graphs.recogniser(tmp_path / "rec.onnx")), True)
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"no graph")
    with pytest.raises(ContractError, match="cannot be read"):
        scales_itself(junk)


def narrow(path: Path) -> Path:
    """A graph of the right input that gives two numbers."""
    from onnx import helper

    nodes = [
        helper.make_node("ReduceMean", ["data"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "pair"], ["fc1"]),
    ]
    return graphs.save(
        path,
        nodes,
        {"data": (1, 3, 96, 96)},
        {"fc1": (1, 2)},
        {"pair": np.ones((1, 2), np.float32)},
    )


@pytest.mark.parametrize("name", ["hopper_glasses.jpg", "man_a_smile.jpg", "woman_d.jpg"])
def test_it_is_what_insightface_says(name: str) -> None:
    import onnxruntime
    from insightface.model_zoo.attribute import Attribute

    folder = pack_dir()
    path = folder / "genderage.onnx"
    photo = decode_image((shared_dir("photos") / name).read_bytes())
    face = load_analyser(folder).find_faces(photo)[0]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = Attribute(str(path), session)
    answer = _Answer(bbox=face.box)
    theirs.get(photo, answer)
    assert abs(network(path).years(photo, face.box) - answer["age"]) <= 0.51


class _Answer(dict[str, int]):
    """A face as insightface has it: attributes to read, items to set."""

    def __init__(self, bbox: np.ndarray) -> None:
        super().__init__()
        self.bbox = bbox
