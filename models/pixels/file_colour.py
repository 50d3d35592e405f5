"""The colour space that a picture file names by code points, as ITU-T H.273 has them.

For strangers' files, in the process that opens them: only the standard library, and every length
is checked before it is believed.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

CodePoints = tuple[int, int]
"""Primaries and transfer function."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Everything about the colour of a PNG stands before its pixels; files of phones have few chunks.
_MOST_CHUNKS: Final = 200
_MOST_BOX_BYTES: Final = 4 * 1024**2
# Boxes that hold boxes, and how many bytes stand before those (ISO/IEC 14496-12, 23008-12).
_HOLDERS: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0}


def png_code_points(file: BinaryIO) -> CodePoints | None:
    """What the chunk cICP says (PNG third edition, 11.3.2.6); None where it says nothing of use."""
    if file.read(8) != _PNG:
        return None
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IDAT":
            return None
        (length,) = struct.unpack(">I", head[:4])
        if head[4:] == b"cICP" and length == 4:
            primaries, transfer, matrix, full_range = file.read(4)
            # RGB of full range is all that a PNG can hold; browsers pass over the rest.
            return (primaries, transfer) if (matrix, full_range) == (0, 1) else None
        file.seek(length + 4, 1)
    return None


def heif_code_points(file: BinaryIO) -> CodePoints | None:
    """What the first colour box of kind nclx of a HEIF or AVIF file says."""
    for name, size in _boxes(file):
        if name == b"meta" and 4 <= size <= _MOST_BOX_BYTES:
            return next(_nclx(file.read(size)[4:]), None)
        if size < 0:
            return None
        file.seek(size, 1)
    return None


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and length of each box's content; -1 for one that goes on to the end.

    Whoever asks reads or skips the content before asking for the next.
    """
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        used = 8
        if size == 1:
            size, used = int.from_bytes(file.read(8), "big"), 16
        if size and size < used:
            return
        yield name, size - used if size else -1


def _nclx(content: bytes) -> Iterator[CodePoints]:
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        if size < 8:
            return
        inside = content[at + 8 : at + size]
        if name in _HOLDERS:
            yield from _nclx(inside[_HOLDERS[name] :])
        elif name == b"colr" and inside[:4] == b"nclx" and len(inside) >= 8:
            primaries, transfer = struct.unpack_from(">HH", inside, 4)
            yield primaries, transfer
        at += size
