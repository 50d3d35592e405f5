"""Reading the mark.

Why there are no false ids: a picture is decoded at most DECODED_AT_MOST times, and a decoding that
has nothing to do with a mark passes the 32-bit check value with probability 2**-32. That makes
3.3e-9 a picture, and 3.3e-5 for at least one false id in 10,000, before the pilots' peak, which
almost no unmarked picture reaches, is even asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import pattern, sync
from .code import CODE_BITS, ids_decode
from .sync import Lattice, Placement
from .texture import luma_on_grid, texture_of

Array = npt.NDArray[Any]

_OWN = (1.0, 0.0)
"""The geometry of a picture's own grid. It is tried first: the newest mark lies there, while what
is left of older ones may lie elsewhere."""

_UPRIGHT, _TURNED, _TRIED = 4, 4, 3
DECODED_AT_MOST = 2 * (1 + _TRIED) + 2 * _TRIED

_WORTH_REFINING, _WORTH_DECODING = 3.8, 5.0
"""Peaks below are not worth the time; marks that can still be read start at about 6."""

_BANDS = 12


@dataclass(frozen=True)
class MarkReading:
    """A mark that was read, and where."""

    mark_id: int
    side: float
    placement: Placement


def watermark_read(image: Array) -> int | None:
    """The id in an (H, W, 3) uint8 BGR picture, None where there is none or it is past reading."""
    height, width = image.shape[:2]
    if pattern.too_small(width, height):
        return None
    seen = []
    for side in sides_of(width, height):
        plane = texture_of(luma_on_grid(image, side)).evidence
        lattice = Lattice(plane)
        seen.append((plane, lattice))
        for mark_id, _ in _decoded(plane, [_OWN]):
            return mark_id
    searches = (lambda lattice: lattice.upright(_UPRIGHT), lambda lattice: lattice.turned(_TURNED))
    for search in searches:
        read = [each for plane, lattice in seen for each in _decoded(plane, search(lattice))]
        if read:
            return max(read, key=lambda each: each[1].peak)[0]
    return None


def sides_of(width: int, height: int) -> tuple[float, float]:
    """Both grids, first the one that a picture of this size is marked on."""
    own = pattern.grid_side(width, height)
    other = pattern.SIDE + pattern.SMALL_SIDE - own
    return own, other


def find_upright(
    plane: Array, side: float, lattice: Lattice, count: int, worth: float
) -> MarkReading | None:
    """The mark in the evidence of a picture that may be resized, cropped or mirrored.

    ``count`` geometries are tried; where the pilots' peak stays below ``worth`` no time is spent.
    """
    for mark_id, placement in _decoded(plane, [_OWN], worth):
        return MarkReading(mark_id, side, placement)
    for mark_id, placement in _decoded(plane, lattice.upright(count), worth):
        return MarkReading(mark_id, side, placement)
    return None


def _decoded(
    plane: Array, geometries: Iterable[tuple[float, float]], worth: float = _WORTH_REFINING
) -> Iterator[tuple[int, Placement]]:
    """Each id that passes its check, the clearest pilots first."""
    rough = sorted(sync.placements(plane, geometries), key=_peak, reverse=True)
    fine = [sync.refined(plane, each) for each in rough[:_TRIED] if each.peak >= worth]
    for placement in sorted(fine, key=_peak, reverse=True):
        if placement.peak < _WORTH_DECODING:
            return
        mark_id = ids_decode(soft_bits(placement.carriers)[None])[0]
        if mark_id is not None:
            yield mark_id, placement


def _peak(placement: Placement) -> float:
    return placement.peak


def soft_bits(carriers: Array) -> Array:
    """The (384,) soft channel bits in (C,) carriers, each weighed by how clear its band is."""
    pilots = carriers[pattern.IS_PILOT] * pattern.PILOTS.conj()
    amplitude = np.maximum(_band_means(pilots.real, BAND[pattern.IS_PILOT]), 0)
    power = _band_means(np.abs(carriers) ** 2, BAND)
    # Few pilots can make a band look better than it is.
    noise = np.maximum(power - amplitude**2, 0.1 * power) + 1e-20
    data = carriers[~pattern.IS_PILOT] * (amplitude / noise)[BAND[~pattern.IS_PILOT]]
    parts = np.stack([data.real, data.imag], axis=1).reshape(-1)
    return np.bincount(pattern.SLOT_BIT, parts * pattern.SLOT_SIGN, CODE_BITS)


BAND = np.arange(len(pattern.CARRIERS)) * _BANDS // len(pattern.CARRIERS)


def band_amplitudes(carriers: Array, values: Array) -> Array:
    """The (C,) strength of known carrier values in what was found, one figure per band."""
    along = (carriers * values.conj()).real
    return np.maximum(_band_means(along, BAND), 0)[BAND]


def _band_means(values: Array, bands: Array) -> Array:
    return np.bincount(bands, values, _BANDS) / np.bincount(bands, minlength=_BANDS)
