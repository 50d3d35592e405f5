"""Finding the pattern in a picture that was resized, cropped, mirrored or turned.

The mark's energy lies on a square lattice of frequencies, so that the power spectrum shows where
scale and angle are right, whatever the data and wherever the tile starts (compare the
template of Pereira and Pun, IEEE Transactions on Image Processing, 2000). With these the tiles are
summed, and the pilots' correlation tells where the tile starts and which of the eight
symmetries of the square was applied: the lattice looks alike in all of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import pattern

Array = npt.NDArray[Any]

_SCALES = np.exp(np.arange(np.log(0.6), np.log(1.7), 0.0025))
"""Size of the pattern in the picture's own grid: 1 unless cropped (more) or framed (less)."""

_ANGLES = np.deg2rad(np.arange(-6, 6.01, 0.25))
_ROUGH = slice(None, None, 2)
"""While angles are tried, half the carriers and half the scales do."""

_COARSE_RADIUS, _COARSE_LEAST_SCALE = 16.0, 0.75

_SPECTRUM_MARGIN = 1.15
_PEAK = 3
_NEIGHBOURHOOD = 25
_CONTRAST_LIMIT = 6.0

_ROUGH_STEPS, _FINE_STEPS = 1, 2
"""Steps of the pilots' correlation per grid pixel: to choose a geometry, and for the chosen one."""

_RING = 15
_REFINEMENTS = (0.0012, 0.0006)
_POLISHINGS = (0.0006, 0.0003, 0.00015)


@dataclass(frozen=True)
class Placement:
    """How the pattern lies in a plane, and its carriers as found there."""

    scale: float
    angle: float
    """In radians."""

    symmetry: int
    """Index into the eight symmetries of the square."""

    start: tuple[float, float]
    """Where the tile starts (x, y), in pixels of the pattern."""

    peak: float
    """The pilots' correlation over its standard deviation: below about 5.5 it may be chance."""

    carriers: Array
    """(C,) complex, the shift by ``start`` undone."""


class Lattice:
    """The power spectrum of a plane, as contrast to its neighbourhood."""

    def __init__(self, plane: Array, coarse: bool = False) -> None:
        """``coarse`` looks at the lower carriers alone: a quarter of the work, less sure."""
        self._carriers, self._unit, self._scales = pattern.CARRIERS, 1.0, _SCALES
        if coarse:
            plane = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self._carriers = pattern.CARRIERS[pattern.RADII < _COARSE_RADIUS]
            self._unit = 2.0
            self._scales = _SCALES[_SCALES > _COARSE_LEAST_SCALE]
        self._size = cv2.getOptimalDFTSize(int(max(plane.shape) * _SPECTRUM_MARGIN))
        padded = np.zeros((self._size, self._size), np.float32)
        padded[: plane.shape[0], : plane.shape[1]] = plane
        spectrum = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=plane.shape[0])
        power = np.fft.fftshift(spectrum[..., 0] ** 2 + spectrum[..., 1] ** 2)
        power = cv2.blur(power, (_PEAK, _PEAK))
        around = cv2.blur(power, (_NEIGHBOURHOOD, _NEIGHBOURHOOD)) + np.float32(1e-12)
        self._contrast = np.minimum(power / around, _CONTRAST_LIMIT).ravel()

    def _scores(self, carriers: Array, scales: Array, angle: float) -> Array:
        """The mean contrast on a lattice of each scale, turned by one angle."""
        cos, sin = np.cos(angle), np.sin(angle)
        turned = (carriers @ np.array([[cos, sin], [-sin, cos]])).astype(np.float32)
        wide = turned * np.float32(self._unit * self._size / pattern.PERIOD)
        at = np.rint(wide[None] / scales.astype(np.float32)[:, None, None]).astype(np.int32)
        centre = self._size // 2
        index = (at[..., 1] + centre) * self._size + at[..., 0] + centre
        scores: Array = self._contrast[index].mean(axis=1)
        return scores

    def upright(self, count: int) -> list[tuple[float, float]]:
        """The likeliest (scale, angle) of a picture that was not turned."""
        scores = self._scores(self._carriers, self._scales, 0.0)
        return list(_apart(scores[None], self._scales, np.zeros(1), count))

    def turned(self, count: int) -> list[tuple[float, float]]:
        """The likeliest (scale, angle) of any picture."""
        scales = self._scales[_ROUGH]
        carriers = self._carriers[_ROUGH]
        scores = np.stack([self._scores(carriers, scales, angle) for angle in _ANGLES])
        return list(_apart(scores, scales, _ANGLES, count))


def _apart(
    scores: Array, scales: Array, angles: Array, count: int
) -> Iterator[tuple[float, float]]:
    """The best (scale, angle) of (angles, scales) scores, no two on the same hill."""
    chosen: list[tuple[float, float]] = []
    for flat in np.argsort(-scores, axis=None):
        row, column = np.unravel_index(flat, scores.shape)
        here = float(scales[column]), float(angles[row])
        if all(
            abs(np.log(here[0] / scale)) > 0.006 or abs(here[1] - angle) > 0.01
            for scale, angle in chosen
        ):
            chosen.append(here)
            yield here
        if len(chosen) == count:
            return


def placements(plane: Array, geometries: Iterable[tuple[float, float]]) -> list[Placement]:
    """For each (scale, angle) where the pilots fit best."""
    found = []
    for scale, angle in geometries:
        tile = tiles_summed(plane, scale, angle)
        tiles = np.stack([symmetry_apply(tile, symmetry) for symmetry in range(8)])
        found.append(_placed(tiles, range(8), scale, angle, _ROUGH_STEPS))
    return found


def refined(plane: Array, placement: Placement) -> Placement:
    """The placement with scale and angle where the pilots' peak is highest."""
    placement = _placed_as(plane, placement, placement.scale, placement.angle)
    for step in _REFINEMENTS:
        scale, angle = placement.scale, placement.angle
        for near_scale, near_angle in _around(scale, angle, step):
            near = _placed_as(plane, placement, near_scale, near_angle)
            placement = max(placement, near, key=lambda each: each.peak)
    return placement


def polished(plane: Array, placement: Placement, values: Array) -> Placement:
    """The placement as exactly as all carriers can tell it, once their values are known.

    A picture on its own grid lies there exactly; elsewhere a quarter of a pixel matters to whoever
    wants to take the pattern out again.
    """
    if (
        placement.symmetry == 0
        and abs(placement.scale - 1) < 0.003
        and abs(placement.angle) < 0.003
    ):
        x, y = ((each + pattern.PERIOD / 2) % pattern.PERIOD for each in placement.start)
        if abs(x - pattern.PERIOD / 2) < 1 and abs(y - pattern.PERIOD / 2) < 1:
            carriers = pattern.carriers_of(pattern.fold(plane))
            return replace(placement, scale=1.0, angle=0.0, start=(0.0, 0.0), carriers=carriers)
    placement = _shifted(plane, placement, values, placement.scale, placement.angle)
    for step in _POLISHINGS:
        scale, angle = placement.scale, placement.angle
        for near_scale, near_angle in _around(scale, angle, step):
            near = _shifted(plane, placement, values, near_scale, near_angle)
            placement = max(placement, near, key=lambda each: each.peak)
    return placement


def _shifted(
    plane: Array, known: Placement, values: Array, scale: float, angle: float
) -> Placement:
    """The placement with its start as the phases of known values tell it, and their fit as peak."""
    tile = symmetry_apply(tiles_summed(plane, scale, angle), known.symmetry)
    raw = pattern.carriers_of(tile)
    raw = raw / (_running_mean(np.abs(raw)[None])[0] + 1e-20)
    start = np.array(known.start)
    for _ in range(2):
        turn = np.exp(2j * np.pi / pattern.PERIOD * (pattern.CARRIERS @ start))
        phase = raw * turn * values.conj()
        # Im = -(2 pi / P) k . (true start - start), in the mean, for small differences.
        slope = -2 * np.pi / pattern.PERIOD * pattern.CARRIERS * phase.real.mean()
        start = start + np.linalg.lstsq(slope, phase.imag, rcond=None)[0]
    turn = np.exp(2j * np.pi / pattern.PERIOD * (pattern.CARRIERS @ start))
    fit = float((raw * turn * values.conj()).real.sum())
    carriers = pattern.carriers_of(tile) * turn
    return replace(
        known,
        scale=scale,
        angle=angle,
        start=(float(start[0]), float(start[1])),
        peak=fit,
        carriers=carriers,
    )


def _around(scale: float, angle: float, step: float) -> tuple[tuple[float, float], ...]:
    """The four neighbours of a geometry."""
    return (
        (scale * (1 + step), angle),
        (scale * (1 - step), angle),
        (scale, angle + step),
        (scale, angle - step),
    )


def _placed_as(plane: Array, known: Placement, scale: float, angle: float) -> Placement:
    """The best start where the symmetry is known."""
    tile = symmetry_apply(tiles_summed(plane, scale, angle), known.symmetry)
    return _placed(tile[None], (known.symmetry,), scale, angle, _FINE_STEPS)


def tiles_summed(plane: Array, scale: float, angle: float) -> Array:
    """The (PERIOD, PERIOD) sum of the tiles of a plane whose pattern has this scale and angle."""
    if (scale, angle) == (1, 0):
        return pattern.fold(plane)
    matrix, size = _to_plane(plane.shape, scale, angle)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return pattern.fold(cv2.warpAffine(plane, matrix, size, flags=flags))


def tile_spread(tile: Array, shape: tuple[int, ...], scale: float, angle: float) -> Array:
    """The reverse of ``tiles_summed``: a plane of this shape filled with the tile."""
    if (scale, angle) == (1, 0):
        return pattern.repeat(tile, shape[1], shape[0])
    matrix, size = _to_plane(shape, scale, angle)
    return cv2.warpAffine(pattern.repeat(tile, *size), matrix, shape[1::-1], flags=cv2.INTER_CUBIC)


def symmetry_apply(tile: Array, symmetry: int) -> Array:
    """One of the eight symmetries of the square: transposed from 4 on, then two bits of flips."""
    turned = tile.T if symmetry & 4 else tile
    return turned[:: -1 if symmetry & 2 else 1, :: -1 if symmetry & 1 else 1]


def symmetry_undo(tile: Array, symmetry: int) -> Array:
    """What ``symmetry_apply`` made this of."""
    flipped = symmetry_apply(tile, symmetry & 3)
    return flipped.T if symmetry & 4 else flipped


def _to_plane(shape: tuple[int, ...], scale: float, angle: float) -> tuple[Array, tuple[int, int]]:
    """The (2, 3) map from pixels of the pattern to those of a plane, and the pattern's (w, h).

    Turned planes lose the corners that stick out: not worth summing more tiles for.
    """
    height, width = shape[:2]
    size = int(np.ceil(width / scale)), int(np.ceil(height / scale))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    centre = np.array([width - 1, height - 1]) / 2 - turn @ (np.array(size) - 1) / 2
    return np.column_stack([turn, centre]), size


def _placed(
    tiles: Array, symmetries: Iterable[int], scale: float, angle: float, steps: int
) -> Placement:
    """The best start and symmetry for (B, PERIOD, PERIOD) sums of tiles, one per symmetry."""
    carriers = pattern.carriers_of(tiles)
    pilots = carriers[:, pattern.IS_PILOT]
    # A few strong frequencies of the picture would otherwise outvote all others.
    pilots = pilots / (_running_mean(np.abs(pilots)) + 1e-20)
    size = steps * pattern.PERIOD
    at = pattern.CARRIERS[pattern.IS_PILOT]
    spectrum = np.zeros((len(tiles), size, size), np.complex64)
    spectrum[:, at[:, 1] % size, at[:, 0] % size] = pilots * pattern.PILOTS.conj()
    fit = np.fft.ifft2(spectrum, norm="forward").real.reshape(len(tiles), -1)
    spread = np.sqrt((np.abs(pilots) ** 2).sum(axis=1) / 2) + 1e-20
    peaks = fit.max(axis=1) / spread
    best = int(peaks.argmax())
    y, x = divmod(int(fit[best].argmax()), size)
    start = x / steps, y / steps
    shift = np.exp(2j * np.pi / pattern.PERIOD * (pattern.CARRIERS @ start))
    return Placement(
        scale, angle, tuple(symmetries)[best], start, float(peaks[best]), carriers[best] * shift
    )


def _running_mean(values: Array) -> Array:
    """The mean of each value and its neighbours along the last axis, which goes up in frequency."""
    edge = _RING // 2
    padded = np.pad(values, ((0, 0), (edge + 1, edge)), mode="edge").astype(np.float64)
    sums = padded.cumsum(axis=1)
    return (sums[:, _RING:] - sums[:, :-_RING]) / _RING
