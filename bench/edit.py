"""How built-in edits look and what they cost.

``python -m bench.edit NETWORKS PHOTO... [-o OUT]`` edits the largest face of every photo at full
strength and prints, per kind of edit: likeness by the built-in recogniser, change of the skin's
tone, and the most that plain background changes. With ``-o`` it writes a contact sheet per photo:
the photo, smile, earnest, older, younger. ``python -m bench.edit NETWORKS --cost`` measures time
and memory on one photo at three sizes; aims on two processors for one version, identity check and
parser apart: 900 ms at 2 MP, 1.4 times that at 12 MP.

NETWORKS is a folder with yunet.onnx, mesh.onnx, parser.onnx and sface.onnx.
"""

from __future__ import annotations

import json
import math
import sys
import time
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from bench._timing import best_ms, in_subprocess, machine, peak_rss_mb
from editing.engines.base import AGE, SMILE, EditRequest
from editing.engines.builtin.engine import BuiltinEditEngine, BuiltinStudy
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.face import Face
from models.faces.parsing import SKIN, FaceClass, Parsing
from models.options import OptionSchema
from models.pixels.imaging import Image, decode_image
from models.sessions import SessionConfig, SessionFactory

_EDITS: Final = {
    "smile": EditRequest(smile=1.0),
    "earnest": EditRequest(smile=-1.0),
    "older": EditRequest(age=1.0),
    "younger": EditRequest(age=-1.0),
}
_SIZES: Final = (0.262, 2.0, 12.0)
_FACE_SHARE: Final = 0.45
_TILE_PX: Final = 420
_SURE: Final = 0.95


def main() -> None:
    """Print figures, write contact sheets."""
    parser = ArgumentParser()
    parser.add_argument("networks", type=Path)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--one", type=float, help="cost of one size in megapixels, as JSON")
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(cost(arguments.networks, arguments.one)))
    elif arguments.cost:
        print_costs(arguments.networks)
    else:
        print_looks(arguments.networks, arguments.photos, arguments.output)


def open_analyser(networks: Path) -> BuiltinAnalyser:
    """The analyser of the networks in a folder, on one thread."""
    sessions = SessionFactory(SessionConfig(providers=("cpu",), threads=1))
    return BuiltinAnalyser.from_folder(networks, lambda path: sessions.get(path, str(path)))


def print_looks(networks: Path, photos: list[Path], output: Path | None) -> None:
    """Figures over all photos, a sheet of each."""
    analyser = open_analyser(networks)
    engine = BuiltinEditEngine(analyser, analyser, OptionSchema((SMILE, AGE)))
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in _EDITS}
    for path in photos:
        photo = decode_image(path.read_bytes())
        faces = analyser.find_faces(photo)
        if not faces:
            print(f"{path.name}: no face", file=sys.stderr)
            continue
        study = engine.study(photo, faces[0])
        versions = study.versions(list(_EDITS.values()))
        tiles = [tile(photo, faces[0])]
        for name, version in zip(_EDITS, versions, strict=True):
            rows[name].append(figures(analyser, study, version))
            tiles.append(tile(version, faces[0]))
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(output / f"{path.stem}.jpg"), np.hstack(tiles))
    print(f"built-in edits at full strength, {len(photos)} photos, {machine()}")
    heads = "likeness min", "5 %", "median", "tone median", "95 %", "ground most"
    print(f"{'edit':>8}", *(f"{head:>13}" for head in heads))
    for name, values in rows.items():
        like, tone, ground = np.array(values).T
        shown = [like.min(), *np.percentile(like, [5, 50]), *np.percentile(tone, [50, 95])]
        print(f"{name:>8}", *(f"{value:13.3f}" for value in shown), f"{ground.max():13.0f}")


def figures(
    analyser: BuiltinAnalyser, study: BuiltinStudy, version: Image
) -> tuple[float, float, float]:
    """Likeness to the photo, change of the skin's median colour in CIE76, and the most levels that
    background changes at any pixel that is nothing else and not near anything else."""
    photo, face = study.photo, study.face
    likeness = analyser.similarity(analyser.embed(photo, face), analyser.embed(version, face))
    parsing = analyser.parse(photo, face)
    if parsing is None:
        raise ValueError("the parser network is not in the folder")
    skin = certain(parsing, photo, *SKIN)
    tones = [
        np.median(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[skin], axis=0)
        for image in (photo, version)
    ]
    ground = certain(parsing, photo, FaceClass.BACKGROUND)
    reach = 2 * round(0.12 * face.quality.width_px) + 1
    ground = cv2.erode(ground.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    changed = cv2.absdiff(photo, version).max(axis=2)[ground]
    return likeness, float(np.linalg.norm(tones[1] - tones[0])), float(changed.max(initial=0))


def certain(parsing: Parsing, photo: Image, *classes: FaceClass) -> np.ndarray:
    """Where the photo is certainly one of `classes`, bool (H, W)."""
    identity = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    mask = parsing.in_frame(parsing.mask(*classes), identity, (photo.shape[0], photo.shape[1]))
    return np.asarray(mask > _SURE)


def tile(image: Image, face: Face) -> Image:
    """The head, uint8 (420, 420, 3) BGR."""
    x1, y1, x2, y2 = (float(edge) for edge in face.box)
    reach = 0.78 * max(x2 - x1, y2 - y1)
    centre = ((x1 + x2) / 2, (y1 + y2) / 2 - 0.1 * reach)
    scale = _TILE_PX / (2 * reach)
    shift = _TILE_PX / 2 - np.array(centre) * scale
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(image, matrix, (_TILE_PX, _TILE_PX), flags=how), np.uint8)


def print_costs(networks: Path) -> None:
    """One line per size of photo and edit."""
    print(f"built-in edit of one face, {machine()}")
    columns = ("MP", 6), ("face px", 8), ("study", 10), ("smile", 10), ("older", 10)
    print(*(f"{name:>{width}}" for name, width in columns), f"{'guarded':>10} {'peak':>10}")
    for megapixels in _SIZES:
        row = in_subprocess("bench.edit", str(networks), "--one", str(megapixels))
        print(
            f"{megapixels:6.2f} {row['face_px']:8.0f} {row['study_ms']:7.0f} ms"
            f" {row['smile_ms']:7.0f} ms {row['older_ms']:7.0f} ms {row['guarded_ms']:7.0f} ms"
            f" {row['peak_mb']:7.0f} MB"
        )


def cost(networks: Path, megapixels: float) -> dict[str, float]:
    """Times of edits of a photo of one size."""
    analyser = open_analyser(networks)
    engine = BuiltinEditEngine(analyser, analyser, OptionSchema((SMILE, AGE)))
    photo = portrait(analyser, megapixels)
    face = analyser.find_faces(photo)[0]
    engine.study(photo, face)
    started = time.perf_counter()
    study = engine.study(photo, face)
    studied = 1000 * (time.perf_counter() - started)

    def version(name: str) -> float:
        return best_ms(lambda: study.versions([_EDITS[name]])[0], 3)

    return {
        "face_px": face.quality.width_px,
        "study_ms": studied,
        "smile_ms": version("smile"),
        "older_ms": version("older"),
        "guarded_ms": best_ms(lambda: engine.run(photo, face, EditRequest(age=0.5)), 2),
        "peak_mb": peak_rss_mb(),
    }


def portrait(analyser: BuiltinAnalyser, megapixels: float) -> Image:
    """A square photo of that size in which the face takes its share of the width."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("scikit-image, whose portrait is used, is not installed")
    photo = decode_image((Path(spec.origin).parent / "data/astronaut.png").read_bytes())
    face = analyser.find_faces(photo)[0]
    side = round(math.sqrt(megapixels * 1e6))
    scale = _FACE_SHARE * side / face.quality.width_px
    middle = face.box.reshape(2, 2).mean(axis=0)
    shift = (side / 2 - middle * scale).astype(np.float32)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    grown = cv2.warpAffine(
        photo, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(grown, np.uint8)


if __name__ == "__main__":
    main()
