"""The mark as a periodic pattern: which spatial frequency carries what.

The pattern is a tile of PERIOD x PERIOD grid pixels, repeated. All its energy therefore lies at
multiples of 1/PERIOD cycles per grid pixel; those between two radii are its carriers (orthogonal
frequency-division multiplexing in two dimensions). Every sixth carrier is a pilot of known phase,
which tells where the tile starts; each of the others holds two channel bits, one in its real and
one in its imaginary part.

The grid belongs to the picture as a whole: it has SIDE**2 pixels, whatever the stored size, so that
a resized copy keeps its grid.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from .code import CODE_BITS

Array = npt.NDArray[Any]

PERIOD = 96
LOWEST, HIGHEST = 5.0, 24.0
"""Radii of the carriers, in periods per tile: wave lengths of 19.2 down to 4 grid pixels."""

SIDE = 768.0
SMALL_SIDE = 384.0
"""The grid's side, and that of small pictures, which have no room for so fine a pattern."""

SMALL_BELOW = 400.0
"""Root of the number of pixels below which a picture is small."""

_LEAST_SIDE, _LEAST_ROOT = 32, 64.0
"""Shortest side of a picture that can carry a mark, and least root of its number of pixels."""

PILOT_EVERY = 6


def too_small(width: int, height: int) -> bool:
    """Whether a picture of this size cannot carry a mark at all."""
    return min(width, height) < _LEAST_SIDE or (width * height) ** 0.5 < _LEAST_ROOT


def grid_side(width: int, height: int) -> float:
    """Root of the number of grid pixels of a picture."""
    return SMALL_SIDE if (width * height) ** 0.5 < SMALL_BELOW else SIDE


def _carriers() -> Array:
    """(C, 2) integer frequencies (kx, ky) of one half plane, lowest first."""
    reach = int(HIGHEST)
    ky, kx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.hypot(kx, ky)
    half = (ky > 0) | ((ky == 0) & (kx > 0))
    inside = half & (radius >= LOWEST) & (radius <= HIGHEST)
    found = np.stack([kx[inside], ky[inside]], axis=1)
    return found[np.lexsort((found[:, 1], found[:, 0], radius[inside].round(6)))]


def _random_bytes(name: str, count: int) -> Array:
    """The same bytes on every machine and with every release of numpy."""
    return np.frombuffer(hashlib.shake_256(name.encode()).digest(count), np.uint8)


CARRIERS = _carriers()
RADII = np.hypot(CARRIERS[:, 0], CARRIERS[:, 1]).astype(np.float32)
IS_PILOT = np.arange(len(CARRIERS)) % PILOT_EVERY == 0
PILOTS = np.exp(
    2j * np.pi * _random_bytes("faceweb mark: pilot phases", int(IS_PILOT.sum())) / 256
).astype(np.complex64)


def _slots() -> tuple[Array, Array]:
    """Which channel bit (index, sign) each real dimension of the data carriers holds.

    Dimensions go from low to high frequency, and each run of CODE_BITS of them holds every bit once
    in an order of its own: what a blur or a small copy leaves still holds all of them.
    """
    dimensions = 2 * int((~IS_PILOT).sum())
    runs = -(-dimensions // CODE_BITS)
    order = [
        _random_bytes(f"faceweb mark: order {run}", 4 * CODE_BITS)
        .view("<u4")
        .argsort(kind="stable")
        for run in range(runs)
    ]
    signs = 1 - 2 * (_random_bytes("faceweb mark: signs", dimensions) & 1).astype(np.int8)
    return np.concatenate(order)[:dimensions], signs


SLOT_BIT, SLOT_SIGN = _slots()


def symbols(code: Array) -> Array:
    """The (C,) complex values of the carriers for channel bits of -1 and 1; each has modulus 1."""
    values = np.empty(len(CARRIERS), np.complex64)
    values[IS_PILOT] = PILOTS
    parts = (code[SLOT_BIT] * SLOT_SIGN).astype(np.float32) / np.float32(2**0.5)
    values[~IS_PILOT] = parts[0::2] + 1j * parts[1::2]
    return values


def carriers_of(tiles: Array) -> Array:
    """The (..., C) complex amplitudes of the carriers in (..., PERIOD, PERIOD) tiles."""
    spectrum = np.fft.fft2(tiles)
    return spectrum[..., CARRIERS[:, 1] % PERIOD, CARRIERS[:, 0] % PERIOD]


def tile_of(amplitudes: Array) -> Array:
    """The (PERIOD, PERIOD) float32 tile with these carriers: ``carriers_of`` gives them back."""
    spectrum = np.zeros((PERIOD, PERIOD), np.complex64)
    spectrum[CARRIERS[:, 1] % PERIOD, CARRIERS[:, 0] % PERIOD] = amplitudes
    spectrum[-CARRIERS[:, 1] % PERIOD, -CARRIERS[:, 0] % PERIOD] = amplitudes.conj()
    return np.fft.ifft2(spectrum).real.astype(np.float32)


def fold(plane: Array) -> Array:
    """The (PERIOD, PERIOD) sum of all tiles of an (H, W) plane, the first at its origin."""
    height, width = plane.shape
    rows, columns = -(-height // PERIOD), -(-width // PERIOD)
    padded = np.zeros((rows * PERIOD, columns * PERIOD), np.float32)
    padded[:height, :width] = plane
    folded: Array = padded.reshape(rows, PERIOD, columns, PERIOD).sum(axis=(0, 2))
    return folded


def repeat(tile: Array, width: int, height: int) -> Array:
    """The tile repeated over a plane of (height, width), the first at its origin."""
    times = -(-height // PERIOD), -(-width // PERIOD)
    return np.tile(tile, times)[:height, :width]
