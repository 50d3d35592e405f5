"""A face laid flat: how its light falls, and whether it wears a beard.

Light is modelled in log as an order-2 spherical-harmonics function of the mesh's normals:
Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps",
SIGGRAPH 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray
from swaps.engines.builtin.classes import Part, certain
from swaps.engines.builtin.tones import LUMA, from_log, to_lab

_LEAST_SKIN: Final = 300.0
_LEAST_ZONE: Final = 40


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """One face in texture coordinates, 160 x 160.

    Attributes:
        shade: float32 (160, 160, 3), its shading in log BGR about the mean.
        uneven: float32 (160, 160, 3), what one half is darker or lighter than the other beyond
            that, such as a cast shadow.
        asymmetry: mean difference of the halves' luminance in log.
        beard: how much of a beard there is, 0 to 1.
        full_beard: whether it covers both halves of the jaw.
    """

    shade: FloatArray
    uneven: FloatArray
    asymmetry: float
    beard: float
    full_beard: bool


def unwrap(
    log: FloatArray,
    classes: FloatArray,
    seen: FloatArray,
    normals: FloatArray,
    across: FloatArray,
    height: FloatArray,
    inside: NDArray[np.bool_],
) -> Unwrapped:
    """Takes the light of a flat face apart.

    Args:
        log: float32 (160, 160, 3), the face in log BGR.
        classes: float32 (160, 160, 10).
        seen: float32 (160, 160), how well the camera saw it.
        normals: float32 (160, 160, 3), z > 0 towards the viewer.
        across, height: float32 (160, 160), x and y of the canonical head in centimetres, y down.
        inside: bool (160, 160), where the face lies.
    """
    sure_skin = certain(classes[..., Part.SKIN]) * seen * inside
    weight = cv2.erode(sure_skin.astype(np.float32), np.ones((7, 7), np.uint8))
    shade, uneven, asymmetry = _light(log, normals, weight, inside)
    clear = (seen > 0.4) & inside
    beard, full = _beard(log, log - shade - uneven, classes, clear, across, height)
    return Unwrapped(shade, uneven, asymmetry, beard, full)


def harmonics(normals: FloatArray) -> FloatArray:
    """The nine functions of order 2 of `normals` (..., 3), float32 (..., 9)."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack(
        [np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], axis=-1
    )


def robust_fit(
    basis: FloatArray, values: FloatArray, weight: FloatArray, ridge: float
) -> NDArray[np.float64]:
    """Coefficients (K, 3) of `values` (N, 3) in `basis` (N, K), without what stands out.

    Tukey's biweight on luminance, sharper on the dark side: hair, brows and shadows are no light.
    """
    a, b, w0 = (part.astype(np.float64) for part in (basis, values, weight))
    w, total = w0.copy(), float(w0.sum())
    prior = np.diag([0.0] + [ridge] * (a.shape[1] - 1))
    coefficients = np.zeros((a.shape[1], b.shape[1]))
    for _ in range(5):
        normal = (a * w[:, None]).T @ a + prior * w.sum() + 1e-6 * total * np.eye(a.shape[1])
        coefficients = np.linalg.solve(normal, (a * w[:, None]).T @ b)
        rest = (b - a @ coefficients) @ LUMA
        known = np.abs(rest[w0 > 0.5])
        scale = max(1.48 * float(np.median(known)) if known.size else 0.2, 0.06)
        reach = np.where(rest < 0, 3.2, 4.4) * scale
        w = w0 * np.clip(1 - (rest / reach) ** 2, 0, 1) ** 2
        if w.sum() < 0.15 * total:
            break
    return coefficients


def _light(
    log: FloatArray, normals: FloatArray, weight: FloatArray, inside: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, float]:
    nothing = np.zeros((*weight.shape, 3), np.float32)
    if weight.sum() < _LEAST_SKIN:
        return nothing, nothing, 0.0
    basis = harmonics(normals)
    known = weight > 0.05
    coefficients = robust_fit(basis[known], log[known], weight[known], ridge=0.04)
    mean = (log[known] * weight[known, None]).sum(axis=0) / weight[known].sum()
    shade = basis @ coefficients.astype(np.float32) - mean
    lum = shade @ LUMA
    tint = np.clip(shade - lum[..., None], -0.25, 0.25)
    shade = (np.clip(lum, -0.9, 0.8)[..., None] + np.float32(0.7) * tint) * inside[..., None]

    rest = np.where(known[..., None], log - shade, 0)
    both = (np.minimum(weight, weight[:, ::-1]) > 0.3).astype(np.float32)
    odd = (rest - rest[:, ::-1]) / 2 * both[..., None]
    # A median of a tenth of the face takes out moles, lashes and wrinkles.
    steps = np.clip(odd * 60 + 128, 0, 255).astype(np.uint8)
    odd = (cv2.medianBlur(steps, 13).astype(np.float32) - 128) / 60
    fade = cv2.GaussianBlur(cv2.erode(both, np.ones((5, 5), np.uint8)), (0, 0), 3)
    odd = cv2.GaussianBlur(odd, (0, 0), 2.0) * np.clip(fade * 1.3, 0, 1)[..., None]
    odd = np.sign(odd) * np.maximum(np.abs(odd) - np.float32(0.04), 0)
    # The darker half is the shadow: it is lifted, the lighter one hardly lowered.
    uneven = np.clip(np.minimum(odd, 0) * 1.6 + np.maximum(odd, 0) * 0.4, -1.1, 0.3)
    whole = (shade + uneven) @ LUMA
    clear = weight > 0.2
    asymmetry = float(np.abs(whole - whole[:, ::-1])[clear].mean()) if clear.any() else 0.0
    soften = 2.2
    return (
        cv2.GaussianBlur(shade.astype(np.float32), (0, 0), soften),
        cv2.GaussianBlur(uneven.astype(np.float32), (0, 0), soften),
        asymmetry,
    )


def _beard(
    log: FloatArray,
    evened: FloatArray,
    classes: FloatArray,
    seen: NDArray[np.bool_],
    across: FloatArray,
    height: FloatArray,
) -> tuple[float, bool]:
    """How much of a beard there is, 0 to 1, and whether it is a full one.

    A shadow is smooth and keeps its colour: a beard is dark after the light is taken out and
    rougher than the cheeks, or, a white one, rougher and without colour.
    """
    no_lip = (classes[..., Part.LIP] < 0.3) & (classes[..., Part.MOUTH] < 0.3)
    off_middle = np.abs(across)
    cheek = seen & (classes[..., Part.SKIN] > 0.7) & (height > -1.5) & (height < 2)
    cheek &= (off_middle > 2.2) & (off_middle < 5.5)
    low = seen & no_lip & (height > 4.2) & (height < 8.2) & (off_middle < 4.5)
    if cheek.sum() < _LEAST_ZONE or low.sum() < _LEAST_ZONE:
        return 0.0, False
    level = evened @ LUMA
    light = from_log(log)
    lightness = to_lab(light)
    roughness = np.abs(lightness[..., 0] - cv2.GaussianBlur(lightness[..., 0], (0, 0), 1.5))
    chroma = np.hypot(lightness[..., 1], lightness[..., 2])
    cheek_rough = max(float(roughness[cheek].mean()), 0.5)
    cheek_chroma = max(float(np.median(chroma[cheek])), 3.0)

    def strength(zone: NDArray[np.bool_]) -> float:
        if zone.sum() < _LEAST_ZONE:
            return 0.0
        dark = float(np.median(level[cheek]) - np.median(level[zone]))
        rough = float(roughness[zone].mean()) / cheek_rough
        pale = 1 - float(np.median(chroma[zone])) / cheek_chroma
        black = max(_ramp(dark, 0.3, 0.8) * _ramp(rough, 0.95, 1.4), _ramp(dark, 1.4, 1.8))
        return max(black, _ramp(rough, 1.2, 1.6) * _ramp(pale, 0.4, 0.6))

    beard = strength(low)
    halves = min(strength(low & (across < 0)), strength(low & (across > 0)))
    return beard, beard > 0.7 and halves > 0.5


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
