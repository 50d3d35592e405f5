"""A generator whose faces are known: it paints a poor likeness of one photo and edits it.

The likeness is the photo's own crop, off by a shift, softened and darker, as an encoder's
inversions are. The first numbers of the latent say what is done to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from editing.directions import Direction, DirectionCard
from editing.engines.residual import sample
from editing.engines.stylegan_engine import StyleGanEngine
from models.faces.analysis import FaceAnalyser
from models.faces.face import Face, FloatArray
from models.geometry.alignment import cut_crop, ffhq_matrix
from models.networks.stylegan import Encoder, Generator
from models.pixels.imaging import Image

SIZE = 256
LAYERS = 14
WIDTH = 8


@dataclass(frozen=True)
class Node:
    """A graph's input or output."""

    name: str
    shape: list[int | str | None]


@dataclass
class PaintedSession:
    """Answers as an exported graph would, and counts what it was asked."""

    inputs: list[Node]
    outputs: list[Node]
    compute: Any
    batches: list[int] = field(default_factory=list)

    def get_inputs(self) -> list[Node]:
        return self.inputs

    def get_outputs(self) -> list[Node]:
        return self.outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        (value,) = inputs.values()
        self.batches.append(len(value))
        return [np.stack([self.compute(one) for one in value]).astype(np.float32)]


def bump(centre: tuple[float, float], radius: float, size: int = SIZE) -> FloatArray:
    """A smooth hill of height 1, float32 (size, size)."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    squared = ((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / radius**2
    return np.exp(-squared).astype(np.float32)


MOUTH = (0.5 * SIZE, 0.725 * SIZE)
CHEEK = (0.36 * SIZE, 0.62 * SIZE)


def mouth_lift(strength: float) -> FloatArray:
    """The field that lifts the mouth by `strength` times 10 px."""
    lift = np.zeros((SIZE, SIZE, 2), np.float32)
    lift[..., 1] = 10 * strength * bump(MOUTH, 36)
    return lift


def open_mouth(strength: float) -> FloatArray:
    """How much white shows between the lips, 0 to 1."""
    return np.clip(strength * 1.4 * bump(MOUTH, 14), 0, 1)


class Painter:
    """The two networks for one photo."""

    def __init__(self, photo: Image, face: Face, shift: float = 2.0, darker: float = 12.0) -> None:
        self.crop = cut_crop(photo, ffhq_matrix(face.kps, SIZE), SIZE).astype(np.float32)
        moved = np.full((SIZE, SIZE, 2), shift, np.float32)
        self.likeness = cv2.GaussianBlur(sample(self.crop, moved), (0, 0), 1.0) - darker
        self.encoder = PaintedSession(
            [Node("image", ["batch", 3, 256, 256])],
            [Node("w_plus", ["batch", LAYERS, WIDTH])],
            lambda image: np.zeros((LAYERS, WIDTH)),
        )
        self.generator = PaintedSession(
            [Node("w_plus", ["batch", LAYERS, WIDTH])],
            [Node("image", ["batch", 3, SIZE, SIZE])],
            lambda latent: self.levels_to_output(self.face(*latent[0, :4])),
        )

    @staticmethod
    def levels_to_output(levels: FloatArray) -> FloatArray:
        return (levels[..., ::-1].transpose(2, 0, 1) - 127.5) / 127.5

    def face(self, lift: float, shade: float, teeth: float, tint: float) -> FloatArray:
        """The generator's face, float32 (SIZE, SIZE, 3) BGR in levels."""
        face = sample(self.likeness, mouth_lift(lift)) if lift else self.likeness.copy()
        face = face - 30 * shade * bump(CHEEK, 20)[..., None]
        opened = open_mouth(teeth)[..., None]
        face = face * (1 - opened) + 235 * opened
        return (face + tint * np.array([-9.0, 0.0, 3.0])).astype(np.float32)

    def engine(self, analyser: FaceAnalyser | None, **options: Any) -> StyleGanEngine:
        """An engine with the sliders smile (lift), age (shade), teeth and tint."""
        directions = {}
        for index, key in enumerate(("smile", "age", "teeth", "tint")):
            step = np.zeros((LAYERS, WIDTH), np.float32)
            step[:, index] = 1
            directions[key] = Direction(
                DirectionCard(key, f"{key}.npy", 1.0, key.capitalize()), step
            )
        encoder, generator = Encoder(self.encoder), Generator(self.generator)
        return StyleGanEngine(encoder, generator, directions, analyser, **options)
