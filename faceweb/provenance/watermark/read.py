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

_UPRIGHT, _TURNED, _TRIED = 4, 4, 3
DECODED_AT_MOST = 2 * (1 + _TRIED) + 2 * _TRIED

_WORTH_REFINING, _WORTH_DECODING = 3.8, 5.0
"""Peaks below are not worth the time; marks that can still be read start at about 6."""

_BANDS = 12


@dataclass(frozen=True)
class Finding:
    """A mark that was read, and where."""

    mark_id: int
    side: float
    placement: Placement


def watermark_read(image: Array) -> int | None:
    """The id in an (H, W, 3) uint8 BGR picture, None where there is none or it is past reading."""
    height, width = image.shape[:2]
    if min(height, width) < pattern.LEAST:
        return None
    seen: list[tuple[Array, Lattice]] = []
    for side in sides_of(width, height):
        plane = texture_of(luma_on_grid(image, side)).evidence
        lattice = Lattice(plane)
        finding = find_upright(plane, side, lattice)
        if finding is not None:
            return finding.mark_id
        seen.append((plane, lattice))
    for plane, lattice in seen:
        for mark_id, _ in _decoded(plane, lattice.turned(_TURNED)):
            return mark_id
    return None


def sides_of(width: int, height: int) -> tuple[float, float]:
    """Both grids, first the one that a picture of this size is marked on."""
    own = pattern.grid_side(width, height)
    other = pattern.SIDE + pattern.SMALL_SIDE - own
    return own, other


def find_upright(
    plane: Array, side: float, lattice: Lattice, worth: float = _WORTH_REFINING
) -> Finding | None:
    """The mark in the evidence of a picture that may be resized, cropped or mirrored.

    The picture's own grid goes first: the newest mark lies there, older ones may lie elsewhere.
    Where the pilots' peak stays below ``worth`` no time is spent.
    """
    own, *others = lattice.upright(_UPRIGHT)
    for mark_id, placement in _decoded(plane, [own], worth):
        return Finding(mark_id, side, placement)
    for mark_id, placement in _decoded(plane, others, worth):
        return Finding(mark_id, side, placement)
    return None


def _decoded(
    plane: Array, geometries: Iterable[tuple[float, float]], worth: float = _WORTH_REFINING
) -> Iterator[tuple[int, Placement]]:
    """Each id that passes its check, the clearest pilots first."""
    found = sorted(sync.placements(plane, geometries), key=lambda each: -each.peak)
    for rough in found[:_TRIED]:
        if rough.peak < worth:
            return
        placement = sync.refined(plane, rough)
        if placement.peak < _WORTH_DECODING:
            continue
        mark_id = ids_decode(soft_bits(placement.carriers)[None])[0]
        if mark_id is not None:
            yield mark_id, placement


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
