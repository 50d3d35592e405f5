"""Writing the mark."""
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import pattern
from .code import id_encode
from .texture import detail_of, grid_luma

Array = npt.NDArray[Any]

BASE, SLOPE, MOST = 0.75, 0.30, 4.5
PSNR = 41.0
RESIST = 1.0
LO, HI = 0.3, 2.2
FLOOR = 1.0
STRENGTH = 1.0

def highpass():
    f = pattern.RADII / pattern.PERIOD
    return 1 - np.exp(-2 * (np.pi * 2.0 * f) ** 2)

def ring_weights(native, side):
    nyq_half = 24 * native / side
    r = pattern.RADII
    w = np.clip(1.35 * nyq_half / r, 0, 1) ** 1.5
    return np.clip(w, 0.25, 1)

def mask_of(strength):
    return np.clip(BASE + SLOPE * strength, 0, MOST)

def watermark_embed(image: Array, mark_id: int) -> Array:
    H, W = image.shape[:2]
    side = pattern.grid_side(W, H)
    luma = grid_luma(image, side)
    h, w = luma.shape
    detail, strength = detail_of(luma)
    # strength under a smooth minimum, so edges do not ring into skin
    mask = mask_of(cv2.erode(strength, np.ones((7, 7))) if False else strength)
    norm = 1 / (strength + FLOOR)
    sym = pattern.symbols(id_encode(mark_id))
    weights = ring_weights((W * H) ** 0.5, side)
    host = pattern.carriers_of(pattern.fold(detail * norm))
    # gain of unit-rms tile
    gain = float((mask * norm).sum()) * highpass() / pattern.PERIOD**2
    amp = weights * pattern.PERIOD**2 / np.sqrt(2 * (weights**2).sum())
    u = host / (gain * amp)
    out = np.empty_like(sym)
    p = pattern.IS_PILOT
    up = np.real(u[p] * sym[p].conj())
    out[p] = sym[p] * np.clip(1 - RESIST * up, LO, HI)
    d = ~p
    s2 = np.float32(2**0.5)
    br, bi = sym[d].real * s2, sym[d].imag * s2
    re = br * np.clip(1 - RESIST * u[d].real * br * s2, LO, HI)
    im = bi * np.clip(1 - RESIST * u[d].imag * bi * s2, LO, HI)
    out[d] = (re + 1j * im) / s2
    tile = pattern.tile_of(out * amp)
    tile /= np.sqrt((tile**2).mean())
    delta = pattern.repeat(tile, w, h) * mask * STRENGTH
    rms = float(np.sqrt((delta**2).mean()))
    most = 255 * 10 ** (-PSNR / 20)
    if rms > most:
        delta *= most / rms
    delta = cv2.resize(delta, (W, H), interpolation=cv2.INTER_CUBIC if side / (W*H)**.5 < 1 else cv2.INTER_AREA)
    delta = np.rint(delta).astype(np.int16)
    return cv2.add(image, cv2.merge([delta, delta, delta]), dtype=cv2.CV_8U)
