"""What must hold of every picture, on the faces that are there: ``python -m bench.pictures``.

Random pairs and single faces from the folders of `bench.quality`, or the two sample photos that
packages bring, changed in the ways of its kinds, are swapped and edited by the built-in engines
until the time is over. How good they look is `bench.quality`'s and `bench.edit`'s business; here
these must hold of each:

- it is done, or refused with a code; nothing else is raised;
- outside of what the engine says it touched, every pixel is the photo's own;
- the photos given in are not changed, and the picture has the photo's size.

Needs the built-in networks (``FACEWEB_TEST_NETWORKS`` or the weights folder); without them it says
so and does nothing.
"""

from __future__ import annotations

import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from bench import quality
from bench._budget import Budget, budget_parser
from bench._timing import machine
from editing.engines.base import EditRequest
from editing.engines.builtin import OPTIONS as EDIT_OPTIONS
from editing.engines.builtin.engine import BuiltinEditEngine
from models.faces.face import Face
from models.pixels.imaging import Box, Image
from models.refusals import Refusal
from swaps.engines.base import Source, Target
from swaps.engines.builtin import OPTIONS as SWAP_OPTIONS
from swaps.engines.builtin.engine import BuiltinSwapEngine
from tests.conftest import sample_path

KEPT_PHOTOS: Final = 24
"""Photos that are held at once; others take their places."""
CHANGES: Final = tuple(
    dict.fromkeys(kind.target_change for kind in quality.KINDS if kind.target_change)
)


@lru_cache(maxsize=1)
def photo_paths() -> list[Path]:
    """The photos of the two folders, or the samples where they are not here."""
    found = [
        path for folder in ("faces", "photos") for path in (quality.SHARED / folder).glob("*.jpg")
    ]
    return sorted(found) or [sample_path("astronaut"), sample_path("hopper")]


@lru_cache(maxsize=KEPT_PHOTOS)
def photo_read(path: Path) -> tuple[Image, tuple[Face, ...]]:
    """A photo, uint8 (H, W, 3) BGR, and the faces found in it."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        return np.zeros((1, 1, 3), np.uint8), ()
    found = quality.analyser().find_faces(np.asarray(image, np.uint8))
    return np.asarray(image, np.uint8), tuple(found)


def photo_draw(chooser: random.Random) -> tuple[str, Image, Face] | None:
    """A photo and one of its faces, half of the time changed; None where there is no face."""
    path = chooser.choice(photo_paths())
    image, faces = photo_read(path)
    if not faces:
        return None
    face, name = chooser.choice(faces), path.stem
    if chooser.random() < 0.5:
        change = chooser.choice(CHANGES)
        subject = quality.subject_of(name, image, face)
        if subject is None:
            return None
        image, name = change(subject), f"{name}, {change.__name__}"
        faces = tuple(quality.analyser().find_faces(image))
        if not faces:
            return None
        face = chooser.choice(faces)
    return name, image, face


def picture_broken(photo: Image, before: Image, made: Image, touched: Sequence[Box]) -> list[str]:
    """A sentence for each rule that a picture breaks."""
    found = []
    if not np.array_equal(photo, before):
        found.append("the photo that was given was changed")
    if made.shape != before.shape or made.dtype != np.uint8:
        return [*found, f"{made.dtype} {made.shape} instead of the photo's {before.shape}"]
    outside = np.ones(before.shape[:2], bool)
    for x1, y1, x2, y2 in touched:
        outside[max(y1, 0) : y2, max(x1, 0) : x2] = False
    changed = int((made[outside] != before[outside]).any(axis=-1).sum())
    if changed:
        found.append(f"{changed} pixels changed outside of what was touched")
    return found


def swap_try(engine: BuiltinSwapEngine, chooser: random.Random) -> tuple[str, list[str]] | None:
    """One pair: what came of it and what is wrong with it; None where there was none."""
    onto, of = photo_draw(chooser), photo_draw(chooser)
    if onto is None or of is None:
        return None
    (target_name, photo, face), (source_name, source, new) = onto, of
    options = {
        option.key: option.check(chooser.choice(option.items).value)  # type: ignore[attr-defined]
        for option in SWAP_OPTIONS
        if option.kind == "choice" and chooser.random() < 0.3
    }
    before, source_before = photo.copy(), source.copy()
    name = f"swap of {source_name} onto {target_name} with {options}"
    try:
        result = engine.run(photo, [Source(source, new)], [Target(face)], options)
    except Refusal as refusal:
        return refusal.code, [] if refusal.code else [f"{name}: refused without a code"]
    except Exception:
        return "crashed", [f"{name}:\n{traceback.format_exc()}"]
    found = picture_broken(photo, before, result.image, result.touched)
    if not np.array_equal(source, source_before):
        found.append("the source that was given was changed")
    return "done", [f"{name}: {sentence}" for sentence in found]


def edit_try(engine: BuiltinEditEngine, chooser: random.Random) -> tuple[str, list[str]] | None:
    """One edit: what came of it and what is wrong with it; None where there was no face."""
    drawn = photo_draw(chooser)
    if drawn is None:
        return None
    name, photo, face = drawn
    request = EditRequest(
        smile=chooser.choice((-1.0, -0.4, 0.0, 0.4, 1.0)), age=chooser.choice((-1.0, 0.5, 1.0))
    )
    before = photo.copy()
    name = f"edit of {name}, smile {request.smile}, age {request.age}"
    try:
        study = engine.study(photo, face)
        made = study.versions([request])[0]
        touched = study.touched()
    except Refusal as refusal:
        return refusal.code, [] if refusal.code else [f"{name}: refused without a code"]
    except Exception:
        return "crashed", [f"{name}:\n{traceback.format_exc()}"]
    found = picture_broken(photo, before, made, [touched])
    return "done", [f"{name}: {sentence}" for sentence in found]


def pictures(seconds: float, seed: int) -> int:
    """Swap and edit for so long; 1 where a rule was broken."""
    chooser = random.Random(seed)
    swapper = BuiltinSwapEngine(quality.analyser())
    editor = BuiltinEditEngine(quality.analyser(), quality.analyser(), EDIT_OPTIONS)
    tries: tuple[tuple[str, Callable[[], tuple[str, list[str]] | None]], ...] = (
        ("swap", lambda: swap_try(swapper, chooser)),
        ("edit", lambda: edit_try(editor, chooser)),
    )
    outcomes: Counter[str] = Counter()
    broken: list[str] = []
    budget = Budget(seconds)
    while budget.is_left:
        for kind, attempt in tries:
            answer = attempt()
            if answer is None:
                outcomes[f"{kind}: no face to be found"] += 1
                continue
            outcomes[f"{kind}: {answer[0]}"] += 1
            broken += answer[1]
    print(f"pictures, {machine()}, {len(photo_paths())} photos")
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:8} {outcome}")
    for sentence in broken:
        print(f"BROKEN: {sentence}")
    print(f"pictures: seed {seed}, {sum(outcomes.values())} tried, {len(broken)} broken")
    return 1 if broken else 0


def main() -> int:
    """Run for as long as is said."""
    said = budget_parser(__doc__).parse_args()
    seed = random.SystemRandom().randrange(10**9) if said.seed is None else said.seed
    cv2.setNumThreads(1)
    analyser = quality.analyser()
    try:
        photo_read(sample_path("astronaut"))
    except Exception as error:
        print(f"pictures: left out, the built-in networks are not here ({error})")
        return 0
    if not (analyser.can_identify):
        print("pictures: left out, the built-in networks are not all here")
        return 0
    return pictures(said.seconds, seed)


if __name__ == "__main__":
    sys.exit(main())
