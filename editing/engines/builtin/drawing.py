"""Shapes to draw light with, on a face's own axes."""

from __future__ import annotations

import cv2
import numpy as np

from models.faces.face import FloatArray
from models.pixels import masks


def curve(points: list[FloatArray]) -> FloatArray:
    """A smooth arc through three points, float32 (17, 2)."""
    start, middle, end = (np.asarray(point, np.float32) for point in points)
    handle = 2 * middle - (start + end) / 2
    t = np.linspace(0, 1, 17, dtype=np.float32)[:, None]
    return ((1 - t) ** 2 * start + 2 * t * (1 - t) * handle + t**2 * end).astype(np.float32)


def stroke(points: FloatArray, sigma: float, size: masks.Size) -> FloatArray:
    """A soft line along `points` (N, 2) that swells and fades, float32 (h, w) from 0 to 1.

    Args:
        points: in pixels of the frame.
        sigma: half its width in pixels, as of a Gaussian.
        size: height and width of the frame.
    """
    # Drawn at a size at which the line is a few pixels wide, whatever the frame.
    reduction = max(sigma / 3.0, 1.0)
    small = (max(round(size[0] / reduction), 1), max(round(size[1] / reduction), 1))
    canvas = np.zeros(small, np.float32)
    scale = np.array([small[1] / size[1], small[0] / size[0]], np.float32)
    places = np.round(((points + 0.5) * scale - 0.5) * 16).astype(int)
    weights = np.sin(np.linspace(0, np.pi, len(points) + 1)[1:-1]) ** 0.7
    for start, end, weight in zip(places[:-1], places[1:], weights, strict=True):
        line = np.zeros(small, np.uint8)
        cv2.line(line, tuple(start.tolist()), tuple(end.tolist()), 255, 1, cv2.LINE_AA, 4)
        np.maximum(canvas, line * np.float32(weight / 255), out=canvas)
    soft = masks.blurred(canvas, max(sigma / reduction, 0.8))
    peak = float(soft.max())
    if peak > 0:
        soft /= peak
    return cv2.resize(soft, size[::-1], interpolation=cv2.INTER_LINEAR)


def spot(u: FloatArray, v: FloatArray, across: float, down: float) -> FloatArray:
    """A Gaussian spot, float32 (h, w) from 0 to 1.

    Args:
        u, v: float32 (h, w) each, how far right of and below its middle each pixel lies.
        across, down: its deviations, in the unit of `u` and `v`.
    """
    return np.exp(-0.5 * ((u / across) ** 2 + (v / down) ** 2)).astype(np.float32)
