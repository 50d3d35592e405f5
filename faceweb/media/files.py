"""The stored files of assets: written before their row, removed after it, never left behind."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import DatabaseError

from faceweb.media.models import Asset, Rendition

logger = logging.getLogger(__name__)

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
class NewFile:
    """One file ready to be stored, of ``width`` x ``height`` pixels."""

    media_type: str
    width: int
    height: int
    file: File


@dataclass(frozen=True)
class Picture:
    """A clean picture ready to be stored: its size, and its files by their role."""

    width: int
    height: int
    files: dict[str, NewFile]

    @property
    def bytes(self) -> int:
        """All files together."""
        return sum(new.file.size for new in self.files.values())


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


def files_store(asset: Asset, picture: Picture) -> None:
    """Write the files, and a rendition for each on ``asset``, whose row is there already.

    To be called within `files_roll_back`, which knows what was written when something fails.
    """
    written = _written.get()
    renditions = []
    for role, new in picture.files.items():
        rendition = Rendition(
            asset=asset,
            role=role,
            media_type=new.media_type,
            width=new.width,
            height=new.height,
            bytes=new.file.size,
            sha256=_digest(new.file),
        )
        rendition.file.save(role, new.file, save=False)
        if written is not None:
            written.append(str(rendition.file.name))
        renditions.append(rendition)
    Rendition.objects.bulk_create(renditions)


def _digest(file: File) -> str:
    """SHA-256 of a file in hex; it is read from its beginning and left there."""
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def rowless(names: Iterable[str]) -> list[str]:
    """Those of the stored files that belong to no asset."""
    wanted = list(names)
    kept = set(Rendition.objects.filter(file__in=wanted).values_list("file", flat=True))
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
