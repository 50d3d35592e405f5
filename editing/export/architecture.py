"""What is in an e4e checkpoint: every key and shape, for the published size or a narrow one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Final

Shape = tuple[int, ...]

OFFICIAL_SHA256: Final = "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999"
"""Of ``e4e_ffhq_encode.pt``."""

_MAPPING_LAYERS: Final = 8
_FEATURES: Final = (16, 32, 64)
"""Sides of the three feature maps that the style heads read, for a crop of 256 px."""
_COARSE_ROWS: Final = 3
_MIDDLE_ROWS: Final = 7
_SHOWN: Final = 5


class CheckpointError(ValueError):
    """A file is not the checkpoint it should be; the text names what is wrong with it."""


def _official_channels() -> dict[int, int]:
    return {
        **dict.fromkeys((4, 8, 16, 32, 64), 512),
        128: 256,
        256: 128,
        512: 64,
        1024: 32,
    }


@dataclass(frozen=True)
class BodyUnit:
    """One residual unit of the encoder's body: channels in and out, and its stride."""

    inputs: int
    outputs: int
    stride: int


@dataclass(frozen=True)
class Architecture:
    """The widths of encoder and generator; the defaults are those of the published checkpoint.

    Attributes:
        size: side of the generator's images in pixels, a power of two.
        width: length of a style vector, and channels of the encoder's last stage.
        channels: the generator's channels by resolution.
        stages: the encoder's body, (channels, units) for each of its four stages.
        squeeze: by how much squeeze-and-excitation narrows its channels.
    """

    size: int = 1024
    width: int = 512
    channels: Mapping[int, int] = field(default_factory=_official_channels)
    stages: tuple[tuple[int, int], ...] = ((64, 3), (128, 4), (256, 14), (512, 3))
    squeeze: int = 16

    @property
    def layers(self) -> int:
        """Rows of W+."""
        return 2 * int(log2(self.size)) - 2

    @property
    def resolutions(self) -> list[int]:
        """4, 8, ... up to the size of the image."""
        return [2**power for power in range(2, int(log2(self.size)) + 1)]

    @property
    def body(self) -> list[BodyUnit]:
        """The units of the encoder's body in order."""
        units = []
        inputs = self.stages[0][0]
        for channels, count in self.stages:
            for index in range(count):
                units.append(BodyUnit(inputs, channels, 2 if index == 0 else 1))
                inputs = channels
        return units

    def feature_of_row(self, row: int) -> int:
        """Which of the three feature maps the style head of a row reads: 0 is the coarsest."""
        return 0 if row < _COARSE_ROWS else 1 if row < _MIDDLE_ROWS else 2

    def head_convolutions(self, row: int) -> int:
        """Convolutions of stride 2 from a row's feature map down to one pixel."""
        return int(log2(_FEATURES[self.feature_of_row(row)]))

    def shapes(self) -> dict[str, Shape]:
        """Shape by key of everything under ``state_dict`` in a checkpoint."""
        encoder = {f"encoder.{key}": shape for key, shape in self._encoder()}
        return encoder | {f"decoder.{key}": shape for key, shape in self._generator()}

    def _encoder(self) -> Iterator[tuple[str, Shape]]:
        first = self.stages[0][0]
        yield "input_layer.0.weight", (first, 3, 3, 3)
        yield from _batch_norm("input_layer.1", first)
        yield "input_layer.2.weight", (first,)
        for index, unit in enumerate(self.body):
            name = f"body.{index}"
            if unit.inputs != unit.outputs:
                yield f"{name}.shortcut_layer.0.weight", (unit.outputs, unit.inputs, 1, 1)
                yield from _batch_norm(f"{name}.shortcut_layer.1", unit.outputs)
            yield from _batch_norm(f"{name}.res_layer.0", unit.inputs)
            yield f"{name}.res_layer.1.weight", (unit.outputs, unit.inputs, 3, 3)
            yield f"{name}.res_layer.2.weight", (unit.outputs,)
            yield f"{name}.res_layer.3.weight", (unit.outputs, unit.outputs, 3, 3)
            yield from _batch_norm(f"{name}.res_layer.4", unit.outputs)
            narrow = unit.outputs // self.squeeze
            yield f"{name}.res_layer.5.fc1.weight", (narrow, unit.outputs, 1, 1)
            yield f"{name}.res_layer.5.fc2.weight", (unit.outputs, narrow, 1, 1)
        for row in range(self.layers):
            for index in range(self.head_convolutions(row)):
                name = f"styles.{row}.convs.{2 * index}"
                yield f"{name}.weight", (self.width, self.width, 3, 3)
                yield f"{name}.bias", (self.width,)
            yield f"styles.{row}.linear.weight", (self.width, self.width)
            yield f"styles.{row}.linear.bias", (self.width,)
        for name, stage in (("latlayer1", 2), ("latlayer2", 1)):
            yield f"{name}.weight", (self.width, self.stages[stage][0], 1, 1)
            yield f"{name}.bias", (self.width,)

    def _generator(self) -> Iterator[tuple[str, Shape]]:
        width = self.width
        for layer in range(1, _MAPPING_LAYERS + 1):
            yield f"style.{layer}.weight", (width, width)
            yield f"style.{layer}.bias", (width,)
        start = self.channels[4]
        yield "input.input", (1, start, 4, 4)
        yield from self._styled_conv("conv1", start, start)
        yield from self._to_rgb("to_rgb1", start)
        inputs = start
        for index, resolution in enumerate(self.resolutions[1:]):
            outputs = self.channels[resolution]
            yield from self._styled_conv(f"convs.{2 * index}", inputs, outputs)
            yield f"convs.{2 * index}.conv.blur.kernel", (4, 4)
            yield from self._styled_conv(f"convs.{2 * index + 1}", outputs, outputs)
            yield f"to_rgbs.{index}.upsample.kernel", (4, 4)
            yield from self._to_rgb(f"to_rgbs.{index}", outputs)
            inputs = outputs
        for layer in range(self.layers - 1):
            side = 2 ** ((layer + 5) // 2)
            yield f"noises.noise_{layer}", (1, 1, side, side)

    def _styled_conv(self, name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
        yield f"{name}.conv.weight", (1, outputs, inputs, 3, 3)
        yield from self._modulation(f"{name}.conv", inputs)
        yield f"{name}.noise.weight", (1,)
        yield f"{name}.activate.bias", (outputs,)

    def _to_rgb(self, name: str, inputs: int) -> Iterator[tuple[str, Shape]]:
        yield f"{name}.bias", (1, 3, 1, 1)
        yield f"{name}.conv.weight", (1, 3, inputs, 1, 1)
        yield from self._modulation(f"{name}.conv", inputs)

    def _modulation(self, name: str, inputs: int) -> Iterator[tuple[str, Shape]]:
        yield f"{name}.modulation.weight", (inputs, self.width)
        yield f"{name}.modulation.bias", (inputs,)


def check_shapes(found: dict[str, Shape], expected: dict[str, Shape]) -> None:
    """Compares keys and shapes.

    Raises:
        CheckpointError: naming the missing keys, the unknown ones and the wrong shapes.
    """
    problems = [
        *(f"missing {key}" for key in expected if key not in found),
        *(f"unknown {key}" for key in found if key not in expected),
        *(
            f"{key} is {found[key]}, not {shape}"
            for key, shape in expected.items()
            if key in found and found[key] != shape
        ),
    ]
    if problems:
        shown = "; ".join(problems[:_SHOWN])
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise CheckpointError(f"the checkpoint does not fit: {shown}{more}")


def _batch_norm(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
    yield f"{name}.num_batches_tracked", ()
