"""What a classic swap of one face costs: ``python -m bench.swap_classic``.

Aims on two processors, decoding and encoding apart: 250 ms at 512 px, 500 ms at 2 MP, 700 ms at
12 MP; under 1.2 GB at 24 MP; no more than 1.3 times as much at 24 MP as at 2 MP for a face of the
same size. The likeness figures are a stage of their own: three descriptors at about 100 ms each,
whatever the photo.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from bench._timing import best_ms, in_subprocess, machine, peak_rss_mb
from models.faces.face import Face
from models.pixels.imaging import Image, decode_image, encode_jpeg
from swaps.engines.base import Source, Target
from swaps.engines.classic_engine import ClassicSwapEngine

_GROWING = [(0.262, 0.45), (2.0, 0.45), (12.0, 0.45), (24.0, 0.45)]
_EQUAL = [(2.0, 600.0), (12.0, 600.0), (24.0, 600.0)]


def main() -> None:
    """Print one line per size of photo, first for faces that grow with it, then for equal ones."""
    print(f"classic swap of one face, {machine()}")
    columns = ("MP", 6), ("face px", 8), ("swap", 9), ("likeness", 9), ("decode", 8), ("encode", 8)
    print(*(f"{name:>{width}}" for name, width in columns), f"{'peak':>9}")
    for megapixels, face in _GROWING + _EQUAL:
        row = in_subprocess("bench.swap_classic", str(megapixels), str(face))
        print(
            f"{megapixels:6.2f} {row['face_px']:8.0f} {row['swap_ms']:6.0f} ms"
            f" {row['measure_ms']:6.0f} ms {row['decode_ms']:5.0f} ms {row['encode_ms']:5.0f} ms"
            f" {row['peak_mb']:6.0f} MB"
        )


def measure(megapixels: float, face_px: float) -> dict[str, float]:
    """Times of one size; `face_px` up to 1 is a share of the photo's width."""
    engine = ClassicSwapEngine()
    engine.warm_up()
    target, target_face = _target(engine, megapixels, face_px)
    source = _sample("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    session = engine.prepare([Source(source, engine.analyser.find_faces(source)[0])])
    encoded = encode_jpeg(target)
    swap_ms = best_ms(lambda: session.apply(target, [Target(target_face)], measure=False))
    everything = session.apply(target, [Target(target_face)])
    return {
        "face_px": target_face.quality.width_px,
        "swap_ms": swap_ms,
        "measure_ms": everything.timings_ms["measure"],
        "decode_ms": best_ms(lambda: decode_image(encoded), 2),
        "encode_ms": best_ms(lambda: encode_jpeg(everything.image), 2),
        "peak_mb": peak_rss_mb(),
    }


def _target(engine: ClassicSwapEngine, megapixels: float, face_px: float) -> tuple[Image, Face]:
    """A square photo with the astronaut's face, so many pixels wide, in its middle."""
    photo = _sample("skimage", "data/astronaut.png")
    face = engine.analyser.find_faces(photo)[0]
    assert face.landmarks is not None
    side = round(math.sqrt(megapixels * 1e6))
    wanted = face_px * side if face_px <= 1 else face_px
    scale = wanted / face.quality.width_px
    shift = side / 2 - face.landmarks.mean(axis=0) * scale
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    image = cv2.warpAffine(
        photo, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    moved = face.scaled(scale)
    assert moved.landmarks is not None
    placed = replace(
        moved,
        box=moved.box + np.tile(shift, 2).astype(np.float32),
        kps=moved.kps + shift.astype(np.float32),
        landmarks=moved.landmarks + shift.astype(np.float32),
    )
    return image.astype(np.uint8, copy=False), placed


def _sample(package: str, inside: str) -> Image:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return decode_image((Path(spec.origin).parent / inside).read_bytes())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*map(float, sys.argv[1:3]))))
    else:
        main()
