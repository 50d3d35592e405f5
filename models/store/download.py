"""Fetching one file: resumed where it broke off, checked before it gets its name."""

from __future__ import annotations

import base64
import http.client
import io
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from models.store.files import locked, put_in_place, sha256_of

CHUNK_BYTES: Final = 1024 * 1024
MAX_BYTES: Final = 4 * 1024**3
"""No file of unknown size may grow beyond this."""

_DISK_RESERVE_BYTES: Final = 64 * 1024 * 1024
_USER_AGENT: Final = "faceweb"

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes that there will be, None if not known."""


class DownloadError(Exception):
    """A file could not be had; the text says why and what to do."""


class NotFound(DownloadError):
    """The place that was asked does not have the file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file must be: its digest and, where it is known, its exact size in bytes."""

    sha256: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: tries in a row that bring no new byte before giving up.
        timeout: seconds without a byte before a connection counts as lost.
        pause: seconds before the second try, doubled for each further one.
    """

    attempts: int = 4
    timeout: float = 30.0
    pause: float = 1.0


def fetch(
    url: str,
    target: Path,
    wanted: Wanted,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
    context: ssl.SSLContext | None = None,
) -> None:
    """Bring the file at `url` to `target`.

    Bytes go to a ``.part`` file beside the target, which a later call continues, and are named
    `target` only once size and digest are right. Two calls for one target wait for each other.

    Args:
        url: ``https://``, ``http://`` or ``file://``.
        target: where the file goes; its folder is made.
        wanted: what it must be.
        progress: told how far it is.
        patience: how long to try.
        context: what a TLS connection is checked with, None for the system's way.

    Raises:
        NotFound: the file is not there.
        DownloadError: it cannot be had, or is not what was pinned.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with locked(target.with_name(f".{target.name}.lock")):
        patience = patience or Patience()
        resumed = _bring(url, part, wanted, progress, patience, context)
        problem = _mismatch(part, wanted)
        if problem and resumed:
            # What lay here from an earlier try may have been the bad half: once more, all of it.
            part.unlink()
            _bring(url, part, wanted, progress, patience, context)
            problem = _mismatch(part, wanted)
        if problem:
            part.unlink()
            raise DownloadError(f"{target.name}: {problem}. It was thrown away.")
        put_in_place(part, target)


def _mismatch(part: Path, wanted: Wanted) -> str:
    size = part.stat().st_size
    if wanted.bytes is not None and size != wanted.bytes:
        return f"its size is {size} bytes and should be {wanted.bytes}"
    if sha256_of(part) != wanted.sha256:
        return "its SHA-256 digest is not the pinned one"
    return ""


def _bring(
    url: str,
    part: Path,
    wanted: Wanted,
    progress: Progress | None,
    patience: Patience,
    context: ssl.SSLContext | None,
) -> bool:
    """Fill `part` from `url`; whether it held something at the start."""
    limit = wanted.bytes if wanted.bytes is not None else MAX_BYTES
    if part.exists() and part.stat().st_size > limit:
        part.unlink()
    at_start = _size(part)
    failures = 0
    while True:
        before = _size(part)
        if wanted.bytes is not None and before == wanted.bytes:
            return at_start > 0
        try:
            answer = _open(url, before, patience.timeout, context)
            with closing(answer.stream):
                _pour(answer, part, limit, wanted, progress)
        except _Lost as error:
            failures = 0 if _size(part) > before else failures + 1
            if failures >= patience.attempts:
                raise DownloadError(
                    f"{part.stem}: {error}. What has arrived is kept: pull again to go on."
                ) from error
            time.sleep(patience.pause * 2 ** max(failures - 1, 0))
        else:
            return at_start > 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Lost(Exception):
    """The connection failed in a way that another try may mend."""


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """An open source: where its first byte belongs, and how long the whole file is."""

    stream: _Stream
    start: int
    total: int | None


def _open(url: str, start: int, timeout: float, context: ssl.SSLContext | None) -> _Answer:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _open_file(Path(unquote(parts.path)))
    if parts.scheme not in {"http", "https"}:
        raise DownloadError("only http, https and file addresses are fetched")
    request = request_of(url, {"Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(  # noqa: S310 - the scheme was checked just above
            request, timeout=timeout, context=context
        )
    except urllib.error.HTTPError as error:
        return _refused(error, url, start)
    except (http.client.HTTPException, OSError) as error:
        raise _Lost(f"the connection failed ({_reason(error)})") from error
    length = response.headers.get("Content-Length")
    size = int(length) if length is not None and length.isdigit() else None
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return _Answer(response, 0, size)
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        raise DownloadError("the server sent another part of the file than was asked for")
    return _Answer(response, start, None if size is None else start + size)


def request_of(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    """A request for an ``http(s)`` address; a user and password in it go into a header."""
    parts = urlsplit(url)
    sent = {"User-Agent": _USER_AGENT, **headers}
    user, at, host = parts.netloc.rpartition("@")
    if at:
        url = parts._replace(netloc=host).geturl()
        secret = base64.b64encode(unquote(user).encode()).decode("ascii")
        sent["Authorization"] = f"Basic {secret}"
    return urllib.request.Request(url, headers=sent)  # noqa: S310 - the caller checks the scheme


def _open_file(path: Path) -> _Answer:
    try:
        return _Answer(path.open("rb"), 0, path.stat().st_size)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{path.name}: there is no such file in the folder") from error
    except OSError as error:
        raise DownloadError(f"{path.name}: it cannot be read ({_reason(error)})") from error


def _refused(error: urllib.error.HTTPError, url: str, start: int) -> _Answer:
    name = urlsplit(url).path.rpartition("/")[2]
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
        # There is nothing beyond what is here already: the digest tells whether that is all.
        error.close()
        return _Answer(io.BytesIO(), start, start)
    if error.code in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE}:
        raise NotFound(f"{name}: the server does not have it (HTTP {error.code})") from error
    if error.code == http.HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500:
        raise _Lost(f"the server answered HTTP {error.code}") from error
    raise DownloadError(f"{name}: the server refused it (HTTP {error.code})") from error


def _pour(
    answer: _Answer, part: Path, limit: int, wanted: Wanted, progress: Progress | None
) -> None:
    """Append what `answer` gives to `part`, or write `part` anew if it starts from zero."""
    if wanted.bytes is not None and answer.total not in {None, wanted.bytes}:
        part.unlink(missing_ok=True)
        raise DownloadError(
            f"{part.stem}: the size offered is {answer.total} bytes and should be {wanted.bytes}"
        )
    here = answer.start
    needed = max((wanted.bytes or answer.total or 0) - here, 0)
    if shutil.disk_usage(part.parent).free < needed + _DISK_RESERVE_BYTES:
        raise DownloadError(f"{part.stem}: the disk has no room for {needed} more bytes")
    with part.open("r+b" if here else "wb") as file:
        file.truncate(here)
        file.seek(here)
        while chunk := _read(answer.stream):
            here += len(chunk)
            if here > limit:
                raise DownloadError(f"{part.stem}: it is longer than the {limit} bytes it may have")
            file.write(chunk)
            if progress:
                progress(here, wanted.bytes or answer.total)
    if here < (answer.total or wanted.bytes or 0):
        raise _Lost("the connection broke off")


def _read(stream: _Stream) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except (http.client.HTTPException, OSError) as error:
        raise _Lost(f"the connection broke off ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return type(getattr(error, "reason", None) or error).__name__
