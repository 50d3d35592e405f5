"""Part of a stored file, read piece by piece from wherever files are kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, cast

from django.db.models.fields.files import FieldFile

CHUNK: Final = 256 * 1024


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class FileBytes(AbstractContextManager["FileBytes"]):
    """The next ``length`` bytes of an open file, in pieces of at most `CHUNK`; closes it."""

    def __init__(self, source: _Source, length: int) -> None:
        self._source = source
        self._left = length

    def next_piece(self) -> bytes:
        """The next piece; empty at the end, and where the file is shorter than it should be."""
        piece = self._source.read(min(CHUNK, self._left)) if self._left > 0 else b""
        self._left -= len(piece)
        return piece

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.next_piece():
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncFileBytes:
    """`FileBytes` for an event loop: each piece is read by a thread."""

    def __init__(self, content: FileBytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(self._content.next_piece):
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._content.close()


def file_bytes(file: FieldFile, first: int, last: int) -> FileBytes:
    """The bytes from ``first`` to ``last`` of a stored file, both included, to be closed.

    Raises:
        FileNotFoundError: the file is not there.
    """
    bucket: Any = getattr(file.storage, "bucket", None)
    if bucket is None:
        opened = cast(BinaryIO, file.storage.open(str(file.name), "rb"))
        opened.seek(first)
        return FileBytes(opened, last - first + 1)
    # Opening a file of the S3 storage would fetch all of it.
    return FileBytes(_s3_body(file.storage, str(file.name), first, last), last - first + 1)


def _s3_body(storage: Any, name: str, first: int, last: int) -> _Source:
    from botocore.exceptions import ClientError

    stored = storage.bucket.Object(storage._normalize_name(name))
    asked = {"Range": f"bytes={first}-{last}"} if last >= first else {}
    try:
        body: _Source = stored.get(**asked)["Body"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise FileNotFoundError(name) from error
        raise
    return body
