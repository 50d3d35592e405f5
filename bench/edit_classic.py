"""What a classic edit of one face costs: ``python -m bench.edit_classic``.

Aims on two processors for one version, identity check apart: smile 300 ms and age 900 ms at 2 MP,
at 12 MP no more than 1.4 times that, under 1.2 GB. The check costs three descriptors and one
search for the face, whatever the photo; it is part of "guarded", the whole edit as delivered.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from bench._timing import best_ms, in_subprocess, machine, peak_rss_mb
from editing.engines.base import EditRequest
from editing.engines.classic_engine import ClassicEditEngine
from models.faces.face import Face
from models.pixels.imaging import Image, decode_image

_SIZES = (0.262, 2.0, 12.0)
_FACE_SHARE = 0.45
_EDITS = {
    "smile": EditRequest(smile=0.5),
    "younger": EditRequest(age=-0.5),
    "older": EditRequest(age=0.5),
    "both": EditRequest(smile=0.5, age=0.5),
}


def main() -> None:
    """Print one line per size of photo and edit."""
    print(f"classic edit of one face, {machine()}")
    columns = ("MP", 6), ("face px", 8), ("edit", 8), ("version", 10), ("processor", 10)
    print(*(f"{name:>{width}}" for name, width in columns), f"{'guarded':>10} {'peak':>10}")
    for megapixels in _SIZES:
        for name in _EDITS:
            row = in_subprocess("bench.edit_classic", str(megapixels), name)
            print(
                f"{megapixels:6.2f} {row['face_px']:8.0f} {name:>8} {row['version_ms']:7.0f} ms"
                f" {row['processor_ms']:7.0f} ms {row['guarded_ms']:7.0f} ms"
                f" {row['peak_mb']:7.0f} MB"
            )


def measure(megapixels: float, edit: str) -> dict[str, float]:
    """Times of one edit of a photo of one size."""
    engine = ClassicEditEngine()
    engine.warm_up()
    photo, face = _portrait(engine, megapixels)
    request = _EDITS[edit]

    def version() -> Image:
        return engine.render(photo, face, [request])[0]

    version()
    version_ms = best_ms(version, 3)
    started = time.process_time()
    version()
    processor_ms = 1000 * (time.process_time() - started)
    return {
        "face_px": face.quality.width_px,
        "version_ms": version_ms,
        "processor_ms": processor_ms,
        "guarded_ms": best_ms(lambda: engine.run(photo, face, request), 2),
        "peak_mb": peak_rss_mb(),
    }


def _portrait(engine: ClassicEditEngine, megapixels: float) -> tuple[Image, Face]:
    """A square photo of that size in which the face takes its share of the width."""
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None
    photo = decode_image((Path(spec.origin).parent / "data/astronaut.png").read_bytes())
    analyser = engine.analyser
    assert analyser is not None
    face = analyser.find_faces(photo)[0]
    assert face.landmarks is not None
    side = round(math.sqrt(megapixels * 1e6))
    scale = _FACE_SHARE * side / face.quality.width_px
    shift = (side / 2 - face.landmarks.mean(axis=0) * scale).astype(np.float32)
    image = cv2.warpAffine(
        photo,
        np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32),
        (side, side),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    grown = face.scaled(scale)
    assert grown.landmarks is not None
    placed = replace(
        grown,
        box=grown.box + np.tile(shift, 2),
        kps=grown.kps + shift,
        landmarks=grown.landmarks + shift,
    )
    return image.astype(np.uint8, copy=False), placed


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(float(sys.argv[1]), sys.argv[2])))
    else:
        main()
