"""Is this file the one that was pinned? Answered once per file, not once per start."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.store.files import locked, read_json, sha256_of, write_json
from models.store.onnx_file import OnnxProblem, check_onnx

logger = logging.getLogger(__name__)

# Raised when the checks become stricter, so that files are looked at again.
_CHECKS_VERSION: Final = 1

Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a file: its digest, and why it may not be loaded ("" for no reason)."""

    sha256: str
    problem: str


class Verifier:
    """Digests and safety checks of files, remembered in a file between runs.

    A finding holds as long as the file's size, modification time, change time and inode are those
    it was made for. The change time cannot be set back by ordinary means, so neither can a
    finding be kept alive by restoring a modification time.

    Args:
        folder: holds everything that is verified; findings are kept in it where it is writable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = folder / ".verified.json"
        self._lock = threading.Lock()
        self._found: dict[str, Any] = {}
        self._read_at: Identity | None = None

    def known(self, path: Path) -> Finding | None:
        """The remembered finding of `path` if it still holds; reads no content."""
        with self._lock:
            return self._recall(path)

    def examine(self, path: Path, *, again: bool = False) -> Finding:
        """The finding of `path`, made now where there is none that holds.

        Args:
            path: a file in the verifier's folder.
            again: read the content even if a finding is remembered.

        Raises:
            OSError: the file cannot be read.
        """
        finding = None if again else self.known(path)
        if finding is None:
            before = identity_of(path)
            finding = Finding(sha256_of(path), _problem(path))
            if identity_of(path) == before:
                with self._lock:
                    self._keep(path, before, finding)
        return finding

    def _recall(self, path: Path) -> Finding | None:
        self._reload()
        entry = self._found.get(self._name(path))
        try:
            if entry is None or entry["for"] != [_CHECKS_VERSION, *identity_of(path)]:
                return None
            return Finding(str(entry["sha256"]), str(entry["problem"]))
        except (KeyError, TypeError):
            return None

    def _reload(self) -> None:
        """Another process may have examined files since."""
        record = identity_of(self._record) if self._record.exists() else None
        if record != self._read_at:
            self._found.update(read_json(self._record))
            self._read_at = record

    def _keep(self, path: Path, identity: Identity, finding: Finding) -> None:
        entry = {
            "for": [_CHECKS_VERSION, *identity],
            "sha256": finding.sha256,
            "problem": finding.problem,
        }
        self._found[self._name(path)] = entry
        try:
            with locked(self._folder / ".verified.lock"):
                write_json(self._record, {**read_json(self._record), self._name(path): entry})
        except OSError:
            logger.info("the weights folder is not writable; digests are checked at every start")

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def identity_of(path: Path) -> Identity:
    """Size, modification time, change time and inode: what changes when the content does."""
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def _problem(path: Path) -> str:
    if path.suffix != ".onnx":
        return ""
    try:
        check_onnx(path)
    except OnnxProblem as problem:
        return str(problem)
    return ""
