"""How good the built-in swap is, in figures and contact sheets: ``python -m bench.quality``.

Pairs come from ``../shared/faces`` and ``../shared/photos`` (or ``FACEWEB_SHARED``); kinds they
have too few of are made from them: light, blur, size, tilt, grain, one hue, glasses and masks drawn
on. The networks are those of the weights folder, or of ``FACEWEB_TEST_NETWORKS``. Identity is
measured by SFace and, where ``models/mini`` lies there, by a small ArcFace that no part of the
engine uses.

    python -m bench.quality --pairs 12 --sheets /tmp/sheets     figures by kind, pictures to look at
    python -m bench.quality --tones 100                         figures by skin tone
    python -m bench.quality --ablate                            one stage switched off at a time
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from bench._timing import machine
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.face import Face, FloatArray
from models.geometry import face_mesh
from models.geometry.crops import ARCFACE_112
from models.pixels.imaging import Image
from models.sessions import SessionConfig, SessionFactory
from swaps.engines.builtin import draw, light, paste
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.draw import Style, draw_face
from swaps.engines.builtin.judge import Figures, measure_drawing
from swaps.engines.builtin.pair import check_pair
from swaps.engines.builtin.source import Shape
from swaps.engines.builtin.target import cut_target
from swaps.engines.builtin.tones import to_lab
from swaps.engines.builtin.view import FaceView, view_of

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FACEWEB_SHARED", ROOT.parent / "shared"))
DARK, LIGHT = 45.0, 68.0
"""Lightness of skin, CIE L*, below and above which a tone is called dark or light."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A face with its view and what is known of it.

    Attributes:
        tone: CIE L* of its skin.
    """

    name: str
    image: Image
    face: Face
    view: FaceView
    tone: float

    @property
    def shade(self) -> str:
        """``dark``, ``middle`` or ``light``."""
        return "dark" if self.tone < DARK else "light" if self.tone > LIGHT else "middle"


@lru_cache(maxsize=1)
def analyser() -> BuiltinAnalyser:
    """The built-in networks."""
    sessions = SessionFactory(SessionConfig(providers=("cpu",), threads=1))
    folder = os.environ.get("FACEWEB_TEST_NETWORKS")
    if folder:
        return BuiltinAnalyser.from_folder(Path(folder), lambda path: sessions.get(path, str(path)))
    from models.networks.opening import open_builtin
    from models.store import WeightStore

    weights = os.environ.get("FACEWEB_WEIGHTS_DIR", ROOT / "var" / "weights")
    return open_builtin(WeightStore.open(Path(weights)), sessions)


def subject_of(name: str, image: Image, face: Face | None = None) -> Subject | None:
    """The largest face of `image`; None where there is none."""
    if face is None:
        found = analyser().find_faces(image)
        if not found:
            return None
        face = found[0]
    view = view_of(analyser(), image, face)
    frame = cut_target(view)
    skin = frame.classes[..., Part.SKIN] > 0.6
    tone = float(np.median(to_lab(frame.grid)[..., 0][skin])) / 2.55 if skin.any() else 50.0
    return Subject(name, image, face, view, tone)


@lru_cache(maxsize=1)
def subjects() -> list[Subject]:
    """Every face of the two folders."""
    found = []
    for folder in ("faces", "photos"):
        for path in sorted((SHARED / folder).glob("*.jpg")):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            made = None if image is None else subject_of(path.stem, image)
            if made is not None and made.face.quality.width_px >= 60:
                found.append(made)
    return found


# --- kinds -----------------------------------------------------------------------------------

Change = Callable[[Subject], Image]


def dimmed(subject: Subject) -> Image:
    """As if under-exposed."""
    return _curve(subject.image, 1.9)


def side_lit(subject: Subject) -> Image:
    """One half in the shade."""
    middle, width = subject.view.mesh[:, 0].mean(), subject.view.extent
    across = (np.arange(subject.image.shape[1]) - middle) / width
    factor = 0.35 + 0.8 / (1 + np.exp(-6 * across))
    return np.clip(subject.image * factor[None, :, None], 0, 255).astype(np.uint8)


def soft(subject: Subject) -> Image:
    """Out of focus."""
    return cv2.GaussianBlur(subject.image, (0, 0), 0.012 * subject.view.extent)


def grainy(subject: Subject) -> Image:
    """Noise of a dark room."""
    noise = np.random.default_rng(3).normal(0, 9, subject.image.shape)
    return np.clip(subject.image + noise, 0, 255).astype(np.uint8)


def tilted(subject: Subject) -> Image:
    """The head on one side by 25 degrees."""
    height, width = subject.image.shape[:2]
    centre = tuple(float(value) for value in subject.view.mesh[:, :2].mean(axis=0))
    matrix = cv2.getRotationMatrix2D(centre, 25, 1.0)
    return cv2.warpAffine(
        subject.image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT
    ).astype(np.uint8)


def small(subject: Subject) -> Image:
    """A face of 90 px."""
    scale = 90 / subject.view.extent
    return cv2.resize(subject.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def sepia(subject: Subject) -> Image:
    """In one hue."""
    grey = cv2.cvtColor(subject.image, cv2.COLOR_BGR2GRAY).astype(np.float32)[..., None]
    return np.clip(grey * np.array([0.70, 0.88, 1.0], np.float32), 0, 255).astype(np.uint8)


def spectacled(subject: Subject) -> Image:
    """Round rims drawn on."""
    image, mesh = subject.image.copy(), subject.view.mesh
    width = face_mesh.face_width(mesh)
    centres = [
        mesh[list(ids), :2].mean(axis=0) for ids in (face_mesh.LEFT_EYE, face_mesh.RIGHT_EYE)
    ]
    thick = max(round(0.022 * width), 1)
    for centre in centres:
        at = (round(float(centre[0])), round(float(centre[1])))
        cv2.circle(image, at, round(0.19 * width), (28, 24, 22), thick, cv2.LINE_AA)
    ends = [
        centre + np.array([sign * 0.19 * width, 0])
        for centre, sign in zip(centres, (1, -1), strict=True)
    ]
    corners = [tuple(int(v) for v in np.round(end)) for end in ends]
    cv2.line(image, corners[0], corners[1], (28, 24, 22), thick, cv2.LINE_AA)
    return image


def veiled(subject: Subject) -> Image:
    """A surgical mask drawn on."""
    image, mesh = subject.image.copy(), subject.view.mesh
    ids = [234, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 454, 197]
    cv2.fillConvexPoly(
        image,
        cv2.convexHull(np.round(mesh[ids, :2]).astype(np.int32)),
        (228, 212, 188),
        cv2.LINE_AA,
    )
    return image


def _curve(image: Image, exponent: float) -> Image:
    table = np.clip(255 * (np.arange(256) / 255) ** exponent, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)


@dataclass(frozen=True)
class Kind:
    """A kind of pair: which faces, and what is done to them first."""

    name: str
    source: Callable[[Subject], bool] = lambda subject: True
    target: Callable[[Subject], bool] = lambda subject: True
    source_change: Change | None = None
    target_change: Change | None = None


def _glasses(subject: Subject) -> bool:
    at = subject.view.mesh[None, :, :2]
    return float(subject.view.classes_at(at[..., 0], at[..., 1])[..., Part.GLASSES].mean()) > 0.1


def _fringe(subject: Subject) -> bool:
    top = [10, 338, 297, 67, 109, 103, 332, 69, 299, 104, 333, 108, 337]
    at = subject.view.mesh[None, top, :2]
    return float(subject.view.classes_at(at[..., 0], at[..., 1])[..., Part.HAIR].mean()) > 0.4


def _beard(subject: Subject) -> bool:
    return subject.view.unwrapped.full_beard


def _turned(subject: Subject) -> bool:
    return abs(subject.view.yaw) > 15


KINDS = (
    Kind("any"),
    Kind("dark on lighter", lambda s: s.shade == "dark", lambda s: s.shade != "dark"),
    Kind("lighter on dark", lambda s: s.shade != "dark", lambda s: s.shade == "dark"),
    Kind("dark on dark", lambda s: s.shade == "dark", lambda s: s.shade == "dark"),
    Kind("source beard", _beard, lambda s: not _beard(s)),
    Kind("target beard", lambda s: not _beard(s), _beard),
    Kind("source fringe", _fringe),
    Kind("target fringe", target=_fringe),
    Kind("source glasses", _glasses, lambda s: not _glasses(s)),
    Kind("target glasses", lambda s: not _glasses(s), _glasses),
    Kind("glasses drawn on target", lambda s: not _glasses(s), target_change=spectacled),
    Kind("mask drawn on target", target_change=veiled),
    Kind("both turned", _turned, _turned),
    Kind("open mouth on source", lambda s: face_mesh.mouth_opening(s.view.mesh) > 0.2),
    Kind("open mouth on target", target=lambda s: face_mesh.mouth_opening(s.view.mesh) > 0.2),
    Kind("source side-lit", source_change=side_lit),
    Kind("target side-lit", target_change=side_lit),
    Kind("source dim", source_change=dimmed),
    Kind("target dim", target_change=dimmed),
    Kind("source soft", source_change=soft),
    Kind("target soft", target_change=soft),
    Kind("target grainy", target_change=grainy),
    Kind("source small", source_change=small),
    Kind("target small", target_change=small),
    Kind("target tilted", target_change=tilted),
    Kind("target sepia", target_change=sepia),
)


# --- one pair --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What one pair measured."""

    sface: float
    sface_target: float
    arcface: float
    arcface_target: float
    figures: Figures


def measure_pair(source: Subject, target: Subject, style: Style | None = None) -> tuple[Row, Image]:
    """Draws and measures one pair."""
    photo = target.image.copy()
    drawing = draw_face(photo, target.view, [source.view], style)
    new = analyser().embed(photo, target.face)
    to_source, to_target = (
        analyser().similarity(new, analyser().embed(subject.image, subject.face))
        for subject in (source, target)
    )
    second = arcface(photo, target.face)
    other_source, other_target = (
        float("nan") if second is None else float(second @ arcface_of(subject))
        for subject in (source, target)
    )
    figures = measure_drawing(drawing, photo)
    return Row(to_source, to_target, other_source, other_target, figures), photo


@lru_cache(maxsize=1)
def _arcface_session() -> object | None:
    import onnxruntime

    path = SHARED / "models" / "mini" / "rec.onnx"
    if not path.is_file():
        return None
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def arcface(image: Image, face: Face) -> FloatArray | None:
    """Unit vector of a second network that the engine does not use; None without it."""
    session = _arcface_session()
    if session is None:
        return None
    matrix, _ = cv2.estimateAffinePartial2D(face.kps, (ARCFACE_112 * 112).astype(np.float32))
    crop = cv2.warpAffine(image, matrix, (112, 112), borderMode=cv2.BORDER_REPLICATE)
    batch = (crop[..., ::-1].astype(np.float32) - 127.5) / 127.5
    name = session.get_inputs()[0].name  # type: ignore[attr-defined]
    vector = session.run(None, {name: batch.transpose(2, 0, 1)[None]})[0][0]  # type: ignore[attr-defined]
    return vector / np.linalg.norm(vector)


def arcface_of(subject: Subject) -> FloatArray:
    """The same of an untouched face."""
    vector = arcface(subject.image, subject.face)
    assert vector is not None
    return vector


def pairs_of(kind: Kind, count: int, seed: int) -> Iterator[tuple[Subject, Subject]]:
    """`count` pairs of a kind, the same ones every time; refused pairs are left out."""
    chooser = random.Random(f"{kind.name}-{seed}")
    sources = [subject for subject in subjects() if kind.source(subject)]
    targets = [subject for subject in subjects() if kind.target(subject)]
    made = 0
    for _ in range(20 * count):
        if made == count or not sources or not targets:
            return
        source, target = chooser.choice(sources), chooser.choice(targets)
        if source.name.split("_")[:2] == target.name.split("_")[:2]:
            continue
        changed = _changed(source, kind.source_change), _changed(target, kind.target_change)
        if None in changed:
            continue
        source, target = changed  # type: ignore[assignment]
        if any(notice.level == "refused" for notice in check_pair(target.face, source.face)):
            continue
        made += 1
        yield source, target


def _changed(subject: Subject, change: Change | None) -> Subject | None:
    return subject if change is None else subject_of(subject.name, change(subject))


# --- the runs --------------------------------------------------------------------------------

_COLUMNS = ("n", "SFace", "to target", "ArcFace", "to target", "tone", "blotch", "seam", "sharp")


def print_rows(name: str, rows: Sequence[Row]) -> None:
    """One line of means."""
    if not rows:
        print(f"{name:26} no such faces here")
        return
    table = np.array(
        [
            [row.sface, row.sface_target, row.arcface, row.arcface_target]
            + [getattr(row.figures, item.name) for item in fields(Figures)]
            for row in rows
        ]
    )
    print(f"{name:26}{len(rows):6d}" + "".join(f"{value:10.2f}" for value in table.mean(axis=0)))


def print_header() -> None:
    """What the columns are."""
    print(f"{'':26}{_COLUMNS[0]:>6}" + "".join(f"{name:>10}" for name in _COLUMNS[1:]))


def run_kinds(count: int, seed: int, sheets: Path | None) -> None:
    """Figures of every kind, and a contact sheet of each."""
    print_header()
    for kind in KINDS:
        rows, tiles = [], []
        for source, target in pairs_of(kind, count, seed):
            row, photo = measure_pair(source, target)
            rows.append(row)
            tiles.append(
                np.hstack([_tile(source.view), _tile(target.view), _tile(target.view, photo)])
            )
        print_rows(kind.name, rows)
        if sheets is not None and tiles:
            sheets.mkdir(parents=True, exist_ok=True)
            tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 2)
            lines = [np.hstack(tiles[index : index + 2]) for index in range(0, len(tiles), 2)]
            cv2.imwrite(str(sheets / f"{kind.name.replace(' ', '_')}.jpg"), np.vstack(lines))


def run_tones(count: int, seed: int) -> None:
    """Figures by the tone of source and of target: is any of them worse off?"""
    print_header()
    for shade in ("dark", "middle", "light"):
        for side in ("source", "target"):

            def fits(subject: Subject, wanted: str = shade) -> bool:
                return subject.shade == wanted

            kind = Kind(f"{shade} {side}", **{side: fits})  # type: ignore[arg-type]
            print_rows(kind.name, [measure_pair(*pair)[0] for pair in pairs_of(kind, count, seed)])


@contextmanager
def _without(module: object, name: str, stand_in: object) -> Iterator[None]:
    with patch.object(module, name, stand_in):
        yield


def run_ablation(count: int, seed: int) -> None:
    """One stage off at a time, on pairs of any kind and on tones far apart."""
    kinds = [kind for kind in KINDS if kind.name in {"any", "dark on lighter", "lighter on dark"}]
    pairs = [pair for kind in kinds for pair in pairs_of(kind, count, seed)]
    off: dict[str, tuple[object, str, object]] = {
        "no features": (draw, "recolour_features", lambda image, *_: image),
        "LAB match alone": (draw, "relight", light.lab_match),
        "no pores": (paste, "with_pores", lambda image, *_: image),
        "no matched detail": (paste, "with_matched_detail", lambda image, *_: image),
        "source's light kept": (light, "_SHADE_OUT", 0.0),
    }
    print_header()
    print_rows("everything", [measure_pair(*pair)[0] for pair in pairs])
    for name, (module, attribute, stand_in) in off.items():
        with _without(module, attribute, stand_in):
            print_rows(name, [measure_pair(*pair)[0] for pair in pairs])
    for name, style in (
        ("target's shape", Style(Shape(amount=0.0))),
        ("plain fade", Style(blend="alpha")),
        ("mean shift", Style(colour="mean")),
    ):
        print_rows(name, [measure_pair(*pair, style)[0] for pair in pairs])


def _tile(view: FaceView, image: Image | None = None, side: int = 240) -> Image:
    photo = view.image if image is None else image
    scale = side / (1.9 * view.extent)
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = side / 2 - scale * view.mesh[:, :2].mean(axis=0)
    return cv2.warpAffine(
        photo, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12, help="pairs a kind")
    parser.add_argument("--tones", type=int, default=0, help="pairs a skin tone, instead of kinds")
    parser.add_argument("--ablate", action="store_true", help="switch stages off instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sheets", type=Path, default=None, help="folder for contact sheets")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"built-in swap, {machine()}, {len(subjects())} faces")
    if options.tones:
        run_tones(options.tones, options.seed)
    elif options.ablate:
        run_ablation(options.pairs, options.seed)
    else:
        run_kinds(options.pairs, options.seed, options.sheets)


if __name__ == "__main__":
    main()
