"""The export: official keys, strictness, and graphs that compute what the network should."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from editing.export.__main__ import face_crop, main, sample_photo
from editing.export.architecture import (
    OFFICIAL_SHA256,
    Architecture,
    CheckpointError,
    check_shapes,
)
from models.networks.stylegan import open_export, open_preview
from models.networks.stylegan_export import Export, file_sha256
from tests.editing.e4e import NARROW, made_up_state, published_shapes, write_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "onnxscript"))
needs_torch = [
    pytest.mark.torch,
    pytest.mark.skipif(not HAS_TORCH, reason="PyTorch (the extra 'export') is not installed"),
]


def torch_test(function: Any) -> Any:
    for mark in needs_torch:
        function = mark(function)
    return function


def test_the_architecture_is_that_of_the_published_checkpoint() -> None:
    assert Architecture().shapes() == published_shapes()
    assert (Architecture().layers, Architecture(size=512).layers) == (18, 16)


def test_the_sample_shows_a_face_in_the_frame() -> None:
    crop = face_crop(sample_photo())
    assert crop.shape == (256, 256, 3)
    assert crop.std() > 30


@pytest.mark.skipif(HAS_TORCH, reason="PyTorch is installed")
def test_without_pytorch_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "any.pt"), "-o", str(tmp_path)]) == 1
    assert "install the extra 'export'" in capsys.readouterr().err


def test_the_published_shapes_fit_and_a_missing_or_extra_key_is_named() -> None:
    expected = Architecture().shapes()
    check_shapes(published_shapes(), expected)
    for change, problem in (
        ({"decoder.conv1.noise.weight": None}, "missing decoder.conv1.noise.weight"),
        ({"decoder.extra": (1,)}, "unknown decoder.extra"),
        ({"encoder.latlayer1.bias": (3,)}, r"encoder.latlayer1.bias is \(3,\), not \(512,\)"),
    ):
        found = {k: v for k, v in {**published_shapes(), **change}.items() if v is not None}
        with pytest.raises(CheckpointError, match=problem):
            check_shapes(found, expected)


@torch_test
@pytest.mark.parametrize("drop", ["state_dict", "latent_avg"])
def test_an_incomplete_file_is_refused(tmp_path: Path, drop: str) -> None:
    import torch

    from editing.export.checkpoint import read_checkpoint

    path = write_checkpoint(tmp_path / "e4e.pt", NARROW)
    content = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in content.items() if key != drop}, path)
    with pytest.raises(CheckpointError, match=drop):
        read_checkpoint(path, NARROW)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="not a readable"):
        read_checkpoint(path, NARROW)


@torch_test
def test_another_file_than_the_published_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_checkpoint(tmp_path / "e4e.pt", NARROW)
    assert main([str(path), "-o", str(tmp_path / "out")], NARROW) == 1
    assert f"not {OFFICIAL_SHA256}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def plain_generator(state: dict[str, Tensor], latents: Tensor, size: int) -> Tensor:
    """StyleGAN2 as its paper writes it, float64, one sample at a time, weights modulated."""
    import torch
    import torch.nn.functional as F

    def tensor(key: str) -> Tensor:
        return state[f"decoder.{key}"].double()

    def modulated(x: Tensor, name: str, w: Tensor, *, demodulate: bool, up: bool) -> Tensor:
        modulation = tensor(f"{name}.conv.modulation.weight")
        style = modulation @ w / modulation.shape[1] ** 0.5
        style = style + tensor(f"{name}.conv.modulation.bias")
        weight = tensor(f"{name}.conv.weight")[0]
        weight = weight / (weight[0].numel() ** 0.5) * style[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if not up:
            return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        # Zeros between the pixels, a true convolution, then the low-pass filter.
        wide = x.new_zeros(1, x.shape[1], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1)
        wide[:, :, ::2, ::2] = x
        y = F.conv2d(F.pad(wide, (2, 2, 2, 2)), weight.flip(2, 3))
        fir = tensor(f"{name}.conv.blur.kernel").expand(y.shape[1], 1, 4, 4)
        return F.conv2d(F.pad(y, (1, 1, 1, 1)), fir, groups=y.shape[1])

    def styled(x: Tensor, name: str, w: Tensor, layer: int, up: bool = False) -> Tensor:
        y = modulated(x, name, w, demodulate=True, up=up)
        y = y + tensor(f"{name}.noise.weight") * tensor(f"noises.noise_{layer}")
        y = y + tensor(f"{name}.activate.bias").reshape(1, -1, 1, 1)
        return F.leaky_relu(y, 0.2) * 2**0.5

    def enlarged(image: Tensor) -> Tensor:
        wide = image.new_zeros(1, 3, 2 * image.shape[2], 2 * image.shape[3])
        wide[:, :, ::2, ::2] = image
        fir = tensor("to_rgbs.0.upsample.kernel").expand(3, 1, 4, 4)
        return F.conv2d(F.pad(wide, (2, 1, 2, 1)), fir, groups=3)

    images = []
    for w in latents.double():
        x = styled(tensor("input.input"), "conv1", w[0], 0)
        image = modulated(x, "to_rgb1", w[1], demodulate=False, up=False) + tensor("to_rgb1.bias")
        for level in range(int(np.log2(size)) - 2):
            x = styled(x, f"convs.{2 * level}", w[2 * level + 1], 2 * level + 1, up=True)
            x = styled(x, f"convs.{2 * level + 1}", w[2 * level + 2], 2 * level + 2)
            name = f"to_rgbs.{level}"
            rgb = modulated(x, name, w[2 * level + 3], demodulate=False, up=False)
            image = enlarged(image) + rgb + tensor(f"{name}.bias")
        images.append(image)
    return torch.cat(images)


@torch_test
@pytest.mark.parametrize("size", [256, 64])
def test_the_generator_computes_what_the_paper_writes(size: int) -> None:
    import torch

    from editing.export.checkpoint import Checkpoint
    from editing.export.generator import Synthesis

    state = made_up_state(NARROW, seed=5)
    network = Synthesis(Checkpoint(state, torch.zeros(14, 32)), NARROW, size)
    latents = torch.randn(2, 14, 32, generator=torch.Generator().manual_seed(8))
    expected = plain_generator(state, latents, size)
    assert expected.shape == (2, 3, size, size)
    assert (network(latents) - expected).abs().max() < 1e-4
    assert (expected[0] - expected[1]).abs().max() > 0.5


@torch_test
def test_the_encoder_adds_rows_to_the_first_and_the_average_to_all() -> None:
    import torch

    from editing.export.checkpoint import Checkpoint
    from editing.export.encoder import Encoder

    state = made_up_state(NARROW, seed=6)
    average = torch.randn(14, 32, generator=torch.Generator().manual_seed(9))
    image = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(10))
    full = Encoder(Checkpoint(state, average), NARROW, 256)(image)
    assert full.shape == (2, 14, 32)
    bare = Encoder(Checkpoint(state, torch.zeros(14, 32)), NARROW, 256)(image)
    assert torch.allclose(full - bare, average.expand(2, -1, -1), atol=1e-6)
    # A head that answers nothing leaves its row at the first one's.
    silent = {k: v * 0 if k.startswith("encoder.styles.9.linear") else v for k, v in state.items()}
    rows = Encoder(Checkpoint(silent, torch.zeros(14, 32)), NARROW, 256)(image)
    assert torch.allclose(rows[:, 9], rows[:, 0], atol=1e-6)
    assert not torch.allclose(rows[:, 10], rows[:, 0], atol=1e-3)
    # A smaller generator takes the first rows.
    short = Encoder(Checkpoint(state, average), NARROW, 64)(image)
    assert torch.equal(short, full[:, :10])


@torch_test
def test_batch_normalisation_is_folded_exactly() -> None:
    import torch
    from torch import nn

    from editing.export.checkpoint import State
    from editing.export.encoder import _Conv

    generator = torch.Generator().manual_seed(11)
    norm = nn.BatchNorm2d(5).eval()
    for value in norm.state_dict().values():
        if value.ndim:
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    weight = torch.randn(5, 3, 3, 3, generator=generator)
    state = State({f"n.{key}": value for key, value in norm.state_dict().items()}, "n")
    x = torch.randn(2, 3, 9, 9, generator=generator)
    expected = norm(nn.functional.conv2d(x, weight, stride=2, padding=1))
    assert torch.allclose(_Conv(weight, state, stride=2)(x), expected, atol=1e-5)


@torch_test
def test_a_checkpoint_becomes_graphs_that_run_on_any_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.sessions import get_session

    path = write_checkpoint(tmp_path / "e4e.pt", NARROW)
    digest = file_sha256(path)
    folder = tmp_path / "graphs"
    arguments = [str(path), "-o", str(folder), "--size", "256", "--sha256", digest]
    assert main(arguments, NARROW) == 0
    assert "256 px, 14 rows of W+" in capsys.readouterr().out
    export = Export.read(folder)
    assert export.source_sha256 == digest
    assert sorted(p.name for p in folder.iterdir()) == [
        "encoder.onnx",
        "generator.onnx",
        "stylegan.json",
    ]
    encoder, generator = open_export(export, get_session)
    crop = face_crop(sample_photo())
    latents = encoder.encode(np.stack([crop, crop[::-1], crop]))
    assert np.abs(latents[0] - latents[2]).max() < 1e-5
    faces = generator.synthesise(latents)
    assert faces.shape == (3, 256, 256, 3)
    assert np.abs(faces[0] - generator.synthesise(latents[:1])[0]).max() < 0.05
    assert np.abs(faces[0] - faces[1]).max() > 1


@torch_test
def test_a_smaller_generator_draws_the_same_face_for_quick_looks(tmp_path: Path) -> None:
    from editing.export.checkpoint import read_checkpoint
    from editing.export.onnx_export import export_graphs
    from models.sessions import get_session

    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "e4e.pt", NARROW), NARROW)
    crop = face_crop(sample_photo())
    folder = tmp_path / "graphs"
    export_graphs(checkpoint, NARROW, 128, folder, crop, "0" * 64, preview_size=64)
    export = Export.read(folder)
    encoder, generator = open_export(export, get_session)
    small = open_preview(export, get_session)
    assert small is not None
    assert (small.size, small.layers, generator.layers) == (64, 10, 12)
    latents = encoder.encode(crop[None])
    assert small.synthesise(latents[:, :10]).shape == (1, 64, 64, 3)

    # The next export without one does not leave it behind: it would be of other weights.
    export_graphs(checkpoint, NARROW, 64, folder, crop, "0" * 64)
    assert Export.read(folder).preview is None
    with pytest.raises(ValueError, match="smaller than"):
        export_graphs(checkpoint, NARROW, 64, folder, crop, "0" * 64, preview_size=64)


@torch_test
def test_a_graph_that_differs_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from editing.export import onnx_export

    source = tmp_path / "wrong.onnx"

    class Wrong(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 1.001

    def export_wrong(network: object, example: tuple[Any, ...], path: Path, **options: Any) -> None:
        if not source.exists():
            real(Wrong(), example, source, **options)
        shutil.copy(source, path)

    real = torch.onnx.export
    monkeypatch.setattr(torch.onnx, "export", export_wrong)

    class Right(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    path = tmp_path / "graph.onnx"
    with pytest.raises(onnx_export.ExportMismatchError, match="image differs by"):
        onnx_export._written(Right(), torch.ones(2, 3), path, ("latent", "image"))
    assert not path.exists()
