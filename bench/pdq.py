"""What PDQ costs and how far copies are: ``python -m bench.pdq [PHOTO_FOLDER]``.

Aims: 10 ms for the hash of a 2 MP picture, 50 ms for a search through a million, on one processor.
"""

import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from bench._timing import best_ms, machine
from bench.watermark import CHANGES
from faceweb.marks.pdq import hamming, nearest, pdq_dihedral, pdq_hash
from faceweb.marks.watermark import watermark_embed

COPIES = (
    "JPEG 75",
    "JPEG 40",
    "half size",
    "badge",
    "crop 2 %, corner",
    "crop 5 %, top left",
    "crop 10 %, corner",
    "turned 2 degrees",
    "mirror",
)


def main() -> None:
    """Print times, then the distances of copies and of unrelated photos."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/photos")
    photos = [cv2.imread(str(path)) for path in sorted(folder.glob("*.jpg"))]
    print(f"PDQ, {machine()}")
    large = cv2.resize(photos[0], (1414, 1414), interpolation=cv2.INTER_CUBIC)
    many = np.random.default_rng(1).integers(0, 2**64, (4, 1_000_000), np.uint64).T
    print(f"2 MP: {best_ms(lambda: pdq_hash(large), 15):.1f} ms")
    print(f"a million: {best_ms(lambda: nearest(many, bytes(32), 31), 15):.1f} ms")
    hashes = [pdq_hash(photo).bits for photo in photos]
    pairs = list(zip(hashes, photos, strict=True))
    for name in COPIES:
        show(name, [hamming(bits, pdq_hash(CHANGES[name](photo)).bits) for bits, photo in pairs])
    show("watermark", [hamming(bits, pdq_hash(watermark_embed(p, 1)).bits) for bits, p in pairs])
    mirrored = [(bits, pdq_hash(photo[:, ::-1].copy()).bits) for bits, photo in pairs]
    eight = [pdq_dihedral(photo) for photo in photos]
    show(
        "mirror, nearest of the eight",
        [
            min(hamming(copy, each) for each in all_eight)
            for (_, copy), all_eight in zip(mirrored, eight, strict=True)
        ],
    )
    show("unrelated", [hamming(*pair) for pair in combinations(hashes, 2)])


def show(name: str, distances: list[int]) -> None:
    least, middle, most = np.percentile(distances, [0, 50, 100])
    print(f"| {name} | {least:.0f} | {middle:.0f} | {most:.0f} |", flush=True)


if __name__ == "__main__":
    main()
