"""Directions in W+ along which a face changes in one way, read from a manifest and its files.

A manifest is TOML, one table per direction; ``directions.toml`` beside this module explains the
keys and holds the two that the site knows by name, smile and age. The vectors are those of
InterFaceGAN (Shen et al., "InterFaceGAN: interpreting the disentangled face representation learned
by GANs", IEEE TPAMI 2020) for StyleGAN2-FFHQ; vectors of another generator do nothing sensible.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from editing.tensor_file import TensorFileError, read_tensor
from models.faces.face import FloatArray

MANIFEST_PATH: Final = Path(__file__).resolve().with_suffix(".toml")
MANIFEST_NAME: Final = MANIFEST_PATH.name

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\.(pt|npy)")
_NORMS: Final = (0.01, 10.0)
_NORM_TOLERANCE: Final = 1e-3
_MAX_RANGE: Final = 30.0


class DirectionError(ValueError):
    """A manifest or a direction's file cannot be used; the text names the direction."""


@dataclass(frozen=True)
class DirectionCard:
    """What a manifest says of one direction.

    Attributes:
        key: its name for programs.
        file: name of its file.
        range: length of the step at full strength, in units of the vector.
        label: its name for people.
        sha256: digest that the file must have, or None.
        norm: root mean square of the row norms that the vector must have, or None.
        orthogonal_to: keys of directions whose share is taken out of this one.
        rows: first and last layer it acts on, or None for all.
        slider: whether people can ask for it.
    """

    key: str
    file: str
    range: float
    label: str
    sha256: str | None = None
    norm: float | None = None
    orthogonal_to: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    slider: bool = True


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction ready for use.

    Attributes:
        card: where it came from.
        step: float32 (layers, width), what strength 1 adds to W+.
    """

    card: DirectionCard
    step: FloatArray


def read_cards(manifest: Path) -> dict[str, DirectionCard]:
    """The cards of a manifest, by key.

    Raises:
        DirectionError: the file is not TOML of the documented form.
        OSError: the file cannot be read.
    """
    try:
        tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DirectionError(f"{manifest.name} is not TOML: {error}") from error
    return {key: _card(key, table) for key, table in tables.items()}


def load_directions(folders: Iterable[Path], layers: int, width: int = 512) -> dict[str, Direction]:
    """Every direction whose file is there, ready for a generator of `layers` layers.

    The site's own manifest comes first, then the manifest of each folder that has one; a later card
    takes the place of an earlier one of its name. A card's file is looked for in every folder. A
    direction of the site's own manifest whose file is nowhere is left out; one that an operator has
    added must be whole.

    Raises:
        DirectionError: a manifest or a file is wrong.
    """
    folders = [folder for folder in folders if folder.is_dir()]
    own = read_cards(MANIFEST_PATH)
    cards = dict(own)
    for folder in folders:
        if (folder / MANIFEST_NAME).is_file():
            cards |= read_cards(folder / MANIFEST_NAME)
    rows: dict[str, NDArray[np.float64]] = {}
    for key, card in cards.items():
        path = next((f / card.file for f in folders if (f / card.file).is_file()), None)
        if path is not None:
            rows[key] = read_rows(card, path, layers, width)
        elif own.get(key) is not card:
            raise DirectionError(f"direction {key}: its file {card.file} is missing")
    return {key: _ready(cards[key], rows) for key in rows}


def read_rows(card: DirectionCard, path: Path, layers: int, width: int) -> NDArray[np.float64]:
    """A direction's vector for each layer, float64 (layers, width), checked against its card.

    Files hold one row for all layers, (width,) or (1, width), or a row for each layer, also
    flattened or with a leading axis of 1. Rows beyond `layers`, which belong to resolutions that
    the generator does not draw, are dropped.

    Raises:
        DirectionError: digest, shape or norm is wrong, or the file holds no plain array.
    """
    if card.sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != card.sha256:
        raise DirectionError(f"direction {card.key}: {path.name} is not the file it should be")
    try:
        array = read_tensor(path)
    except TensorFileError as error:
        raise DirectionError(f"direction {card.key}: {error}") from error
    count, rest = divmod(array.size, width)
    shapes = {(count * width,), (1, count * width), (count, width), (1, count, width)}
    if rest or array.shape not in shapes or not (count == 1 or count >= layers):
        raise DirectionError(
            f"direction {card.key}: shape {array.shape} fits no generator of {layers} layers"
        )
    rows = array.reshape(count, width)
    norm = rms_norm(rows)
    if not _NORMS[0] <= norm <= _NORMS[1]:
        raise DirectionError(f"direction {card.key}: a norm of {norm:.3g} is out of range")
    if card.norm is not None and abs(norm - card.norm) > _NORM_TOLERANCE * card.norm:
        raise DirectionError(f"direction {card.key}: its norm is {norm:.4f}, not {card.norm:.4f}")
    return np.repeat(rows, layers, axis=0) if count == 1 else rows[:layers].copy()


def rms_norm(rows: NDArray[np.float64]) -> float:
    """Root mean square of the norms of `rows` (N, D)."""
    return float(np.sqrt((rows**2).sum(axis=1).mean()))


def without(
    direction: NDArray[np.float64], others: Iterable[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """`direction` less its projection on the span of `others`, layer by layer.

    The conditional manipulation of InterFaceGAN, section 3.2: moving along the result leaves the
    attributes of the others as they are. All arrays are float64 (layers, width).
    """
    stacked = np.stack(list(others), axis=1)
    inverse = np.linalg.pinv(stacked)
    projected = np.einsum("lwk,lkv,lv->lw", inverse, stacked, direction)
    return direction - projected


def _ready(card: DirectionCard, rows: Mapping[str, NDArray[np.float64]]) -> Direction:
    vector = rows[card.key]
    others = [rows[key] for key in card.orthogonal_to if key in rows]
    if others:
        vector = without(vector, others)
    if card.rows is not None:
        first, last = card.rows
        kept = np.zeros_like(vector)
        kept[first : last + 1] = vector[first : last + 1]
        vector = kept
    return Direction(card, (vector * card.range).astype(np.float32))


def _card(key: str, table: Any) -> DirectionCard:
    def wrong(problem: str) -> DirectionError:
        return DirectionError(f"direction {key}: {problem}")

    if not _NAME.fullmatch(key):
        raise wrong("a name has small letters, digits and underscores only")
    if not isinstance(table, dict):
        raise wrong("expected a table")
    known = set(DirectionCard.__dataclass_fields__) - {"key"}
    if unknown := sorted(set(table) - known):
        raise wrong(f"unknown key {unknown[0]}")
    file, reach = table.get("file"), table.get("range", 0)
    if not isinstance(file, str) or not _FILE_NAME.fullmatch(file):
        raise wrong("file must be the plain name of a .pt or .npy file")
    if not _is_number(reach) or not 0 < reach <= _MAX_RANGE:
        raise wrong(f"range must be a number above 0 and at most {_MAX_RANGE:g}")
    label = table.get("label", key.replace("_", " ").capitalize())
    if not isinstance(label, str) or not 0 < len(label) <= 40:
        raise wrong("label must be a text of at most 40 characters")
    digest = table.get("sha256")
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", str(digest)):
        raise wrong("sha256 must be 64 hexadecimal digits")
    norm = table.get("norm")
    if norm is not None and not (_is_number(norm) and norm > 0):
        raise wrong("norm must be a number above 0")
    others = table.get("orthogonal_to", [])
    if not isinstance(others, list) or not all(isinstance(o, str) and o != key for o in others):
        raise wrong("orthogonal_to must be a list of other directions")
    span = table.get("rows")
    if span is not None and not _is_span(span):
        raise wrong("rows must be the first and the last layer, such as [3, 8]")
    slider = table.get("slider", True)
    if not isinstance(slider, bool):
        raise wrong("slider must be true or false")
    rows = None if span is None else (span[0], span[1])
    return DirectionCard(key, file, reach, label, digest, norm, tuple(others), rows, slider)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_span(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
        and 0 <= value[0] <= value[1]
    )
