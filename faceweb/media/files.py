"""The stored files of photos: written before their row, removed after it, never left behind."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.db.models import Q

from faceweb.media.models import Asset

logger = logging.getLogger(__name__)

FIELDS = ("original", "preview", "thumb")

_written: ContextVar[list[str] | None] = ContextVar("names of files written", default=None)


class FinishedFile(File):
    """A file on this disk that the storage may move into place instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        """Django's file storage moves what has this method."""
        return str(self._path)


@dataclass(frozen=True)
class Picture:
    """A clean picture ready to be stored: its size, and its copies by the name of their field."""

    width: int
    height: int
    copies: dict[str, File]

    @property
    def bytes(self) -> int:
        """All copies together."""
        return sum(copy.size for copy in self.copies.values())


@contextmanager
def files_roll_back() -> Iterator[None]:
    """Put round a transaction: when it fails, the files written in it go as its rows go."""
    outer = _written.get()
    written: list[str] = []
    token = _written.set(written)
    try:
        yield
    except BaseException:
        try:
            # The failure may have come after the commit, from something that waited for it.
            files_remove(rowless(written))
        except DatabaseError:
            logger.warning("files of a failed transaction are left to the hourly sweep")
        raise
    else:
        if outer is not None:
            outer.extend(written)
    finally:
        _written.reset(token)


def files_store(photo: Asset, picture: Picture) -> None:
    """Write the copies and point ``photo``, not saved yet, at them.

    To be called within `files_roll_back`, which knows what was written when something fails.
    """
    written = _written.get()
    for field in FIELDS:
        copy = picture.copies[field]
        stored: Any = getattr(photo, field)
        stored.save(copy.name, copy, save=False)
        if written is not None:
            written.append(stored.name)
    photo.bytes = picture.bytes


def rowless(names: Iterable[str]) -> list[str]:
    """Those of the stored files that belong to no photo."""
    wanted = list(names)
    if not wanted:
        return []
    match = Q()
    for field in FIELDS:
        match |= Q(**{f"{field}__in": wanted})
    kept = {name for row in Asset.objects.filter(match).values_list(*FIELDS) for name in row}
    return [name for name in wanted if name not in kept]


def files_remove(names: Iterable[str]) -> None:
    """Remove stored files; one that is gone already, or will not go, stops nothing."""
    storage = default_storage
    for name in names:
        try:
            storage.delete(name)
        except Exception as error:
            # What stays behind without a row is found by the hourly sweep.
            logger.warning("a stored file could not be removed: %s", type(error).__name__)
