"""Which vector tells a swapper whose face to draw."""

from pathlib import Path

import numpy as np
import pytest

from models.networks.base import ContractError, unit
from models.networks.converters import EmbeddingConverter
from models.networks.identity_space import (
    ConvertedSpace,
    EmapSpace,
    UnitSpace,
    average_embedding,
    interpolate,
)
from models.networks.inswapper import read_emap
from tests.models.networks import graphs

RNG = np.random.default_rng(5)
EMAP = RNG.normal(0, 1, (512, 512)).astype(np.float32)
A, B = RNG.normal(0, 20, (2, 1, 512)).astype(np.float32)


def test_emap_is_read_from_the_file_alone(tmp_path: Path) -> None:
    assert np.array_equal(read_emap(graphs.swapper(tmp_path / "s.onnx", emap=EMAP)), EMAP)


def test_a_file_without_an_emap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="square"):
        read_emap(graphs.swapper(tmp_path / "s.onnx"))
    (tmp_path / "noise.onnx").write_bytes(b"\xff" * 64)
    with pytest.raises(ContractError, match="cannot be read"):
        read_emap(tmp_path / "noise.onnx")


def test_latent_equals_insightface(tmp_path: Path) -> None:
    from insightface.model_zoo.inswapper import INSwapper

    path = graphs.swapper(tmp_path / "s.onnx", emap=EMAP)
    reference = INSwapper(str(path), graphs.OrtSession(path)._session)
    latent = np.dot((A[0] / np.linalg.norm(A)).reshape((1, -1)), reference.emap)
    latent /= np.linalg.norm(latent)

    assert np.allclose(EmapSpace(read_emap(path)).encode(A), latent, atol=1e-6)


def test_unit_space_and_converted_space(tmp_path: Path) -> None:
    convert = EmbeddingConverter(graphs.OrtSession(graphs.converter(tmp_path / "c.onnx")))
    both = np.concatenate([A, B])

    assert np.allclose(UnitSpace().encode(both), both / np.linalg.norm(both, axis=1)[:, None])
    assert np.allclose(ConvertedSpace(convert, normalised=False).encode(both), both * 2 + 0.5)
    assert np.allclose(
        ConvertedSpace(convert, normalised=True).encode(both), unit(both * 2 + 0.5), atol=1e-6
    )


def test_strength_walks_from_target_to_source_in_equal_angles() -> None:
    source, target = unit(A), unit(B)
    angle = np.arccos((source * target).sum())

    assert np.array_equal(interpolate(source, target, 1.0), source)
    assert np.allclose(interpolate(source, target, 0.0), target, atol=1e-6)
    for strength in (0.25, 0.5, 0.75):
        between = interpolate(source, target, strength)
        assert np.linalg.norm(between) == pytest.approx(1, abs=1e-5)
        assert np.arccos((between * target).sum()) == pytest.approx(strength * angle, abs=1e-3)


def test_strength_interpolates_lengths_of_raw_vectors() -> None:
    middle = interpolate(A, 3 * B, 0.5)

    expected = (np.linalg.norm(A) + 3 * np.linalg.norm(B)) / 2
    assert np.linalg.norm(middle) == pytest.approx(expected, rel=1e-4)
    assert np.allclose(interpolate(A, A, 0.5), A, atol=1e-4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        interpolate(A, B, 1.2)


def test_average_follows_the_weights() -> None:
    a, b = A[0], B[0]
    average = average_embedding([a, b], [3.0, 1.0])

    assert np.allclose(unit(average), unit(0.75 * unit(a) + 0.25 * unit(b)), atol=1e-6)
    expected = 0.75 * np.linalg.norm(a) + 0.25 * np.linalg.norm(b)
    assert np.linalg.norm(average) == pytest.approx(expected, rel=1e-5)
    assert np.allclose(average_embedding([a], [0.4]), a, rtol=1e-5)
    with pytest.raises(ValueError, match="weight"):
        average_embedding([a, b], [1.0, 0.0])
    with pytest.raises(ValueError, match="weight"):
        average_embedding([], [])
