"""What looking at pictures costs, and how well protected faces are told from others.

``python -m bench.screening PHOTOS [PACK]``: a folder of photos and that of a small model pack.
Photos whose names begin with the same word and letter (``man_a_smile``) show the same person;
``couple`` shows ``man_c`` and ``woman_b``.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import django
import numpy as np

from bench._timing import best_ms, machine

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceweb.settings")
django.setup()

from faceweb.moderation.embedders import ARCFACE, DLIB  # noqa: E402
from faceweb.moderation.known_bad import BlockedLooks, looks_of  # noqa: E402
from faceweb.moderation.screening import shield  # noqa: E402
from faceweb.moderation.screening.backends import get_backends  # noqa: E402
from faceweb.moderation.sealing import vector_seal, vector_unseal  # noqa: E402
from models.faces.analysis.dlib_analyser import DlibAnalyser  # noqa: E402
from models.faces.analysis.insightface_analyser import InsightFaceAnalyser  # noqa: E402
from models.sessions import SessionConfig, SessionFactory  # noqa: E402
from models.store.files import sha256_of  # noqa: E402

SIZES_PX = {"0.3 MP": (640, 480), "2 MP": (1632, 1224), "12 MP": (4000, 3000)}
ENTRIES = 10_000
TWO_PEOPLE = {"couple": ("man_c", "woman_b")}
Image = np.ndarray[Any, np.dtype[np.uint8]]


def half(image: Image) -> Image:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def jpeg_40(image: Image) -> Image:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def dim(image: Image) -> Image:
    return (image * 0.5).astype(np.uint8)


def mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


VARIANTS: dict[str, Callable[[Image], Image]] = {
    "as it is": lambda image: image,
    "half the size": half,
    "JPEG 40": jpeg_40,
    "half as bright": dim,
    "mirrored": mirrored,
}


def looks(photo: Image) -> None:
    """One look at one picture."""
    print(f"\n{'picture':8} {'NudeNet':>9} {'PDQ, 8 ways':>12} {'finding faces (dlib)':>21}")
    (network,) = get_backends()
    finder = DlibAnalyser()
    blocked = BlockedLooks(np.zeros((1000, 4), np.uint64))
    for name, size in SIZES_PX.items():
        image = cv2.resize(photo, size).astype(np.uint8)
        print(
            f"{name:8} {best_ms(lambda i=image: network.scores(i)):6.1f} ms"
            f" {best_ms(lambda i=image: blocked.level(i)):9.1f} ms"
            f" {best_ms(lambda i=image: finder.find_faces(i), 2):18.1f} ms"
        )
    print(f"hashes of one entry of the block list: {best_ms(lambda: looks_of(photo)):.1f} ms")


def lists() -> None:
    """Searching the lists."""
    rng = np.random.default_rng(0)
    print()
    for network, length in ((DLIB, 128), (ARCFACE, 512)):
        vectors = rng.normal(size=(ENTRIES, length)).astype(np.float32)
        face = rng.normal(size=length).astype(np.float32)
        compared = best_ms(lambda v=vectors, n=network, f=face: shield.likeness(n, v, f))
        sealed = [vector_seal(vector) for vector in vectors[:1000]]
        read = best_ms(lambda s=sealed: [vector_unseal(one) for one in s], 2) * ENTRIES / 1000
        print(
            f"one face against {ENTRIES:,} by {network}: {compared:.1f} ms; unsealing {read:.0f} ms"
        )
    for entries in (10_000, 100_000, 1_000_000):
        blocked = BlockedLooks(
            np.asfortranarray(rng.integers(0, 2**63, (entries, 4), dtype=np.uint64))
        )
        taken = best_ms(lambda b=blocked: [b.distance(bytes(32)) for _ in range(8)], 3)
        print(f"one picture, 8 ways, against {entries:,} blocked looks: {taken:.1f} ms")


def people(photos: Path, analyser: Any) -> None:
    """How alike two faces of one person are, and two of different people."""
    faces = []
    for path in sorted(photos.glob("*.jpg")):
        photo = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)
        for variant, change in VARIANTS.items():
            image = change(photo)
            for face in analyser.find_faces(image):
                if face.quality.width_px >= shield.MIN_WIDTH_PX[analyser.name]:
                    faces.append((path.stem, variant, face, analyser.embed(image, face)))
    names = {path.stem: "_".join(path.stem.split("_")[:2]) for path in photos.glob("*.jpg")}
    plain = {
        name: vector
        for name, variant, _, vector in faces
        if variant == "as it is" and name not in TWO_PEOPLE and not name.startswith("group")
    }
    band = shield.LIKENESS[analyser.name]
    print(f"\n{analyser.name}: block from {band.block}, review from {band.review}")
    print(f"{'photo is':15} {'pairs':>11} {'lowest same':>12} {'highest other':>14}  missed  false")
    for variant in VARIANTS:
        same: list[float] = []
        other: list[float] = []
        for protected, vector in plain.items():
            by_photo: dict[str, list[float]] = {}
            for name, way, _, seen in faces:
                if way == variant and name != protected:
                    by_photo.setdefault(name, []).append(analyser.similarity(vector, seen))
            for name, alike in by_photo.items():
                who = TWO_PEOPLE.get(name, (names[name],))
                if names[protected] in who:
                    # Of a photo that shows the person, the nearest face is theirs.
                    same.append(alike.pop(int(np.argmax(alike))))
                other.extend(alike)
        missed = sum(alike < band.block for alike in same)
        false = sum(alike >= band.block for alike in other)
        unsure = sum(band.review <= alike < band.block for alike in (*same, *other))
        print(
            f"{variant:15} {len(same):4} +{len(other):5} {min(same):12.2f} {max(other):14.2f}"
            f"  {missed:6}  {false:5}  ({unsure} to a person)"
        )


def main() -> None:
    """Print everything."""
    photos = Path(sys.argv[1])
    print(machine())
    looks(np.asarray(cv2.imread(str(photos / "woman_d.jpg"), cv2.IMREAD_COLOR), np.uint8))
    lists()
    people(photos, DlibAnalyser())
    if len(sys.argv) > 2:
        factory = SessionFactory(SessionConfig())
        people(
            photos,
            InsightFaceAnalyser.from_pack(
                Path(sys.argv[2]), lambda path: factory.get(path, sha256_of(path))
            ),
        )


if __name__ == "__main__":
    main()
