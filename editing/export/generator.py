"""StyleGAN2's synthesis network with everything that is constant already multiplied out.

Karras et al., "Analyzing and improving the image quality of StyleGAN", CVPR 2020. Modulation is
applied to the activations and demodulation to the result of an ordinary convolution, which equals
modulating the weights of each sample, and leaves the weights constant and the batch free:

    y = conv(x * s, W) * d,   s = A w + b,   d = rsqrt(s^2 . sum_k W^2 + 1e-8)

with W scaled by 1 / sqrt(inputs * k * k) and A by 1 / sqrt(width). The gain sqrt(2) of the leaky
ReLU commutes with it and is folded into d, noise and bias.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editing.export.architecture import Architecture
from editing.export.checkpoint import Checkpoint, State

_EPSILON: Final = 1e-8
_SLOPE: Final = 0.2
_GAIN: Final = 2**0.5
_FIR: Final = (1.0, 3.0, 3.0, 1.0)


class _Modulation(nn.Module):
    """A style vector (N, width) to a factor per input channel, (N, C, 1, 1)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        weight = state["weight"]
        self.register_buffer("weight", weight / weight.shape[1] ** 0.5)
        self.register_buffer("bias", state["bias"])

    def forward(self, style: Tensor) -> Tensor:
        return F.linear(style, self.weight, self.bias)


class _StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU; optionally twice the resolution."""

    weight: Tensor
    squares: Tensor
    offset: Tensor
    noise: Tensor
    fir: Tensor

    def __init__(self, state: State, noise: Tensor, upsample: bool) -> None:
        super().__init__()
        weight = state["conv.weight"][0]
        weight = weight / (weight.shape[1] * weight.shape[2] * weight.shape[3]) ** 0.5
        self.upsample = upsample
        self.modulation = _Modulation(state.under("conv.modulation"))
        self.register_buffer("squares", (weight**2).sum(dim=(2, 3)) / _GAIN**2)
        if upsample:
            # The transposed convolution wants (inputs, outputs, k, k).
            weight = weight.transpose(0, 1).contiguous()
            kernel = state["conv.blur.kernel"]
            self.register_buffer("fir", kernel.expand(self.squares.shape[0], 1, 4, 4).contiguous())
        self.register_buffer("weight", weight)
        bias = state["activate.bias"].reshape(1, -1, 1, 1)
        # Noise and bias stay two small buffers: their sum would be as large as the activations.
        self.register_buffer("noise", noise * state["noise.weight"] * _GAIN)
        self.register_buffer("offset", bias * _GAIN)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale = self.modulation(style)
        demodulation = torch.rsqrt(F.linear(scale * scale, self.squares) + _EPSILON / _GAIN**2)
        x = x * scale[:, :, None, None]
        if self.upsample:
            x = F.conv_transpose2d(x, self.weight, stride=2)
            x = F.conv2d(x, self.fir, padding=1, groups=self.fir.shape[0])
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * demodulation[:, :, None, None] + self.noise + self.offset
        return F.leaky_relu(x, _SLOPE)


class _ToRgb(nn.Module):
    """Modulated 1x1 convolution to three channels, added to the image so far at twice its size."""

    weight: Tensor
    bias: Tensor
    fir: Tensor

    def __init__(self, state: State, upsample: bool) -> None:
        super().__init__()
        weight = state["conv.weight"][0]
        self.modulation = _Modulation(state.under("conv.modulation"))
        self.register_buffer("weight", weight / weight.shape[1] ** 0.5)
        self.register_buffer("bias", state["bias"])
        if upsample:
            kernel = state["upsample.kernel"]
            self.register_buffer("fir", kernel.expand(3, 1, 4, 4).contiguous())

    def forward(self, x: Tensor, style: Tensor, image: Tensor | None) -> Tensor:
        scale = self.modulation(style)
        rgb = F.conv2d(x * scale[:, :, None, None], self.weight) + self.bias
        if image is None:
            return rgb
        return rgb + F.conv_transpose2d(image, self.fir, stride=2, padding=1, groups=3)


class Synthesis(nn.Module):
    """W+, float32 (N, layers, width), to RGB images, float32 (N, 3, size, size), about -1 to 1.

    A `size` below the checkpoint's leaves the finer layers out: the same weights, a coarser image.
    """

    constant: Tensor

    def __init__(self, checkpoint: Checkpoint, architecture: Architecture, size: int) -> None:
        super().__init__()
        if size not in architecture.resolutions:
            raise ValueError(f"a generator of {architecture.size} px has no {size} px image")
        state = State(checkpoint.state, "decoder")
        _check_fir(state)
        self.register_buffer("constant", state["input.input"])
        levels = architecture.resolutions.index(size)
        noises = [state[f"noises.noise_{layer}"] for layer in range(2 * levels + 1)]
        self.first = _StyledConv(state.under("conv1"), noises[0], upsample=False)
        self.first_rgb = _ToRgb(state.under("to_rgb1"), upsample=False)
        self.convolutions = nn.ModuleList(
            _StyledConv(state.under(f"convs.{index}"), noises[index + 1], upsample=index % 2 == 0)
            for index in range(2 * levels)
        )
        self.rgbs = nn.ModuleList(
            _ToRgb(state.under(f"to_rgbs.{level}"), upsample=True) for level in range(levels)
        )

    def forward(self, w_plus: Tensor) -> Tensor:
        x = self.first(self.constant, w_plus[:, 0])
        image: Tensor = self.first_rgb(x, w_plus[:, 1], None)
        for level, to_rgb in enumerate(self.rgbs):
            x = self.convolutions[2 * level](x, w_plus[:, 2 * level + 1])
            x = self.convolutions[2 * level + 1](x, w_plus[:, 2 * level + 2])
            # An image layer shares its row with the first convolution of the next resolution.
            image = to_rgb(x, w_plus[:, 2 * level + 3], image)
        return image


def _check_fir(state: State) -> None:
    """The transposed convolutions rely on a symmetric filter, which makes a flip irrelevant."""
    for kernel in (state["convs.0.conv.blur.kernel"], state["to_rgbs.0.upsample.kernel"]):
        if not torch.allclose(kernel, fir_kernel()):
            raise ValueError("the checkpoint's resampling filter is not 1 3 3 1")


def fir_kernel() -> Tensor:
    """The resampling filter of StyleGAN2, float32 (4, 4), with the gain 4 of upsampling."""
    taps = torch.tensor(_FIR)
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum() * 4
