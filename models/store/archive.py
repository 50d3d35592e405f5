"""Taking the files of a card out of an archive, by name."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from models.store.cards import FileCard
from models.store.download import CHUNK_BYTES, MAX_BYTES, DownloadError
from models.store.files import put_in_place, sha256_of


def unpack(archive: Path, files: tuple[FileCard, ...], folder: Path) -> None:
    """Write each of `files` into `folder`, checked against its own size and digest.

    A member is found by the last part of its name, in whatever folder of the zip it lies; where
    it is written is decided by the card alone.

    Raises:
        DownloadError: the zip is broken or hostile, or a member is missing, not unique, too long
            or not what was pinned.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened)
            for file in files:
                _unpack_one(opened, _find(members, file.name), file, folder)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DownloadError(f"{archive.name}: it is no readable zip file") from error


def take_member(archive: Path, member: str, sha256: str, size: int, target: Path) -> None:
    """Write the one file `member` of a wheel or ``.tar.gz`` to `target`, checked.

    Nothing else of the archive is written, and nothing of it is run.

    Args:
        archive: the archive.
        member: path of the file inside it.
        sha256, size: what the file must be.
        target: where it goes.

    Raises:
        DownloadError: the archive is broken, or the file is missing or not what was pinned.
    """
    digest, here = hashlib.sha256(), 0
    try:
        with _opened_member(archive, member) as source, target.open("wb") as file:
            while chunk := source.read(CHUNK_BYTES):
                here += len(chunk)
                if here > size:
                    break
                digest.update(chunk)
                file.write(chunk)
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, EOFError, OSError) as error:
        target.unlink(missing_ok=True)
        raise DownloadError(f"{archive.name}: it cannot be read as an archive") from error
    except DownloadError:
        target.unlink(missing_ok=True)
        raise
    if here != size or digest.hexdigest() != sha256:
        target.unlink()
        raise DownloadError(f"{archive.name}: {member} in it is not the file that was pinned")


@contextmanager
def _opened_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    missing = DownloadError(f"{archive.name}: there is no {member} in it")
    if archive.name.endswith(".tar.gz"):
        # Read as a stream: no index of the whole archive is made.
        with tarfile.open(archive, "r|gz") as tar:
            for entry in tar:
                if entry.name == member and entry.isfile():
                    source = tar.extractfile(entry)
                    if source is None:
                        break
                    yield source
                    return
        raise missing
    with zipfile.ZipFile(archive) as opened:
        try:
            inside = opened.open(member)
        except KeyError as error:
            raise missing from error
        with inside:
            yield inside


def _members(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = []
    for member in opened.infolist():
        path = PurePosixPath(member.orig_filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.orig_filename:
            raise DownloadError("the zip holds a name that points outside it")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DownloadError("the zip holds a link")
        if not member.is_dir():
            members.append(member)
    return members


def _find(members: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    found = [member for member in members if PurePosixPath(member.filename).name == name]
    if len(found) != 1:
        raise DownloadError(f"{name}: the zip holds {len(found)} files of this name")
    return found[0]


def _unpack_one(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, file: FileCard, folder: Path
) -> None:
    made = folder / f".{file.name}.unpacked"
    limit = file.bytes if file.bytes is not None else MAX_BYTES
    try:
        # The size in the zip's directory is only a claim, so what really comes out is counted.
        with opened.open(member) as source, made.open("wb") as target:
            size = 0
            while chunk := source.read(CHUNK_BYTES):
                size += len(chunk)
                if size > limit:
                    raise DownloadError(f"{file.name}: it is longer than {limit} bytes")
                target.write(chunk)
        if file.bytes is not None and size != file.bytes:
            raise DownloadError(f"{file.name}: its size is {size} bytes and should be {file.bytes}")
        if sha256_of(made) != file.sha256:
            raise DownloadError(f"{file.name}: its SHA-256 digest is not the pinned one")
        put_in_place(made, folder / file.name)
    finally:
        made.unlink(missing_ok=True)
