"""The BiSeNet face parser (ResNet-18), from its state dict to ONNX.

Yu et al., "BiSeNet: bilateral segmentation network for real-time semantic segmentation", ECCV 2018,
in the shape of the face parsers trained on CelebAMask-HQ: 512 x 512 in, scores of 19 classes out.
Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.store.convert import ConversionError
from models.store.convert.graph import GraphWriter
from models.store.convert.torch_file import read_tensors

_SIZE: Final = 512
_CLASSES: Final = 19
_EPSILON: Final = 1e-5


def convert_bisenet(path: Path) -> bytes:
    """The ONNX file of the state dict at `path`.

    Raises:
        ConversionError: it is not that network.
    """
    try:
        return _Builder(read_tensors(path)).built()
    except KeyError as error:
        raise ConversionError(f"the state dict lacks {error}") from error


class _Builder:
    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = weights
        self._writer = GraphWriter()

    def built(self) -> bytes:
        eighth, sixteenth, thirty_second = self._backbone()
        writer = self._writer
        average = self._block(self._pooled(thirty_second), "cp.conv_avg", pad=0)
        deep = writer.add("Add", [self._refined(thirty_second, "cp.arm32"), average])
        deep = self._block(self._doubled(deep), "cp.conv_head32")
        middle = writer.add("Add", [self._refined(sixteenth, "cp.arm16"), deep])
        middle = self._block(self._doubled(middle), "cp.conv_head16")

        both = writer.add("Concat", [eighth, middle], axis=1)
        features = self._block(both, "ffm.convblk", pad=0)
        squeezed = writer.add("Relu", [self._conv(self._pooled(features), "ffm.conv1")])
        weight = writer.add("Sigmoid", [self._conv(squeezed, "ffm.conv2")])
        weighted = writer.add("Mul", [features, weight])
        fused = writer.add("Add", [weighted, features])

        scores = self._conv(self._block(fused, "conv_out.conv"), "conv_out.conv_out")
        scale = writer.constant(np.array([1, 1, 8, 8], np.float32))
        writer.add(
            "Resize",
            [scores, "", scale],
            name="output",
            mode="linear",
            coordinate_transformation_mode="align_corners",
        )
        return writer.finished(("n", 3, _SIZE, _SIZE), [("output", ("n", _CLASSES, _SIZE, _SIZE))])

    def _backbone(self) -> tuple[str, str, str]:
        """Features at an eighth, a sixteenth and a thirty-second of the size."""
        writer, prefix = self._writer, "cp.resnet."
        name = writer.add(
            "Relu", [self._conv("input", f"{prefix}conv1", f"{prefix}bn1", stride=2, pad=3)]
        )
        name = writer.add("MaxPool", [name], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        features = []
        for layer in range(1, 5):
            for part in range(2):
                name = self._residual(
                    name, f"{prefix}layer{layer}.{part}.", 2 if layer > 1 and part == 0 else 1
                )
            features.append(name)
        return features[1], features[2], features[3]

    def _residual(self, name: str, prefix: str, stride: int) -> str:
        writer = self._writer
        inner = self._conv(name, f"{prefix}conv1", f"{prefix}bn1", stride=stride, pad=1)
        inner = writer.add("Relu", [inner])
        inner = self._conv(inner, f"{prefix}conv2", f"{prefix}bn2", pad=1)
        if f"{prefix}downsample.0.weight" in self._weights:
            name = self._conv(name, f"{prefix}downsample.0", f"{prefix}downsample.1", stride=stride)
        return writer.add("Relu", [writer.add("Add", [name, inner])])

    def _refined(self, name: str, prefix: str) -> str:
        """Attention refinement: channels weighted by what the whole picture shows."""
        features = self._block(name, f"{prefix}.conv")
        weight = self._conv(self._pooled(features), f"{prefix}.conv_atten", f"{prefix}.bn_atten")
        return self._writer.add("Mul", [features, self._writer.add("Sigmoid", [weight])])

    def _block(self, name: str, prefix: str, pad: int = 1) -> str:
        return self._writer.add(
            "Relu", [self._conv(name, f"{prefix}.conv", f"{prefix}.bn", pad=pad)]
        )

    def _pooled(self, name: str) -> str:
        return self._writer.add("GlobalAveragePool", [name])

    def _doubled(self, name: str) -> str:
        scale = self._writer.constant(np.array([1, 1, 2, 2], np.float32))
        return self._writer.add(
            "Resize",
            [name, "", scale],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def _conv(self, name: str, conv: str, norm: str = "", *, stride: int = 1, pad: int = 0) -> str:
        weights = self._weights[f"{conv}.weight"].astype(np.float64)
        inputs = [name]
        if norm:
            variance = self._weights[f"{norm}.running_var"].astype(np.float64)
            gain = self._weights[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
            bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * gain
            weights = weights * gain[:, None, None, None]
            inputs += [
                self._writer.constant(weights.astype(np.float32)),
                self._writer.constant(bias.astype(np.float32)),
            ]
        else:
            inputs.append(self._writer.constant(weights.astype(np.float32)))
        side = weights.shape[2]
        return self._writer.add(
            "Conv", inputs, kernel_shape=[side, side], strides=[stride] * 2, pads=[pad] * 4
        )
