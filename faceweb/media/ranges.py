"""Which part of a file a request asks for: RFC 9110, sections 13.1.5 (If-Range) and 14 (Range)."""

import re
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

# One range. Several at once, as no browser asks for them, get the whole file: 14.2 allows that.
_RANGE: Final = re.compile(r"bytes=\s*(\d{0,20})-(\d{0,20})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``first`` to ``last``, both included."""

    first: int
    last: int


class UnsatisfiableRange(Exception):
    """The range lies wholly beyond the end of the file."""


def range_of(request: HttpRequest, *, size: int, etag: str) -> ByteRange | None:
    """The part of a file that is asked for; None where that is all of it.

    Args:
        request: its method, ``Range`` and ``If-Range`` are read.
        size: of the file in bytes.
        etag: its strong entity tag, in quotes.

    Raises:
        UnsatisfiableRange: nothing of what is asked for is there.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or request.method != "GET":
        return None
    # A date never matches: files here have none that would tell one from another.
    if request.headers.get("If-Range", etag) != etag:
        return None
    begin, end = asked[1], asked[2]
    if not begin:
        return _suffix(end, size)
    first = int(begin)
    last = min(int(end), size - 1) if end else size - 1
    if end and int(end) < first:
        return None  # Not valid, and so ignored: 14.1.1.
    if first >= size:
        raise UnsatisfiableRange
    return ByteRange(first, last)


def _suffix(length: str, size: int) -> ByteRange | None:
    """The last ``length`` bytes."""
    if not length:
        return None
    if int(length) == 0 or size == 0:
        raise UnsatisfiableRange
    return ByteRange(max(size - int(length), 0), size - 1)
