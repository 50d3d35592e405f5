"""Copies of models that are made on this machine, for it: proved equal, then trusted.

A copy is a folder that appears complete or not at all. Its ``ready.json`` names the digest of each
file and what the file looked like when it was made, so that a later start only compares sizes and
times, and reads the content again when one of those has changed.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from models.store.files import locked, read_json, sha256_of, write_json
from models.store.verification import identity_of

_READY: Final = "ready.json"


class CopyFailed(Exception):
    """A copy could not be made or is not equal to its original; the text says why."""


def kept_copy(folder: Path, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The facts about the copy in `folder`, which is made if it is missing or damaged.

    Args:
        folder: where the copy is, or will be.
        make: fills an empty folder and returns facts about it, JSON values all of them.

    Returns:
        What `make` returned when the copy was made.

    Raises:
        CopyFailed: from `make`.
        OSError: the disk does not allow it.
    """
    facts = _intact(folder)
    if facts is not None:
        return facts
    with locked(folder.with_name(f".{folder.name}.lock")):
        # Another process may have made it while this one waited.
        facts = _intact(folder)
        if facts is not None:
            return facts
        _clear_leftovers(folder)
        made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.making")
        made.mkdir()
        try:
            facts = make(made)
            write_json(made / _READY, {"facts": facts, "files": _describe(made)})
            shutil.rmtree(folder, ignore_errors=True)
            made.replace(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return facts


def _intact(folder: Path) -> dict[str, Any] | None:
    ready = read_json(folder / _READY)
    facts, files = ready.get("facts"), ready.get("files")
    if not isinstance(facts, dict) or not isinstance(files, dict):
        return None
    moved = False
    for name, entry in files.items():
        path = folder / name
        if not path.is_file():
            return None
        if entry.get("identity") != _identity(path):
            if entry.get("sha256") != sha256_of(path):
                return None
            moved = True
    if moved and os.access(folder, os.W_OK):
        write_json(folder / _READY, {"facts": facts, "files": _describe(folder)})
    return facts


def _describe(folder: Path) -> dict[str, Any]:
    return {
        path.name: {"sha256": sha256_of(path), "identity": _identity(path)}
        for path in folder.iterdir()
        if path.is_file() and path.name != _READY
    }


def _identity(path: Path) -> list[int]:
    return list(identity_of(path))


def _clear_leftovers(folder: Path) -> None:
    """What a process left behind that died while it made this very copy."""
    for path in folder.parent.glob(f".{folder.name}.*.making"):
        shutil.rmtree(path, ignore_errors=True)
