"""Writing the mark."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import pattern, sync
from .code import id_encode
from .read import band_amplitudes, find_upright, sides_of
from .texture import Texture, detail_response, luma_on_grid, texture_of

Array = npt.NDArray[Any]

_LEAST_PSNR = 41.0
"""In dB, of the mark alone; rounding and an older mark taken away cost the rest down to 40."""

_FULL_STRENGTH_UP_TO, _LEAST_SHARE = 650.0, 0.6
"""Large pictures carry more, and show it in coarser waves: the mark gets weaker with their side."""

_KNEE, _LEAST_LEVEL = 0.7, 0.2
_NYQUIST = 0.95

_OTHER_GRID_BELOW = 2 * pattern.SMALL_BELOW
"""Root of the pixels: larger pictures were hardly blown up from one marked on the other grid."""

_WORTH_TAKING_OUT = 5.5
"""Peak of the pilots that an older mark must reach; a weaker one does not compete with the new."""

_TRIED = 2
_STRIP_PIXELS = 1 << 20


def watermark_embed(image: Array, mark_id: int) -> Array:
    """A copy of an (H, W, 3) uint8 BGR picture that carries a 64-bit id.

    A mark that the picture already carries is taken out first, also where the picture was resized,
    cropped or mirrored since, so that the new one alone is read. From about 0.1
    megapixels on the mark is reliable; smaller pictures hold what they can, and one below 64 x 64
    pixels, or with a side below 32, comes back as it is.
    """
    symbols = pattern.symbols(id_encode(mark_id))
    height, width = image.shape[:2]
    if pattern.too_small(width, height):
        return image.copy()
    own, other = sides_of(width, height)
    texture = texture_of(luma_on_grid(image, own))
    root = (width * height) ** 0.5
    delta = -_older_mark(texture, own)
    if root < _OTHER_GRID_BELOW:
        older = _older_mark(texture_of(luma_on_grid(image, other)), other)
        delta -= _resized(older, delta.shape)
    if delta.any():
        texture = texture_of(luma_on_grid(image, own) + delta)
    tile = pattern.tile_of(symbols * _levels(root, own))
    mark = pattern.repeat(tile / tile.std(), *delta.shape[::-1]) * texture.strength
    most = 255 * 10 ** (-_LEAST_PSNR / 20) / (float((mark**2).mean()) ** 0.5 + 1e-9)
    share = np.clip((_FULL_STRENGTH_UP_TO / root) ** 0.5, _LEAST_SHARE, 1)
    return _added(image, delta + mark * np.float32(min(1.0, most) * share))


def _older_mark(texture: Texture, side: float) -> Array:
    """What a mark that is there already has added to the luma, on the picture's grid."""
    evidence = texture.evidence
    lattice = sync.Lattice(evidence, coarse=True)
    finding = find_upright(evidence, side, lattice, _TRIED, _WORTH_TAKING_OUT)
    if finding is None:
        return np.zeros_like(texture.detail)
    symbols = pattern.symbols(id_encode(finding.mark_id))
    at = sync.polished(evidence, finding.placement, symbols)
    passed = float((texture.strength * texture.weight).sum()) / (pattern.PERIOD * at.scale) ** 2
    passed_by_carrier = passed * detail_response(pattern.RADII / (pattern.PERIOD * at.scale))
    values = symbols * band_amplitudes(at.carriers, symbols) / passed_by_carrier
    shift = np.exp(-2j * np.pi / pattern.PERIOD * (pattern.CARRIERS @ at.start))
    tile = sync.symmetry_undo(pattern.tile_of(values * shift), at.symmetry)
    spread = sync.tile_spread(tile, texture.detail.shape, at.scale, at.angle)
    return spread * texture.strength


def _resized(plane: Array, shape: tuple[int, ...]) -> Array:
    how = cv2.INTER_AREA if shape[0] < plane.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(plane, shape[::-1], interpolation=how)


def _added(image: Array, delta: Array) -> Array:
    """The picture with a plane of its grid added to all three channels: to its luma alone.

    Strip by strip: a picture of 50 megapixels would take 600 MB at once.
    """
    height, width = image.shape[:2]
    rows, columns = delta.shape
    marked = np.empty_like(image)
    step = max(1, _STRIP_PIXELS // width)
    across, down = columns / width, rows / height
    for top in range(0, height, step):
        strip = image[top : top + step]
        to_grid = np.array(
            [[across, 0, across / 2 - 0.5], [0, down, (top + 0.5) * down - 0.5]], np.float64
        )
        part = cv2.warpAffine(
            delta,
            to_grid,
            (width, len(strip)),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        levels = cv2.add(part, 0.0, dtype=cv2.CV_16S)
        cv2.add(strip, cv2.merge([levels] * 3), dst=marked[top : top + step], dtype=cv2.CV_8U)
    return marked


def _levels(root: float, side: float) -> Array:
    """The (C,) relative amplitudes of the carriers in a picture of root**2 pixels.

    Small pictures put more into what a copy of half their size can still show.
    """
    shown = pattern.PERIOD * root / (2 * side)
    levels = np.clip(_KNEE * shown / 2 / pattern.RADII, _LEAST_LEVEL, 1)
    return levels * (_NYQUIST * shown > pattern.RADII)
