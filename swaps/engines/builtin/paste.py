"""From the grid to the photo: detail, blend, and the photo's own texture at full size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels import blending
from models.pixels.imaging import Box, Image
from swaps.engines.builtin.detail import with_matched_detail, with_pores
from swaps.engines.builtin.light import Relit
from swaps.engines.builtin.masks import Masks
from swaps.engines.builtin.source import WarpedSource
from swaps.engines.builtin.target import TargetFrame
from swaps.engines.builtin.tones import LUMA

Blend = Literal["multiband", "poisson", "alpha"]
_BANDS: Final = 5
_STRIP: Final = 256
_RIM: Final = 4


@dataclass(frozen=True)
class Window:
    """A part of the work size, and the same part of the grid.

    Attributes:
        x1, y1, x2, y2: pixels of the work size.
        scale: grid pixels for a pixel of the work size, across and down.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    scale: tuple[float, float]

    def enlarged(self, image: FloatArray, cubic: bool = False) -> FloatArray:
        """A float32 image of the grid, (h, w) or (h, w, C), at the size of this window."""
        across, down = self.scale
        matrix = np.array(
            [
                [across, 0, (self.x1 + 0.5) * across - 0.5],
                [0, down, (self.y1 + 0.5) * down - 0.5],
            ]
        )
        mode = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
        return cv2.warpAffine(
            image.astype(np.float32, copy=False),
            matrix,
            (self.x2 - self.x1, self.y2 - self.y1),
            flags=mode | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )


def paste(
    photo: Image,
    frame: TargetFrame,
    warped: WarpedSource,
    relit: Relit,
    masks: Masks,
    blend: Blend = "multiband",
) -> Box | None:
    """Puts the relit face into `photo`, uint8 (H, W, 3) BGR, in place.

    Returns:
        The box outside of which nothing changed; None where nothing is shown at all.
    """
    window = _window(frame, masks)
    if window is None:
        return None
    target = frame.work[window.y1 : window.y2, window.x1 : window.x2].astype(np.float32)
    face = _with_source_detail(window, frame, warped, relit)
    width = frame.work_width
    inner = cv2.erode(masks.skin, np.ones((3, 3), np.uint8))
    face = with_pores(face, target, window.enlarged(inner), warped.scale, width)
    skin = window.enlarged(masks.skin)
    face = with_matched_detail(face, target, window.enlarged(masks.face), skin, width)
    shown, support = window.enlarged(masks.shown), window.enlarged(masks.support)
    if masks.rims is not None:
        rims = masks.rims[window.y1 : window.y2, window.x1 : window.x2]
        face += (target - face) * rims[..., None]
        shown = shown * (1 - rims)
    delta = _blended(face, target, shown, support, blend)
    if masks.rims is not None:
        delta *= (1 - rims)[..., None]
    return _add(photo, frame, window, delta, shown, masks)


def _window(frame: TargetFrame, masks: Masks) -> Window | None:
    rows, columns = np.nonzero(masks.support > 0)
    if not len(rows):
        return None
    height, width = frame.work.shape[:2]
    across, down = frame.size[1] / width, frame.size[0] / height
    x1 = int(max(columns.min() - _RIM, 0) / across)
    y1 = int(max(rows.min() - _RIM, 0) / down)
    x2 = min(int(np.ceil(min(columns.max() + 1 + _RIM, frame.size[1]) / across)), width)
    y2 = min(int(np.ceil(min(rows.max() + 1 + _RIM, frame.size[0]) / down)), height)
    return Window(x1, y1, x2, y2, (across, down))


def _with_source_detail(
    window: Window, frame: TargetFrame, warped: WarpedSource, relit: Relit
) -> FloatArray:
    """The relit grid enlarged, and what of the source is finer than the grid, float32 BGR."""
    if not frame.reduced:
        part = relit.image[window.y1 : window.y2, window.x1 : window.x2]
        return np.ascontiguousarray(part, np.float32)
    fine = np.zeros((window.y2 - window.y1, window.x2 - window.x1, 3), np.float32)
    for index, texture in enumerate(warped.textures):
        share = warped.shares[index]
        if index and share.max() < 0.02:
            continue
        sample = texture.sampled(window.enlarged(warped.places[index]), fine=True)
        layer = sample.astype(np.float32)
        if index:
            # The offset is in log of linear light: a factor to its 2.2nd root here.
            factor = cv2.exp(window.enlarged(warped.offsets[index] / np.float32(2.2)))
            layer = np.minimum(layer * factor, np.float32(255))
        if len(warped.textures) > 1:
            layer *= window.enlarged(share)[..., None]
        fine += layer
    fine -= window.enlarged(warped.image, cubic=True)
    lum = cv2.transform(fine, LUMA[None])[..., None]
    fine -= lum
    fine *= window.enlarged(relit.chroma_gain)[..., None]
    fine += lum * window.enlarged(relit.gain)[..., None]
    fine += window.enlarged(relit.image, cubic=True)
    return np.clip(fine, 0, 255)


def _blended(
    face: FloatArray, target: FloatArray, shown: FloatArray, support: FloatArray, blend: Blend
) -> FloatArray:
    if blend == "poisson":
        return blending.poisson_delta(face, target, shown * support)
    if blend == "alpha":
        return blending.alpha_delta(face, target, shown * support)
    return blending.multiband_delta(face, target, shown, support, _BANDS)


def _add(
    photo: Image,
    frame: TargetFrame,
    window: Window,
    delta: FloatArray,
    shown: FloatArray,
    masks: Masks,
) -> Box:
    """Adds `delta` at the photo's own size; texture finer than the work size stays on skin.

    Elsewhere on the face that texture is the old face's lashes and lips, and is taken away.
    """
    x1, y1, x2, y2 = frame.box
    crop = photo[y1:y2, x1:x2]
    height, width = crop.shape[:2]
    if frame.work.shape[:2] == (height, width):
        blending.add_delta(crop[window.y1 : window.y2, window.x1 : window.x2], delta)
        return (x1 + window.x1, y1 + window.y1, x1 + window.x2, y1 + window.y2)
    across, down = width / frame.work.shape[1], height / frame.work.shape[0]
    full_x1, full_y1 = int(window.x1 * across), int(window.y1 * down)
    full_x2 = min(int(np.ceil(window.x2 * across)), width)
    full_y2 = min(int(np.ceil(window.y2 * down)), height)
    feature = (1 - np.clip(window.enlarged(masks.skin) * 1.5, 0, 1)) * shown
    packed = np.dstack([np.clip(np.rint(delta * 16), -8160, 8160), feature * 256]).astype(np.int16)
    old = frame.work[window.y1 : window.y2, window.x1 : window.x2]
    for top in range(full_y1, full_y2, _STRIP):
        bottom = min(top + _STRIP, full_y2)
        strip = crop[top:bottom, full_x1:full_x2]
        matrix = np.array(
            [
                [1 / across, 0, (full_x1 + 0.5) / across - 0.5 - window.x1],
                [0, 1 / down, (top + 0.5) / down - 0.5 - window.y1],
            ]
        )
        size = (full_x2 - full_x1, bottom - top)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        step = cv2.warpAffine(packed, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        change, weight = step[..., :3], step[..., 3:]
        columns = np.flatnonzero(weight.any(axis=(0, 2)))
        if columns.size:
            left, right = int(columns[0]), int(columns[-1]) + 1
            matrix[0, 2] += left / across
            size = (right - left, bottom - top)
            soft = cv2.warpAffine(old, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            finer = cv2.subtract(strip[:, left:right], soft, dtype=cv2.CV_16S)
            change[:, left:right] -= (finer * weight[:, left:right]) >> 4
        rounded = (change + np.int16(8)) >> np.int16(4)
        cv2.add(strip, np.ascontiguousarray(rounded), dst=strip, dtype=cv2.CV_8U)
    return (x1 + full_x1, y1 + full_y1, x1 + full_x2, y1 + full_y2)
