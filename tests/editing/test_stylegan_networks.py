"""The exported graphs as the site loads them: contracts, scaling, the record beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.networks.base import ContractError
from models.networks.stylegan import Encoder, Generator, open_export, open_preview
from models.networks.stylegan_export import (
    ENCODER_NAME,
    GENERATOR_NAME,
    PREVIEW_NAME,
    RECORD_NAME,
    Export,
)
from models.sessions import get_session
from tests.editing.tiny_export import write_export, write_generator

SIZE, LAYERS, WIDTH = 8, 4, 2


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export whose latents are the first red and green pixel, shown again by the generator."""
    return write_export(tmp_path, SIZE, WIDTH)


@pytest.fixture
def networks(export: Path) -> tuple[Encoder, Generator]:
    return open_export(Export.read(export), get_session)


def test_the_encoder_sees_rgb_from_minus_one_to_one(networks: tuple[Encoder, Generator]) -> None:
    crops = np.zeros((2, 256, 256, 3), np.uint8)
    crops[0, 0, 0] = (9, 0, 255)
    crops[1, 0, 0] = (9, 255, 51)
    latents = networks[0].encode(crops)
    assert latents.shape == (2, LAYERS, WIDTH)
    assert np.allclose(latents, np.array([[[1, -1]], [[-0.6, 1]]]), atol=1e-6)


def test_the_generator_gives_bgr_levels_that_are_not_clipped(
    networks: tuple[Encoder, Generator],
) -> None:
    latents = np.zeros((2, LAYERS, WIDTH), np.float32)
    latents[1, 0, 0] = 0.8
    faces = networks[1].synthesise(latents)
    assert faces.shape == (2, SIZE, SIZE, 3)
    assert np.allclose(faces[0], 127.5)
    assert np.allclose(faces[1], [127.5 * 2.6, 127.5 * 0.2, 127.5 * 1.8])


def test_the_record_tells_size_and_digests(export: Path) -> None:
    read = Export.read(export)
    assert (read.size, read.source_sha256) == (SIZE, "0" * 64)
    assert set(read.digests) == {ENCODER_NAME, GENERATOR_NAME}


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"size": 8}', None])
def test_a_damaged_record_is_refused(export: Path, record: str | None) -> None:
    if record is None:
        (export / RECORD_NAME).unlink()
    else:
        (export / RECORD_NAME).write_text(record)
    with pytest.raises(ContractError, match="no usable record"):
        Export.read(export)


def test_a_digest_that_is_none_is_refused(export: Path) -> None:
    record = json.loads((export / RECORD_NAME).read_text())
    record["sha256"][ENCODER_NAME] = "../../etc"
    (export / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(ContractError, match="not a SHA-256"):
        Export.read(export)


def test_a_missing_graph_is_named(export: Path) -> None:
    (export / GENERATOR_NAME).unlink()
    with pytest.raises(ContractError, match=r"generator\.onnx is missing"):
        Export.read(export)


def test_graphs_of_two_exports_are_not_mixed(export: Path) -> None:
    record = json.loads((export / RECORD_NAME).read_text())
    (export / RECORD_NAME).write_text(json.dumps({**record, "size": 2 * SIZE}))
    with pytest.raises(ContractError, match="not of one export"):
        open_export(Export.read(export), get_session)


def test_a_graph_in_the_wrong_place_is_refused(export: Path) -> None:
    read = Export.read(export)
    swapped = Export(read.generator, read.encoder, SIZE, read.digests, read.source_sha256)
    digests = {"encoder": "a" * 64, "generator": "b" * 64}
    with pytest.raises(ContractError):
        Generator(get_session(swapped.generator, digests["encoder"]))


def test_a_generator_for_quick_looks_is_read_beside_the_whole_one(tmp_path: Path) -> None:
    whole = write_export(tmp_path, SIZE, WIDTH)
    assert open_preview(Export.read(whole), get_session) is None
    read = Export.read(write_export(tmp_path, SIZE, WIDTH, preview_size=4))
    small = open_preview(read, get_session)
    assert small is not None
    assert (small.size, small.layers) == (4, 2)
    (tmp_path / PREVIEW_NAME).unlink()
    with pytest.raises(ContractError, match=r"preview\.onnx is missing"):
        Export.read(tmp_path)


def test_quick_looks_must_be_smaller(export: Path) -> None:
    write_generator(export / PREVIEW_NAME, 2 * SIZE, WIDTH)
    record = json.loads((export / RECORD_NAME).read_text())
    record["sha256"][PREVIEW_NAME] = "b" * 64
    (export / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(ContractError, match="no smaller"):
        open_preview(Export.read(export), get_session)
