"""The e4e encoder: an improved-ResNet-50 with squeeze and excitation, and a head per style.

Tov et al., "Designing an encoder for StyleGAN image manipulation", SIGGRAPH 2021, built on the
feature pyramid of pSp (Richardson et al., CVPR 2021) over the backbone of ArcFace (Deng et al.,
CVPR 2019). Batch normalisation after a convolution is folded into it; before one it stays, since
the zero padding comes after it.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editing.export.architecture import Architecture, BodyUnit
from editing.export.checkpoint import Checkpoint, State

_EPSILON: Final = 1e-5
_HEAD_SLOPE: Final = 0.01


class _Conv(nn.Module):
    """A convolution, the batch normalisation after it folded in where there is one."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, weight: Tensor, norm: State | None = None, bias: Tensor | None = None, stride: int = 1
    ) -> None:
        super().__init__()
        if norm is not None:
            gain, bias = _gain_and_bias(norm)
            weight = weight * gain[:, None, None, None]
        self.stride = stride
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        padding = self.weight.shape[-1] // 2
        return F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=padding)


class _Prelu(nn.Module):
    slopes: Tensor

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes)

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.slopes)


class _Unit(nn.Module):
    """norm, 3x3, PReLU, 3x3 with the stride, norm, squeeze and excitation; plus the shortcut."""

    gain: Tensor
    shift: Tensor

    def __init__(self, state: State, unit: BodyUnit) -> None:
        super().__init__()
        self.stride = unit.stride
        gain, shift = _gain_and_bias(state.under("res_layer.0"))
        self.register_buffer("gain", gain.reshape(1, -1, 1, 1))
        self.register_buffer("shift", shift.reshape(1, -1, 1, 1))
        self.first = _Conv(state["res_layer.1.weight"])
        self.activation = _Prelu(state["res_layer.2.weight"])
        self.second = _Conv(
            state["res_layer.3.weight"], state.under("res_layer.4"), stride=unit.stride
        )
        self.squeeze = _Conv(state["res_layer.5.fc1.weight"])
        self.excite = _Conv(state["res_layer.5.fc2.weight"])
        self.shortcut = (
            None
            if unit.inputs == unit.outputs
            else _Conv(
                state["shortcut_layer.0.weight"],
                state.under("shortcut_layer.1"),
                stride=unit.stride,
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.activation(self.first(x * self.gain + self.shift)))
        squeezed = F.relu(self.squeeze(y.mean(dim=(2, 3), keepdim=True)))
        y = y * torch.sigmoid(self.excite(squeezed))
        if self.shortcut is not None:
            return y + self.shortcut(x)
        # The reference pools a window of one pixel, which only drops pixels.
        return y + (x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride])


class _Head(nn.Module):
    """Convolutions of stride 2 down to one pixel, then a linear layer: one style vector."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: State, count: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            _Conv(
                state[f"convs.{2 * index}.weight"],
                bias=state[f"convs.{2 * index}.bias"],
                stride=2,
            )
            for index in range(count)
        )
        weight = state["linear.weight"]
        self.register_buffer("weight", weight / weight.shape[1] ** 0.5)
        self.register_buffer("bias", state["linear.bias"])

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), _HEAD_SLOPE)
        return F.linear(x.flatten(1), self.weight, self.bias)


class Encoder(nn.Module):
    """RGB crops, float32 (N, 3, 256, 256) from -1 to 1, to W+, float32 (N, layers, width).

    Row 0 is the first head's answer, every other row that plus its own head's; the average latent
    is added to all. A generator `size` below the checkpoint's needs fewer rows: the heads of the
    others are left out.
    """

    latent_average: Tensor

    def __init__(self, checkpoint: Checkpoint, architecture: Architecture, size: int) -> None:
        super().__init__()
        state = State(checkpoint.state, "encoder")
        layers = 2 * architecture.resolutions.index(size) + 2
        self.input = _Conv(state["input_layer.0.weight"], state.under("input_layer.1"))
        self.activation = _Prelu(state["input_layer.2.weight"])
        units = [
            _Unit(state.under(f"body.{index}"), unit)
            for index, unit in enumerate(architecture.body)
        ]
        ends = [sum(count for _, count in architecture.stages[: i + 1]) for i in range(4)]
        self.fine = nn.Sequential(*units[: ends[1]])
        self.middle = nn.Sequential(*units[ends[1] : ends[2]])
        self.coarse = nn.Sequential(*units[ends[2] : ends[3]])
        self.to_middle = _Conv(state["latlayer1.weight"], bias=state["latlayer1.bias"])
        self.to_fine = _Conv(state["latlayer2.weight"], bias=state["latlayer2.bias"])
        self.heads = nn.ModuleList(
            _Head(state.under(f"styles.{row}"), architecture.head_convolutions(row))
            for row in range(layers)
        )
        self.feature_of_row = [architecture.feature_of_row(row) for row in range(layers)]
        average = checkpoint.latent_average.detach().float()
        self.register_buffer("latent_average", average[:layers].clone())

    def forward(self, image: Tensor) -> Tensor:
        fine = self.fine(self.activation(self.input(image)))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = _enlarged(coarse) + self.to_middle(middle)
        fine = _enlarged(middle) + self.to_fine(fine)
        features = (coarse, middle, fine)
        styles = [
            head(features[feature])
            for head, feature in zip(self.heads, self.feature_of_row, strict=True)
        ]
        rows = [styles[0], *(styles[0] + style for style in styles[1:])]
        return torch.stack(rows, dim=1) + self.latent_average


def _enlarged(x: Tensor) -> Tensor:
    size = (2 * x.shape[2], 2 * x.shape[3])
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _gain_and_bias(norm: State) -> tuple[Tensor, Tensor]:
    """A batch normalisation in use as ``x * gain + bias``."""
    gain = norm["weight"] * torch.rsqrt(norm["running_var"] + _EPSILON)
    return gain, norm["bias"] - norm["running_mean"] * gain
