"""From ArcFace embeddings to the vector a swapper takes, and the arithmetic between identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import unit
from models.networks.converters import EmbeddingConverter


class IdentitySpace(Protocol):
    """The space a swapper's `source` vectors live in."""

    def encode(self, embeddings: FloatArray) -> FloatArray:
        """float32 (N, D) of raw ArcFace embeddings, float32 (N, 512), of any length."""
        ...


class EmapSpace:
    """inswapper's: unit embedding times its own 512 x 512 matrix, scaled to length 1."""

    def __init__(self, emap: FloatArray) -> None:
        if emap.ndim != 2 or emap.shape[0] != emap.shape[1]:
            raise ValueError(f"the emap must be square, got shape {emap.shape}")
        self._emap = np.ascontiguousarray(emap, dtype=np.float32)

    def encode(self, embeddings: FloatArray) -> FloatArray:
        return unit(unit(embeddings) @ self._emap)


class UnitSpace:
    """The embedding scaled to length 1 (hyperswap)."""

    def encode(self, embeddings: FloatArray) -> FloatArray:
        return unit(embeddings)


class ConvertedSpace:
    """Another recogniser's space, reached by a converter network (simswap, ghost, hififace).

    Args:
        converter: from raw ArcFace embeddings into that space.
        normalised: whether the swapper wants vectors of length 1.
    """

    def __init__(self, converter: EmbeddingConverter, *, normalised: bool) -> None:
        self._converter = converter
        self._normalised = normalised

    def encode(self, embeddings: FloatArray) -> FloatArray:
        converted = self._converter.convert(embeddings)
        return unit(converted) if self._normalised else converted


def average_embedding(embeddings: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """One raw embedding, float32 (D,), for several photos of one person.

    The directions are averaged by weight; the length, which some converters depend on, is the
    weighted mean of the lengths.

    Raises:
        ValueError: no embeddings, or weights that are not positive.
    """
    if not embeddings or len(embeddings) != len(weights) or min(weights) <= 0:
        raise ValueError("every embedding needs a positive weight")
    stack = np.stack(embeddings).astype(np.float32)
    share = np.array(weights, np.float32) / np.float32(sum(weights))
    direction = unit(share @ unit(stack))
    return (direction * (share @ np.linalg.norm(stack, axis=1))).astype(np.float32)


def interpolate(source: FloatArray, target: FloatArray, strength: float) -> FloatArray:
    """From `target` (strength 0) to `source` (strength 1) along the great circle between them.

    Both are vectors (N, D) of one :class:`IdentitySpace`; the lengths go over linearly. Shoemake,
    "Animating rotation with quaternion curves", SIGGRAPH 1985.

    Raises:
        ValueError: `strength` lies outside 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError("strength lies between 0 and 1")
    if strength == 1:
        return source
    a, b = unit(target), unit(source)
    angle = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    apart = sine > 1e-4
    safe = np.where(apart, sine, 1)
    weight_a = np.where(apart, np.sin((1 - strength) * angle) / safe, 1 - strength)
    weight_b = np.where(apart, np.sin(strength * angle) / safe, strength)
    length_a, length_b = (np.linalg.norm(v, axis=1, keepdims=True) for v in (target, source))
    length = (1 - strength) * length_a + strength * length_b
    return (unit(weight_a * a + weight_b * b) * length).astype(np.float32)
