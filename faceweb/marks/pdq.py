"""PDQ, a perceptual hash of 256 bits, and a search over many of them.

After "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019):
luma, two passes of a Jarosz (box) filter, decimation to 64 x 64, the 16 x 16 lowest frequencies of
the DCT-II without the constant ones, one bit for each that lies above their median. The picture is
hashed at its stored size, as the reference does where nothing shrinks it first.

By the paper, hashes up to 31 bits apart show the same picture; unrelated ones are about 128 apart.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HASH_BYTES = 32

_SIDE = 64
_KEPT = 16
_GRADIENTS_PER_QUALITY = 90
_STRIP = 512
_BLUE, _GREEN, _RED = (np.float32(part) for part in (3735, 19235, 9798))


@dataclass(frozen=True)
class PdqHash:
    """The 256 bits as 32 bytes, highest frequency first as in the reference's hexadecimal form."""

    bits: bytes
    quality: int
    """0..100: how much there is to see; the paper advises against trusting hashes below 50."""


def pdq_hash(image: Array) -> PdqHash:
    """The hash of an (H, W, 3) uint8 BGR picture."""
    small = _decimated(image)
    return PdqHash(_bits(_low_frequencies(small)), _quality(small))


def pdq_dihedral(image: Array) -> list[bytes]:
    """The hashes of all eight ways to turn and mirror a picture, for the cost of one.

    In order: as it is; turned by 90, 180 and 270 degrees counter-clockwise; flipped top to bottom,
    left to right; mirrored on the main diagonal, on the other one. Turning the picture turns its
    DCT and changes the signs of odd frequencies, so that nothing has to be computed again.
    """
    plain = _low_frequencies(_decimated(image))
    # Row and column n hold frequency n + 1: the mirror changes the sign of every other one.
    sign = np.where(np.arange(_KEPT) % 2, 1, -1).astype(plain.dtype)
    down, across = sign[:, None], sign[None]
    turns = (
        plain,
        plain.T * down,
        plain * down * across,
        plain.T * across,
        plain * down,
        plain * across,
        plain.T,
        plain.T * down * across,
    )
    return [_bits(turn) for turn in turns]


def hamming(a: bytes, b: bytes) -> int:
    """How many bits of two hashes differ."""
    if len(a) != len(b):
        raise ValueError("hashes of different lengths")
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def hashes_pack(hashes: list[bytes]) -> Array:
    """The (N, 4) uint64 array that ``nearest`` searches, fastest with this memory order."""
    rows = np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, HASH_BYTES // 8)
    return np.asfortranarray(rows)


def distances(hashes: Array, query: bytes) -> Array:
    """In how many bits each of (N, 4) uint64 hashes differs from one of 32 bytes; uint16 (N,)."""
    far = np.zeros(len(hashes), np.uint16)
    for place, word in enumerate(np.frombuffer(query, np.uint64)):
        far += np.bitwise_count(hashes[:, place] ^ word)
    return far


def nearest(hashes: Array, query: bytes, limit: int) -> tuple[Array, Array]:
    """Indices and distances of those of (N, 4) uint64 hashes at most ``limit`` bits away.

    Nearest first.
    """
    far = distances(hashes, query)
    found = np.flatnonzero(far <= limit)
    found = found[np.argsort(far[found], kind="stable")]
    return found, far[found].astype(np.int64)


def _decimated(image: Array) -> Array:
    """The filtered luma at 64 x 64 places, float32.

    Filter and decimation are linear and separable: one product with a matrix for each direction
    does both passes, at the places that are kept alone.
    """
    height, width = image.shape[:2]
    down, across = _filter_rows(height), _filter_rows(width)
    columns = np.zeros((_SIDE, width), np.float32)
    for top in range(0, height, _STRIP):
        columns += down[:, top : top + _STRIP] @ _luma(image[top : top + _STRIP])
    small: Array = columns @ across.T
    return small


def _luma(image: Array) -> Array:
    """The brightness of (H, W, 3) uint8 BGR, float32 (H, W) of whole numbers 0 to 255.

    ITU-R BT.601, its weights in parts of 2 ** 15: sums of them are exact in float32.
    """
    parts = image[..., 0] * _BLUE
    parts += image[..., 1] * _GREEN
    parts += image[..., 2] * _RED
    parts += np.float32(2**14)
    parts *= np.float32(2**-15)
    luma: Array = np.floor(parts, out=parts)
    return luma


@lru_cache(maxsize=32)
def _filter_rows(side: int) -> Array:
    """The (64, side) weights with which the pixels of a line make its 64 places, float32."""
    window = -(-side // (2 * _SIDE))
    # An even window reaches one further forward than back; at an edge it covers what is there.
    back = window - (window + 2) // 2
    at = np.arange(side)
    first = np.maximum(at - back, 0)
    last = np.minimum(at - back + window, side)
    places = ((np.arange(_SIDE) + 0.5) * side / _SIDE).astype(int)
    inside = (first[places, None] <= at) & (at < last[places, None])
    once = inside / (last - first)[places, None]
    # The first pass: each pixel gets the shares of all windows that cover it.
    sums = np.pad((once / (last - first)).cumsum(axis=1), ((0, 0), (1, 0)))
    start = np.clip(at + back - window + 1, 0, side)
    end = np.clip(at + back + 1, 0, side)
    return (sums[:, end] - sums[:, start]).astype(np.float32)


def _low_frequencies(small: Array) -> Array:
    """The (16, 16) coefficients of frequencies 1 to 16, down and across."""
    return _DCT @ small @ _DCT.T


def _dct() -> Array:
    frequency = np.arange(1, _KEPT + 1)[:, None]
    place = 2 * np.arange(_SIDE) + 1
    waves = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * place)
    return waves.astype(np.float32)


_DCT = _dct()


def _bits(coefficients: Array) -> bytes:
    flat = coefficients.ravel()
    median = np.partition(flat, flat.size // 2 - 1)[flat.size // 2 - 1]
    return np.packbits(flat[::-1] > median).tobytes()


def _quality(small: Array) -> int:
    """The sum of all steps between neighbours, in whole hundredths of the grey scale."""
    steps = [np.diff(small, axis=axis) * np.float32(100 / 255) for axis in (0, 1)]
    total = sum(int(np.abs(np.trunc(step)).sum()) for step in steps)
    return min(100, total // _GRADIENTS_PER_QUALITY)
