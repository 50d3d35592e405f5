"""Finding and reading the mark."""
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import pattern
from .code import CODE_BITS, ids_decode
from .texture import detail_of, grid_luma

Array = npt.NDArray[Any]
FLOOR = 1.0
SMALLEST, LARGEST, STEP = 0.6, 3.2, 0.0025
DEBUG = False

def spectrum_power(plane):
    h, w = plane.shape
    n = cv2.getOptimalDFTSize(max(h, w, 900))
    padded = np.zeros((n, n), np.float32)
    padded[:h, :w] = plane
    f = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT)
    power = f[..., 0] ** 2 + f[..., 1] ** 2
    return power, n

def comb(plane):
    power, n = spectrum_power(plane)
    # both halves are equal: rows 0..R, columns -R..R
    R = n // 2 - 1
    power = np.roll(power, R, axis=1)[: R + 1, : 2 * R + 1]
    power = cv2.blur(power, (3, 3))
    local = cv2.blur(power, (25, 25))
    contrast = np.minimum(power / (local + 1e-6), 6.0)
    return contrast, n, R

def scale_scores(contrast, n, R, scales, angle):
    c, s = np.cos(angle), np.sin(angle)
    k = pattern.CARRIERS / pattern.PERIOD * n
    x = k[:, 0] * c - k[:, 1] * s
    y = k[:, 0] * s + k[:, 1] * c
    neg = y < 0
    x = np.where(neg, -x, x); y = np.abs(y)
    xs = np.rint(x[None] / scales[:, None]).astype(np.int32) + R
    ys = np.rint(y[None] / scales[:, None]).astype(np.int32)
    inside = (xs >= 0) & (xs <= 2 * R) & (ys <= R)
    v = contrast[np.minimum(ys, R), np.clip(xs, 0, 2 * R)] - 1
    v *= inside
    return v.sum(axis=1) / np.sqrt(inside.sum(axis=1))

def variants(tile):
    out = []
    for t in (tile, tile.T):
        out += [t, t[::-1], t[:, ::-1], t[::-1, ::-1]]
    return np.stack(out)

def folded(plane, scale, angle):
    """plane resampled so that the pattern has period PERIOD"""
    h, w = plane.shape
    if scale == 1 and angle == 0:
        return pattern.fold(plane)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    oh, ow = int(h / scale), int(w / scale)
    # dst (x,y) centre-based -> src
    m = np.array([[c, -s, w / 2 - .5 - c * (ow / 2 - .5) + s * (oh / 2 - .5)],
                  [s, c, h / 2 - .5 - s * (ow / 2 - .5) - c * (oh / 2 - .5)]], np.float32)
    return pattern.fold(cv2.warpAffine(plane, m, (ow, oh), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))

FINE = 2
def pilot_peaks(tiles):
    """best offset and z of each of (B,P,P) tiles"""
    F = pattern.carriers_of(tiles)
    n = pattern.PERIOD * FINE
    at = pattern.CARRIERS[pattern.IS_PILOT]
    S = np.zeros((len(tiles), n, n), np.complex64)
    v = F[:, pattern.IS_PILOT]
    # whiten by rings
    mag = np.abs(v)
    v = v / (ring_mean(mag) + 1e-9)
    v = v * pattern.PILOTS.conj()
    S[:, at[:, 1] % n, at[:, 0] % n] = v
    m = np.fft.ifft2(S).real * n * n
    flat = m.reshape(len(tiles), -1).argmax(axis=1)
    z = m.reshape(len(tiles), -1).max(axis=1) / np.sqrt((np.abs(v)**2).sum(axis=1) / 2)
    oy, ox = np.divmod(flat, n)
    return F, ox / FINE, oy / FINE, z

KSMOOTH = np.ones(15) / 15
def ring_mean(mag):
    k = len(KSMOOTH)
    p = np.pad(mag, ((0, 0), (k // 2, k // 2)), mode='edge')
    c = np.cumsum(np.pad(p, ((0, 0), (1, 0))), axis=1)
    return (c[:, k:] - c[:, :-k]) / k

BANDS = np.minimum((np.arange(len(pattern.CARRIERS)) * 12) // len(pattern.CARRIERS), 11)
def soft_bits(F, ox, oy):
    """F (C,), offset -> (384,) soft"""
    ramp = np.exp(2j * np.pi * (pattern.CARRIERS @ np.array([ox, oy])) / pattern.PERIOD)
    G = F * ramp
    p = pattern.IS_PILOT
    along = np.zeros(len(G), np.float32)
    along[p] = np.real(G[p] * pattern.PILOTS.conj())
    amp = np.zeros(12); power = np.zeros(12)
    for b in range(12):
        inb = BANDS == b
        amp[b] = along[inb & p].mean()
        power[b] = (np.abs(G[inb]) ** 2).mean()
    amp = np.maximum(amp, 0)
    noise = np.maximum(power - amp**2, 0.1 * power) + 1e-12
    w = (amp / noise)[BANDS[~p]]
    g = G[~p] * w
    parts = np.empty(2 * len(g), np.float32)
    parts[0::2] = g.real; parts[1::2] = g.imag
    return np.bincount(pattern.SLOT_BIT, parts * pattern.SLOT_SIGN, minlength=CODE_BITS)

def watermark_read(image, info=None):
    plane, strength = detail_of(grid_luma(image, pattern.SIDE))
    plane = plane / (strength + FLOOR)
    contrast, n, R = comb(plane)
    scales = np.exp(np.arange(np.log(SMALLEST), np.log(LARGEST), STEP))
    scores = scale_scores(contrast, n, R, scales, 0.0)
    order = np.argsort(-scores)
    cands = [(1.0, 0.0), (2.0, 0.0)]
    for i in order:
        if all(abs(np.log(scales[i] / s)) > 2.5 * STEP for s, _ in cands[2:]):
            cands.append((scales[i], 0.0))
        if len(cands) >= 6: break
    found = attempt(plane, cands, info)
    if found is not None:
        return found
    angles = np.deg2rad(np.concatenate([np.arange(-6, 6.01, 0.25)]))
    sub = scales
    allscores = np.stack([scale_scores(contrast, n, R, sub, a) for a in angles])
    cands = []
    for i in np.argsort(-allscores, axis=None)[:200]:
        a, s = np.unravel_index(i, allscores.shape)
        if all(abs(np.log(sub[s] / c[0])) > 2.5 * STEP or abs(angles[a] - c[1]) > np.deg2rad(.6) for c in cands):
            cands.append((sub[s], angles[a]))
        if len(cands) >= 4: break
    return attempt(plane, cands, info)

def attempt(plane, cands, info):
    best = []
    for s, a in cands:
        F, ox, oy, z = pilot_peaks(variants(folded(plane, s, a)))
        i = int(z.argmax())
        best.append((z[i], s, a, i, F[i], ox[i], oy[i]))
    best.sort(key=lambda b: -b[0])
    for b in best[:3]:
        b = refine(plane, b)
        if info is not None: info.append((round(float(b[0]), 2), round(float(b[1]), 4), round(float(np.rad2deg(b[2])),2), b[3]))
        if b[0] < 5: continue
        got = ids_decode(soft_bits(b[4], b[5], b[6])[None])[0]
        if got is not None:
            return got
    return None

def refine(plane, b):
    for ds, da in ((0.0012, 0.0012), (0.0006, 0.0006)):
        trials = [b]
        for s, a in ((b[1] * (1 + ds), b[2]), (b[1] * (1 - ds), b[2]), (b[1], b[2] + da), (b[1], b[2] - da)):
            F, ox, oy, z = pilot_peaks(variants(folded(plane, s, a))[b[3]][None])
            trials.append((z[0], s, a, b[3], F[0], ox[0], oy[0]))
        b = max(trials, key=lambda t: t[0])
    return b
