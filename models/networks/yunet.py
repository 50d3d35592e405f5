"""YuNet: finds faces and their five points, in a few milliseconds.

Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, Session, single_input
from models.networks.scrfd import Detections
from models.pixels.imaging import Image

STRIDES: Final = (8, 16, 32)
MULTIPLE: Final = 32
"""Sides of the input are multiples of it; smaller images are framed."""

_OUTPUTS: Final = tuple(
    f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES
)


class YuNet:
    """The detector of OpenCV's model zoo (``face_detection_yunet_2023mar``).

    Args:
        session: the graph with free sides, as :func:`with_free_sides` writes it.

    Raises:
        ContractError: the graph is another, or takes one size only.
    """

    def __init__(self, session: Session) -> None:
        names = [output.name for output in session.get_outputs()]
        if sorted(names) != sorted(_OUTPUTS):
            raise ContractError("not YuNet: it has other outputs")
        if any(isinstance(size, int) for size in session.get_inputs()[0].shape[2:]):
            raise ContractError("YuNet takes one size only; prepare it with with_free_sides first")
        self._session = session
        self._input = single_input(session)
        self._places = {name: place for place, name in enumerate(names)}

    def candidates(self, image: Image, threshold: float) -> Detections:
        """Everything that looks like a face, with many answers for one face.

        Args:
            image: uint8 (H, W, 3) BGR; seen as it is, without scaling. Faces of 10 to 300 px are
                found.
            threshold: lowest score, 0 to 1: the root of class times objectness.

        Returns:
            Boxes, scores and points in pixels of the image, in no order.
        """
        height, width = image.shape[:2]
        rows, columns = (-(-side // MULTIPLE) * MULTIPLE for side in (height, width))
        if (rows, columns) != (height, width):
            image = cv2.copyMakeBorder(
                image, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT, value=(0, 0, 0)
            ).astype(np.uint8, copy=False)
        tensor = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
        outputs = self._session.run({self._input: tensor})

        boxes, scores, kps = [], [], []
        for stride in STRIDES:
            seen, thing, box, points = (
                outputs[self._places[f"{kind}_{stride}"]][0]
                for kind in ("cls", "obj", "bbox", "kps")
            )
            score = np.sqrt(np.clip(seen[:, 0], 0, 1) * np.clip(thing[:, 0], 0, 1))
            hits = np.flatnonzero(score >= threshold)
            cells = _cells(rows // stride, columns // stride)[hits]
            centres = (cells + box[hits, :2]) * stride
            halves = np.exp(np.minimum(box[hits, 2:], 8)) * (stride / 2)
            scores.append(score[hits])
            boxes.append(np.hstack([centres - halves, centres + halves]))
            kps.append((points[hits].reshape(-1, 5, 2) + cells[:, None]) * stride)
        return Detections(
            np.concatenate(boxes).astype(np.float32),
            np.concatenate(scores).astype(np.float32),
            np.concatenate(kps).astype(np.float32),
        )


@lru_cache(maxsize=16)
def _cells(rows: int, columns: int) -> FloatArray:
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)


def with_free_sides(source: Path, destination: Path) -> None:
    """Writes a copy of the zoo's graph, fixed at 640 px, that takes any multiple of 32 px.

    Raises:
        ContractError: the graph has no image input.
    """
    # Only whoever makes the copy needs it, and it is slow to import.
    import onnx

    model = onnx.load(source)
    shape = model.graph.input[0].type.tensor_type.shape.dim
    if len(shape) != 4:
        raise ContractError("the detector has no image input")
    shape[2].dim_param, shape[3].dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_cells"
    del model.graph.value_info[:]
    destination.write_bytes(model.SerializeToString(deterministic=True))
