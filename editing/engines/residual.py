"""Carrying what a generator changes between two faces over to a photo of the real one.

The generator's face only resembles the photo. So not the face is taken but its change: with the
photo's crop A, the generator's face before and after the edit G0 and G1, and a mask M,

    A' = A + M (G1 - G0)

keeps every detail of A, and is A where nothing changes. Where the edit moves something, a plain
difference would draw it twice. There the crop itself is moved, and only what motion does not
explain is added (compare Yildirim et al., "Warping the residuals for image editing with StyleGAN",
arXiv:2312.11422). With the motion f, G1(p) = G0(p + f(p)) as far as it goes, and the registration
r, A(p) = G0(p + r(p)):

    A'(p) = A(p) + M(p) [A(p + f(q)) - A(p) + (G1 - G0 moved by f)(q)],   q = p + r(p)

Without motion this is the plain difference. Images here are float32 (S, S, 3) BGR in 8-bit levels,
fields float32 (S, S, 2) in pixels, masks float32 (S, S) from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels.masks import blurred, smoothstep

_FLOW_SIZE: Final = 256
"""Side at which motion is measured: it is smooth, and finer detail is texture."""
_FLOW_BLUR: Final = 1.0
_STILL: Final = 0.15
"""Motion in pixels of `_FLOW_SIZE` that is taken for none."""
_INCONSISTENCY: Final = (1.0, 2.5)
"""Pixels between the way there and back over which motion stops being believed."""
_REGISTRATION_SMOOTH: Final = 8.0
_REGISTRATION_REACH: Final = 0.04
"""Most that the generator's face may be off the photo's, as a share of the side."""
_OPENED: Final = (14.0, 42.0)
"""Levels left unexplained by motion over which the mouth is replaced and no longer added to."""
_LIGHT: Final = 0.06
_BROAD_SIGMA: Final = 4.0
_MARGIN: Final = 0.08
_LUMINANCE: Final = np.array([0.114, 0.587, 0.299], np.float32)


@dataclass(frozen=True, eq=False)
class Scene:
    """The parts that all versions of one edit share.

    Attributes:
        crop: the photo in the generator's frame.
        base: the generator's face before the edit.
        mask: where the photo may change; 0 on the rim.
        mouth: lips and what lies between them, opened or not.
        skin: skin that tells how colour drifts.
        registration: from the crop to `base`.
    """

    crop: FloatArray
    base: FloatArray
    mask: FloatArray
    mouth: FloatArray
    skin: FloatArray
    registration: FloatArray

    def part(self, rows: slice, columns: slice) -> Scene:
        """The same scene cut down to a rectangle."""
        return Scene(**{name: value[rows, columns] for name, value in vars(self).items()})


def edit_delta(scene: Scene, edited: FloatArray) -> FloatArray:
    """What to add to the crop, float32 (S, S, 3) in levels, 0 outside the mask.

    Args:
        scene: the parts shared by all versions.
        edited: the generator's face after the edit, of the same noise as `scene.base`.
    """
    motion = estimate_motion(scene.base, edited)
    delta = np.zeros_like(edited)
    window = _window(scene.mask)
    part = scene.part(*window)
    remainder = edited[window] - sample(part.base, motion[window])
    change = moved_change(part, motion[window], remainder)
    change = _with_opened_mouth(part, edited[window], remainder, change, len(edited))
    change -= colour_drift(change, part.skin)
    delta[window] = change * part.mask[..., None]
    return delta


def moved_change(scene: Scene, motion: FloatArray, remainder: FloatArray) -> FloatArray:
    """The bracket of the module's formula, float32 (S, S, 3) in levels.

    Args:
        scene: the parts shared by all versions.
        motion: the field f.
        remainder: ``G1 - G0 moved by f``, what motion does not explain.
    """
    here = sample(motion, scene.registration)
    change: FloatArray = (
        sample(scene.crop, here) - scene.crop + sample(remainder, scene.registration)
    )
    return change


def estimate_motion(base: FloatArray, edited: FloatArray) -> FloatArray:
    """The field f with ``edited(p) = base(p + f(p))``, 0 where nothing moves or none is sure.

    Dense inverse search (Kroeger et al., ECCV 2016), believed where the way there and the way back
    agree.
    """
    size = base.shape[0]
    before, after = _grey(base), _grey(edited)
    there, back = _flow(after, before), _flow(before, after)
    mismatch = np.linalg.norm(there + sample(back, there), axis=2)
    length = np.linalg.norm(there, axis=2)
    trust = smoothstep(mismatch.astype(np.float32), _INCONSISTENCY[1], _INCONSISTENCY[0])
    trust *= np.maximum(1 - _STILL / np.maximum(length, _STILL), 0)
    return _field_at(there * trust[..., None], size)


def estimate_registration(crop: FloatArray, base: FloatArray, mask: FloatArray) -> FloatArray:
    """The field r with ``crop(p) = base(p + r(p))``, or zeros where it does not bring them nearer.

    Smooth and short: it mends where a face lies, not what it looks like.
    """
    size = crop.shape[0]
    photo, face = _grey(crop), _grey(base)
    reach = _REGISTRATION_REACH * photo.shape[0]
    field = blurred(_flow(photo, face), _REGISTRATION_SMOOTH)
    length = np.linalg.norm(field, axis=2, keepdims=True)
    field = (field * np.minimum(1, reach / np.maximum(length, 1e-6))).astype(np.float32)
    weight = cv2.resize(mask, photo.shape, interpolation=cv2.INTER_AREA)
    if _misfit(photo, sample(face, field), weight) >= _misfit(photo, face, weight):
        return np.zeros((size, size, 2), np.float32)
    return _field_at(field, size)


def colour_drift(change: FloatArray, skin: FloatArray) -> FloatArray:
    """Mean change of the skin's colour at equal luminance, float32 (3,) in levels."""
    total = float(skin.sum())
    if total < 1:
        return np.zeros(3, np.float32)
    mean = np.einsum("hwc,hw->c", change, skin) / total
    return (mean - mean @ _LUMINANCE).astype(np.float32)


def sample(image: FloatArray, field: FloatArray) -> FloatArray:
    """`image` (S, S) or (S, S, C) read at ``p + field(p)``; exact where the field is 0."""
    rows, columns = field.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return cv2.remap(
        image,
        x + field[..., 0],
        y + field[..., 1],
        cv2.INTER_CUBIC if image.ndim == 3 and image.shape[2] == 3 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _with_opened_mouth(
    scene: Scene, edited: FloatArray, remainder: FloatArray, change: FloatArray, size: int
) -> FloatArray:
    """`change` with the generator's own mouth where one has opened.

    Teeth where lips were are no small difference that could be added to the photo's lips: they are
    shown themselves, in the light of the photo's skin around them.
    """
    unexplained = sample(np.abs(remainder @ _LUMINANCE), scene.registration)
    spread = blurred(unexplained, size / 256)
    opened = scene.mouth * smoothstep(spread, *_OPENED)
    if not opened.any():
        return change
    opened = blurred(opened, size / 256)
    base = sample(scene.base, scene.registration)
    around = scene.mask * (1 - scene.mouth)
    sigma = _LIGHT * size
    light = _broadly_blurred((scene.crop - base) * around[..., None], sigma)
    light /= (_broadly_blurred(around, sigma) + np.float32(1e-3))[..., None]
    own = sample(edited, scene.registration) + light - scene.crop
    blended: FloatArray = change + opened[..., None] * (own - change)
    return blended


def _window(mask: FloatArray) -> tuple[slice, slice]:
    """Rows and columns round all of a mask, with a margin for what motion brings in."""
    size = mask.shape[0]
    margin = round(_MARGIN * size)
    spans = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (
        slice(max(int(span[0]) - margin, 0), min(int(span[-1]) + margin + 1, size))
        if len(span)
        else slice(0, 1)
        for span in spans
    )
    return rows, columns


def _broadly_blurred(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur at a reduced size, where a wide one costs little."""
    reduction = max(int(sigma / _BROAD_SIGMA), 1)
    rows, columns = image.shape[:2]
    small_size = (max(columns // reduction, 1), max(rows // reduction, 1))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    soft = blurred(small, sigma / reduction)
    return cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR)


def _grey(image: FloatArray) -> np.ndarray:
    size = min(_FLOW_SIZE, image.shape[0])
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    grey = blurred((small @ _LUMINANCE).astype(np.float32), _FLOW_BLUR)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _flow(first: np.ndarray, second: np.ndarray) -> FloatArray:
    """Field f with ``first(p) = second(p + f(p))``, float32 (h, w, 2) in pixels."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(first, second, np.empty(0)), np.float32)


def _field_at(field: FloatArray, size: int) -> FloatArray:
    ratio = np.float32(size / field.shape[0])
    if ratio == 1:
        return field.astype(np.float32, copy=False)
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR) * ratio


def _misfit(photo: np.ndarray, face: np.ndarray, weight: FloatArray) -> float:
    """How differently two pictures are drawn: by their edges, whatever their light."""
    difference = [
        cv2.Sobel(photo, cv2.CV_32F, *axis) - cv2.Sobel(face, cv2.CV_32F, *axis)
        for axis in ((1, 0), (0, 1))
    ]
    return float(sum((np.abs(part) * weight).sum() for part in difference))
