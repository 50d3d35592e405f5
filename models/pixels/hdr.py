"""HDR pictures as they are seen on a page: PQ and HLG to sRGB, by one measured table."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.pixels.colour_spaces import HLG, PQ, conversion

_FloatArray = NDArray[np.float32]

# How bright a page shows what is meant to be of that many candela a square metre, for the brightest
# channel in BT.2020, the others keeping their ratio to it: half of it up to the reference white of
# BT.2408 (203), then ever less up to 1,000. Measured on a grey scale in Chromium 156; random
# colours in three colour spaces, PQ and HLG, come out within 0.3 of 255 of Chromium on average
# (tests/browser/test_colour.py asks it again).
_SEEN: Final = np.array(
    [
        (0, 0.0), (203, 0.4983), (230, 0.5572), (260, 0.5999), (300, 0.6524), (350, 0.6994),
        (400, 0.7409), (460, 0.7854), (530, 0.8238), (610, 0.8633), (700, 0.9031), (800, 0.9431),
        (900, 0.9716), (1000, 1.0),
    ],
    np.float32,
)  # fmt: skip
_BT709: Final = 1
_BT2020: Final = 9
_BT2020_LUMA: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)
_HLG_PEAK: Final = 1000.0
_HLG_GAMMA: Final = 1.2
_STEPS: Final = 4095


def hdr_to_srgb(image: NDArray[np.uint8], primaries: int, transfer: int) -> NDArray[np.uint8]:
    """How a picture in PQ or HLG looks on a page.

    PQ is SMPTE ST 2084; HLG is ITU-R BT.2100 on a screen of 1,000 cd/m2.

    Args:
        image: uint8 (H, W, 3) RGB, full range.
        primaries: as ITU-T H.273 numbers them.
        transfer: `colour_spaces.PQ` or `HLG`.

    Returns:
        uint8 (H, W, 3) RGB in sRGB.

    Raises:
        KeyError: the primaries are not known.
        ValueError: the transfer function is neither.
    """
    if transfer not in {PQ, HLG}:
        raise ValueError(f"transfer function {transfer} is no HDR")
    wide = np.array(conversion(primaries, _BT2020), np.float32)
    narrow = np.array(conversion(_BT2020, _BT709), np.float32)
    numbers = np.arange(256) / 255
    light = (_pq_nits(numbers) if transfer == PQ else _hlg_light(numbers)).astype(np.float32)
    nits = light[image] @ wide.T
    if transfer == HLG:
        scene = np.maximum(nits @ _BT2020_LUMA, 1e-6)
        nits *= (_HLG_PEAK * scene ** (_HLG_GAMMA - 1))[..., None]
    brightest = np.maximum(nits.max(axis=2), 1e-6)
    gain = np.interp(brightest, _SEEN[:, 0], _SEEN[:, 1]).astype(np.float32) / brightest
    seen = np.clip((nits * gain[..., None]) @ narrow.T, 0, 1)
    # By the root of the light, so that dark tones get as many steps as bright ones.
    curve = np.round(255 * _srgb((np.arange(_STEPS + 1) / _STEPS) ** 2)).astype(np.uint8)
    place = np.round(np.sqrt(seen) * _STEPS).astype(np.uint16)
    converted: NDArray[np.uint8] = curve[place]
    return converted


def _pq_nits(number: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, equation 4.1."""
    root = number ** (1 / 78.84375)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    nits: NDArray[np.float64] = 10_000 * light ** (1 / 0.1593017578125)
    return nits


def _hlg_light(number: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-R BT.2100, table 5: light of the scene from 0 to 1."""
    bright = (np.exp((number - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(number <= 0.5, number * number / 3, bright)


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
