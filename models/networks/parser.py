"""BiSeNet face parsing: which pixel is skin, which is brow, which is hair."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.networks.base import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ContractError,
    ImageTensor,
    Session,
    single_input,
)
from models.pixels.imaging import Image

CLASSES: Final = 19
SIZE_PX: Final = 512
_TENSOR: Final = ImageTensor(SIZE_PX, IMAGENET_MEAN, IMAGENET_STD)


class ClassScores(Protocol):
    """Anything that says how likely each class is at each pixel; see :class:`SoftParser`."""

    def probabilities(self, crop: Image) -> NDArray[np.uint8]:
        """uint8 (19, 512, 512), 255 is certain, of a crop, uint8 (512, 512, 3) BGR."""
        ...


class SoftParser:
    """How likely each of CelebAMask-HQ's 19 classes is, by a graph that gives scores.

    Raises:
        ContractError: the graph gives something else.
    """

    def __init__(self, session: Session) -> None:
        shape = session.get_outputs()[0].shape
        if len(shape) != 4 or shape[1] != CLASSES:
            raise ContractError("the parser's first output is not scores of 19 classes")
        self._session = session
        self._input = single_input(session)

    def probabilities(self, crop: Image) -> NDArray[np.uint8]:
        """uint8 (19, 512, 512), 255 is certain, of a crop, uint8 (512, 512, 3) BGR."""
        scores = self._session.run({self._input: _TENSOR.encode(crop[None])})[0][0]
        scores = scores - scores.max(axis=0)
        np.exp(scores, out=scores)
        scores *= 255 / scores.sum(axis=0)
        scores += np.float32(0.5)
        return scores.astype(np.uint8)


class FaceParser:
    """Labels of CelebAMask-HQ's 19 classes, by a graph that :func:`with_argmax` has prepared.

    Raises:
        ContractError: the graph gives scores and not labels.
    """

    def __init__(self, session: Session) -> None:
        if "uint8" not in getattr(session.get_outputs()[0], "type", "uint8"):
            raise ContractError("the parser gives scores; prepare it with with_argmax first")
        self._session = session
        self._input = single_input(session)

    def parse(self, crop: Image) -> NDArray[np.uint8]:
        """Class numbers, uint8 (512, 512), of an aligned crop, uint8 (S, S, 3) BGR.

        Raises:
            ContractError: the graph's answer is not one label per pixel.
        """
        labels = self._session.run({self._input: _TENSOR.encode(resized(crop, 512)[None])})[0]
        if labels.shape != (1, 512, 512):
            raise ContractError(f"expected labels of 512 x 512 px, got shape {labels.shape}")
        return labels[0].astype(np.uint8, copy=False)


def with_argmax(source: Path, destination: Path) -> None:
    """Writes a copy of the parser that ends in labels, uint8 (N, H, W), instead of scores.

    The first output, float32 (N, 19, H, W), becomes its own arg max inside the graph, and the
    outputs after it, which only training uses, are dropped: 20 MB of scores per face are then
    neither kept nor searched outside.

    Raises:
        ContractError: the first output has not 19 channels.
    """
    # Only the first start on a machine needs it, and it is slow to import.
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(source)
    scores = model.graph.output[0]
    shape = scores.type.tensor_type.shape.dim
    if len(shape) != 4 or shape[1].dim_value not in {0, CLASSES}:
        raise ContractError("the parser's first output is not scores of 19 classes")
    sizes = [d.dim_value or d.dim_param or None for d in (shape[0], shape[2], shape[3])]
    name = scores.name
    del model.graph.output[:]
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [name], ["label_index"], axis=1, keepdims=0),
            helper.make_node("Cast", ["label_index"], ["labels"], to=TensorProto.UINT8),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("labels", TensorProto.UINT8, sizes))
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_suffix(".part")
    onnx.save(model, partial)
    partial.replace(destination)


def resized(image: Image, size: int) -> Image:
    """`image`, uint8 (S, S, 3), at `size` px; by area when it shrinks, cubic when it grows."""
    if image.shape[0] == size:
        return image
    interpolation = cv2.INTER_AREA if size < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=interpolation).astype(np.uint8, copy=False)
