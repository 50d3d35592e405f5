"""Metadata in JPEG and WebP files, byte by byte: what goes in before signing, what comes out.

For files that this site encoded itself; strangers' files are read in the sandbox alone.
No Django.
"""

import re
import struct
from collections.abc import Iterator
from typing import Final

SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# IPTC NewsCodes: an edit of a captured picture with the help of a trained model.
HISTORY: Final = "faceweb.history"
DIGITAL_SOURCE_TYPE: Final = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"

# XMP Specification Part 3, 1.1.3 (JPEG): the packet's namespace and a zero byte.
_XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\x00"
# IPTC Photo Metadata Standard, Digital Source Type: Iptc4xmpExt:DigitalSourceType, XMP only.
_XMP: Final = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="faceweb"
    Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()
# As an attribute, as the text of an element, or as its rdf:resource.
_STATED: Final = re.compile(
    rb":DigitalSourceType(?:\s*=\s*[\"']|\s*>\s*|\s+rdf:resource\s*=\s*[\"'])"
    rb"(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/)?([A-Za-z]{3,60})"
)

_APP11 = 0xEB
_C2PA = b"C2PA"
_SOS = 0xDA
_VP8X_XMP = 0x04


def source_type_write(content: bytes, media_type: str) -> bytes:
    """The file with an XMP packet that names its digital source type.

    Args:
        content: a JPEG or a lossy WebP without XMP.
        media_type: ``image/jpeg`` or ``image/webp``.

    Raises:
        ValueError: the file is neither.
    """
    if media_type == "image/jpeg":
        return _jpeg_with_xmp(content)
    if media_type == "image/webp":
        return _webp_with_xmp(content)
    raise ValueError(f"no metadata for {media_type}")


def source_type_read(content: bytes) -> str | None:
    """The digital source type that the XMP of a file of any kind states, its last part alone.

    Only searches for the words: nothing of the file is parsed.
    """
    stated = _STATED.search(content)
    return stated[1].decode() if stated else None


def media_type_of(content: bytes) -> str:
    """``image/jpeg`` or ``image/webp``.

    Raises:
        ValueError: the file is neither.
    """
    if content[:2] == b"\xff\xd8":
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise ValueError("neither a JPEG nor a WebP")


def credentials_size(content: bytes) -> int:
    """How many bytes the content credentials of a JPEG (APP11, JUMBF) or WebP (C2PA) take."""
    if media_type_of(content) == "image/webp":
        return sum(len(chunk) for name, chunk in _webp_chunks(content) if name == _C2PA)
    return sum(len(segment) for marker, segment in _jpeg_segments(content) if marker == _APP11)


def without_credentials(content: bytes) -> bytes:
    """The JPEG or WebP without its content credentials."""
    if media_type_of(content) == "image/webp":
        chunks = [chunk for name, chunk in _webp_chunks(content) if name != _C2PA]
        body = b"WEBP" + b"".join(chunks)
        return b"RIFF" + struct.pack("<I", len(body)) + body
    head = [segment for marker, segment in _jpeg_segments(content) if marker != _APP11]
    read = sum(len(segment) for _, segment in _jpeg_segments(content))
    return b"".join([content[:2], *head, content[2 + read :]])


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and whole chunks, padding included (RFC 9649, 2.3)."""
    at = 12
    while at + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, at + 4)
        end = at + 8 + size + size % 2
        yield content[at : at + 4], content[at:end]
        at = end


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and whole segments between SOI and the first scan (ITU-T T.81, B.1.1)."""
    if content[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != _SOS:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        yield content[at + 1], content[at:end]
        at = end


def _jpeg_with_xmp(content: bytes) -> bytes:
    payload = _XMP_HEADER + _XMP
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    # JFIF wants its own segment to be the first.
    first = next(_jpeg_segments(content), None)
    at = 2 + (len(first[1]) if first and first[0] == 0xE0 else 0)
    return content[:at] + segment + content[at:]


def _webp_with_xmp(content: bytes) -> bytes:
    """RFC 9649, 2.7: the extended format, whose XMP chunk comes after the picture."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise ValueError("not a WebP")
    chunks = content[12:]
    name = chunks[:4]
    if name == b"VP8X":
        flags = chunks[8] | _VP8X_XMP
        chunks = chunks[:8] + bytes([flags]) + chunks[9:]
    elif name == b"VP8 ":
        # RFC 6386, 9.1: 14 bits each of width and height after the start code.
        width, height = struct.unpack_from("<HH", chunks, 8 + 6)
        canvas = ((width & 0x3FFF) - 1).to_bytes(3, "little")
        canvas += ((height & 0x3FFF) - 1).to_bytes(3, "little")
        chunks = _chunk(b"VP8X", bytes([_VP8X_XMP, 0, 0, 0]) + canvas) + chunks
    else:
        raise ValueError("not a lossy WebP")
    body = b"WEBP" + chunks + _chunk(b"XMP ", _XMP)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\x00" * (len(payload) % 2)
