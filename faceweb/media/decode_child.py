"""Opens one untrusted image file and writes clean copies of it: run as a process of its own.

A decoder fed by strangers is the part of the site most likely to be attacked, so it runs where it
can do little: no Django, no database, no secrets in its environment, and limits on memory, time,
file size and open files that it puts on itself before it looks at the file.

Usage: ``python -I decode_child.py FOLDER LIMITS``, the limits being JSON as `Limits` has them. It
reads ``FOLDER/upload``, writes the files ``original``, ``preview`` and ``thumb`` beside it and
prints one line of JSON: either ``{"files": {role: {"type": ..., "width": ..., "height": ...}},
"notes": [...]}``, the types being media types and the notes what happened to the picture on the
way, or ``{"error": code, "params": {...}}``, the codes being those of `Refused`.

The encoding half, `encode_derivatives`, also serves the site itself for pictures it made.
"""

import contextlib
import io
import json
import math
import os
import re
import resource
import struct
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Each plugin is imported by name: Pillow then finds all of `FORMATS` registered and need not load
# its other forty to look for them.
from PIL import (
    GifImagePlugin,  # noqa: F401
    Image,
    ImageChops,
    ImageCms,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# What is written, by Pillow's names.
MEDIA_TYPES: Final = {"JPEG": "image/jpeg", "WEBP": "image/webp"}
ROLES: Final = ("original", "preview", "thumb")
NOTES: Final = ("scaled", "first_frame", "hdr")

MEMORY_BYTES = 1024**3
CPU_SECONDS = 15
FILE_BYTES = 256 * 1024**2
OPEN_FILES = 32

ORIGINAL_QUALITY = 95
PREVIEW_SIDE = 1280
PREVIEW_QUALITY = 82
THUMB_SIDE = 320
THUMB_QUALITY = 75

ORIENTATION_TAG = 0x0112
# EXIF 2.32, table 6 (Orientation): what turns the stored pixels upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SIDEWAYS: Final = {UPRIGHT[number] for number in (5, 6, 7, 8)}

# Above that many pixels a picture is scaled by whole numbers, which needs less memory.
EXACT_PIXELS: Final = 70_000_000
_STRIP: Final = 128
_JPEG_END: Final = b"\xff\xd9"
_ARITHMETIC_CODING: Final = b"\xff\xcc"
# BT.709 and its like, of which AVIF and HEIF files of cameras speak where they mean sRGB's curve.
_SDR_VIDEO: Final = {1, 6, 14, 15}
# What people send instead of a photo: signature, where it stands, name.
_SIGNATURES: Final = (
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"BM", 0, "BMP"),
    (b"8BPS", 0, "Photoshop"),
    (b"%PDF", 0, "PDF"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"JXL ", 4, "JPEG XL"),
    (b"jP  ", 4, "JPEG 2000"),
    (b"ftypqt", 4, "QuickTime"),
    (b"ftypheic", 4, "HEIC"),
    (b"ftyp", 4, "MP4"),
    (b"\x1aE\xdf\xa3", 0, "WebM"),
    (b"PK\x03\x04", 0, "ZIP"),
    (b"\0\0\x01\0", 0, "ICO"),
    (b"<svg", 0, "SVG"),
    (b"<?xml", 0, "SVG"),
    (b"<", 0, "HTML"),
)
FORMAT_NAMES: Final = frozenset(name for *_, name in _SIGNATURES)

# Profiles of cameras and screens are under 4 KB, of printing presses under 3 MB.
PROFILE_BYTES = 4 * 1024**2


@dataclass(frozen=True)
class Limits:
    """How large a picture may be.

    Attributes:
        read_pixels: more are not read.
        read_side: a longer side is not read.
        kept_pixels: more are scaled down to that many.
        kept_side: a longer side is scaled down to that.
    """

    read_pixels: int
    read_side: int
    kept_pixels: int
    kept_side: int


class Refused(Exception):
    """The file will not be taken; ``code`` says why, ``params`` with which numbers.

    ``not_a_photo``: none of the formats accepted. ``damaged``: it began as one and then broke.
    ``too_many_pixels``, ``side_too_long``: over the limits. ``too_much_memory``: decoding it needs
    more than this process may use.
    """

    def __init__(self, code: str, **params: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True)
class Clean:
    """An upright sRGB picture of mode ``RGB`` or ``RGBA``, without metadata; what happened to it.

    ``notes`` are codes with parameters: ``scaled`` (from ``width`` and ``height``),
    ``first_frame`` and ``hdr``.
    """

    image: Image.Image
    notes: tuple[dict[str, Any], ...] = ()


def limit_resources(memory_bytes: int = MEMORY_BYTES) -> None:
    """Cap what this process may use for the rest of its life."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


@dataclass(frozen=True)
class Meaning:
    """What a file says of its colours: as a PNG or not, by code points, and as Pillow read it."""

    is_png: bool
    points: tuple[int, int] | None
    info: dict[Any, Any]


def open_clean(path: Path, limits: Limits) -> Clean:
    """The first frame as it is to be kept.

    Raises:
        Refused: see there.
    """
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = limits.read_pixels
    opened = _opened(path, limits)
    pixels = opened.width * opened.height
    try:
        return _cleaned(opened, path, limits)
    except MemoryError:
        raise Refused("too_much_memory", megapixels=_megapixels(pixels)) from None


def _cleaned(opened: Image.Image, path: Path, limits: Limits) -> Clean:
    notes: list[dict[str, Any]] = []
    if opened.format != "HEIF" and getattr(opened, "is_animated", False):
        notes.append({"code": "first_frame"})
    sent = opened.size
    _shrink_while_decoding(opened, limits)
    opened = _loaded(opened, path)
    # Pillow's WebP reader keeps two canvases, eight bytes a pixel, for frames nobody asks for.
    vars(opened).pop("_decoder", None)
    turn = UPRIGHT.get(_orientation(opened))
    meaning = Meaning(opened.format == "PNG", _code_points(path), {**opened.info})
    image = _within(opened, limits) if opened.mode == "RGBA" else opened
    image, alpha = _to_plain_mode(image)
    del opened
    image = _within(image, limits)
    image, is_hdr = _to_srgb(image, meaning)
    if alpha is not None:
        image = _with_alpha(image, _within(alpha, limits))
    # What is left of the metadata would be written into the copies.
    image.info = {}
    if is_hdr:
        notes.append({"code": "hdr"})
    if turn is not None:
        image = image.transpose(turn)
    if image.width * image.height < sent[0] * sent[1]:
        width, height = reversed(sent) if turn in _SIDEWAYS else sent
        notes.append({"code": "scaled", "params": {"width": width, "height": height}})
    return Clean(image, tuple(notes))


def _opened(path: Path, limits: Limits) -> Image.Image:
    """The file with its header read.

    Raises:
        Refused: it is no picture of a format that is taken, or too large a one.
    """
    try:
        opened = Image.open(path, formats=_formats(path))
    except UnidentifiedImageError as error:
        raise Refused("not_a_photo", format=_format_name(path)) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(error) from error
    if opened.width < 1 or opened.height < 1:
        raise Refused("damaged")
    if max(opened.size) > limits.read_side:
        raise Refused("side_too_long", side=max(opened.size))
    if opened.width * opened.height > limits.read_pixels:
        raise Refused("too_many_pixels", megapixels=_megapixels(opened.width * opened.height))
    return opened


def _too_many_pixels(error: Image.DecompressionBombError) -> Refused:
    """Pillow says how many there are in its sentence alone."""
    number = re.search(r"\d+", str(error))
    return Refused("too_many_pixels", megapixels=_megapixels(int(number[0]) if number else 0))


def _megapixels(pixels: int) -> int:
    return -(-pixels // 1_000_000)


def _formats(path: Path) -> tuple[str, ...]:
    """The formats allowed for this file; those slow to load only where their signature is seen."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp":
        return FORMATS
    if head[8:12] in {b"avif", b"avis"}:
        from PIL import AvifImagePlugin  # noqa: F401

        return ("AVIF",)
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return FORMATS
    # Further pictures of the file, its previews and depth maps, are nobody's business here.
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return ("HEIF",)


def _format_name(path: Path) -> str:
    """What a file that is not taken is, as far as its first bytes tell; "" where they do not."""
    with path.open("rb") as file:
        head = file.read(32)
    for signature, at, name in _SIGNATURES:
        if head[at : at + len(signature)] == signature:
            return name
    return ""


def _shrink_while_decoding(opened: Image.Image, limits: Limits) -> None:
    """Have a large JPEG decoded at a half, a quarter or an eighth of its size."""
    pixels = opened.width * opened.height
    factor = max((pixels / limits.kept_pixels) ** 0.5, max(opened.size) / limits.kept_side)
    if opened.format != "JPEG" or factor <= 1:
        return
    scale = 1
    while scale < 8 and (2 * scale <= factor or pixels / scale**2 > EXACT_PIXELS):
        scale *= 2
    opened.draft(opened.mode, (opened.width // scale, opened.height // scale))


def _loaded(opened: Image.Image, path: Path) -> Image.Image:
    """The picture with its pixels read.

    Of a JPEG whose end marker alone is missing nothing is lost, so that is added and it is read
    again; one with less of its data stays what it is: damaged.
    """
    try:
        opened.load()
    except OSError:
        if opened.format != "JPEG" or not _lacks_only_its_end(path):
            raise
        size = opened.size
        with path.open("ab") as file:
            file.write(_JPEG_END)
        opened = Image.open(path, formats=("JPEG",))
        opened.draft(opened.mode, size)
        opened.load()
    return opened


def _lacks_only_its_end(path: Path) -> bool:
    import simplejpeg

    content = path.read_bytes()
    # Arithmetic coding fills up what is missing without a word; no camera uses it.
    if content.endswith(_JPEG_END) or _ARITHMETIC_CODING in content:
        return False
    try:
        # At an eighth of its size: all of the data is read, and the pixels are not needed.
        simplejpeg.decode_jpeg(content + _JPEG_END, min_height=1, min_width=1, strict=True)
    except ValueError:
        return False
    return True


def _within(image: Image.Image, limits: Limits) -> Image.Image:
    """The picture scaled down to what is kept, where it is larger."""
    pixels = image.width * image.height
    factor = max((pixels / limits.kept_pixels) ** 0.5, max(image.size) / limits.kept_side)
    if factor <= 1:
        return image
    if pixels > EXACT_PIXELS:
        # Averages whole squares: the other way needs half as much memory again.
        return image.reduce(math.ceil(factor))
    size = (max(1, int(image.width / factor)), max(1, int(image.height / factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or where it cannot be read.

    Of EXIF alone, as browsers do: Pillow's own way would ask the XMP as well. EXIF comes from
    countless broken writers; the parser's errors are as varied, and none of them says anything
    about the picture.
    """
    try:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        value = exif.get(ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _to_plain_mode(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Mode ``L``, ``RGB`` or ``CMYK``: 8 bits a channel, no palette; and how opaque it is.

    The second is of mode ``L``, and None where nothing shines through.
    """
    if image.mode in {"I", "I;16", "I;16B", "I;16L", "I;16N"}:
        return image.point(lambda value: value * (1 / 256)).convert("L"), None
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = rgba.getchannel("A")
        return rgba.convert("RGB"), alpha if alpha.getextrema() != (255, 255) else None
    return (image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")), None


def _with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """The picture in mode ``RGBA``, white where nothing of it is seen.

    So whoever passes over the transparency sees a white ground.
    """
    image.paste("white", mask=alpha.point(lambda value: 255 if value == 0 else 0))
    image.putalpha(alpha)
    return image


def _to_srgb(image: Image.Image, meaning: Meaning) -> tuple[Image.Image, bool]:
    """The picture in mode ``RGB`` and the sRGB colour space, and whether it was HDR.

    What says the colour space, the first that is there: the chunk cICP of a PNG; an ICC profile;
    the colour box of HEIF and AVIF; the chunk sRGB; gAMA with or without cHRM. That is the order of
    the PNG standard (third edition, 4.3) and of HEIF (ISO/IEC 23008-12, 6.5.5), and what browsers
    do, which also take BT.709's curve for sRGB's in AVIF.
    """
    from models.pixels import colour_spaces

    profile = meaning.info.get("icc_profile")
    points = meaning.points
    if points and colour_spaces.UNSPECIFIED not in points and (meaning.is_png or not profile):
        primaries, transfer = points
        if colour_spaces.is_hdr(transfer) and primaries in colour_spaces.PRIMARIES:
            return _tone_mapped(image.convert("RGB"), primaries, transfer), True
        if not meaning.is_png and transfer in _SDR_VIDEO:
            transfer = colour_spaces.SRGB[1]
        profile = colour_spaces.profile_of(primaries, transfer)
    elif meaning.is_png and not profile and "srgb" not in meaning.info:
        profile = _profile_of_gamma(meaning.info)
    if profile:
        image = _apply_profile(image, profile)
    return (image if image.mode == "RGB" else image.convert("RGB")), False


def _code_points(path: Path) -> tuple[int, int] | None:
    from models.pixels.file_colour import heif_code_points, png_code_points

    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] == b"ftyp":
            return heif_code_points(file)
        return png_code_points(file)


def _profile_of_gamma(info: dict[Any, Any]) -> bytes | None:
    """A profile for what a PNG says in gAMA and cHRM; None where it says nothing of use.

    As browsers do: primaries without a gamma are passed over, and a gamma of 1/2.2 without
    primaries means sRGB.
    """
    from models.pixels import colour_spaces

    gamma, primaries = info.get("gamma"), info.get("chromaticity")
    if not isinstance(gamma, float) or not 0.05 <= gamma <= 5:
        return None
    if primaries is None and abs(gamma - 1 / 2.2) < 0.001:
        return None
    chromaticities = primaries or colour_spaces.PRIMARIES[1]
    try:
        return colour_spaces.profile_of_gamma(1 / gamma, chromaticities)
    except (ValueError, ZeroDivisionError, struct.error):
        return None


def _tone_mapped(image: Image.Image, primaries: int, transfer: int) -> Image.Image:
    """A picture of mode ``RGB`` in PQ or HLG as it is seen on a page; strip by strip."""
    import numpy as np

    from models.pixels.hdr import hdr_to_srgb

    for top in range(0, image.height, _STRIP):
        box = (0, top, image.width, min(top + _STRIP, image.height))
        strip = hdr_to_srgb(np.asarray(image.crop(box)), primaries, transfer)
        image.paste(Image.fromarray(strip), box)
    return image


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture converted to sRGB by a profile; unchanged where that is no use."""
    if len(profile) > PROFILE_BYTES:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and _changes_nothing(source):
            return image
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
            inPlace=image.mode == "RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted or image


def _changes_nothing(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile is that of sRGB: by what it does to colours, whatever its name."""
    levels = (0, 20, 64, 128, 192, 255)
    probe = Image.new("RGB", (len(levels) ** 3, 1))
    probe.putdata([(r, g, b) for r in levels for g in levels for b in levels])
    turned = ImageCms.profileToProfile(
        probe, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if turned is None:
        return False
    changed = ImageChops.difference(probe, turned).tobytes()
    return max(changed) <= 1


@dataclass(frozen=True)
class Encoded:
    """One encoded picture of ``width`` x ``height`` pixels."""

    media_type: str
    width: int
    height: int
    content: bytes


def encode_copies(image: Image.Image) -> dict[str, Encoded]:
    """The three stored copies of an upright picture without metadata, by their role.

    The original at full size, a JPEG without chroma subsampling or, of mode ``RGBA``, a WebP; the
    preview at most 1280 px and the thumb at most 320 px on the longer side; none is ever enlarged.
    """
    if image.mode == "RGBA":
        original = encode_transparent(image)
    else:
        original = _encoded(image, "JPEG", quality=ORIGINAL_QUALITY, subsampling=0)
    return {"original": original, **encode_derivatives(image)}


def encode_transparent(image: Image.Image) -> Encoded:
    """A picture of mode ``RGBA`` as an original: WebP, its transparency without loss."""
    return _encoded(image, "WEBP", quality=ORIGINAL_QUALITY, method=1, exact=True)


def encode_derivatives(image: Image.Image) -> dict[str, Encoded]:
    """The smaller of `encode_copies`."""
    preview = _shrunk(image, PREVIEW_SIDE)
    thumb = _shrunk(preview, THUMB_SIDE)
    return {
        # WebP's default method 4 takes nearly three times as long for a fifth less in size, and
        # somebody waits for each of these.
        "preview": _encoded(preview, "WEBP", quality=PREVIEW_QUALITY, method=1),
        "thumb": _encoded(thumb, "WEBP", quality=THUMB_QUALITY, method=1),
    }


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.5)


def _encoded(image: Image.Image, format_: str, **options: int | bool) -> Encoded:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return Encoded(MEDIA_TYPES[format_], image.width, image.height, buffer.getvalue())


def main(folder: Path, limits: Limits) -> dict[str, Any]:
    """What is printed for the parent; the copies are written on the way."""
    try:
        clean = open_clean(folder / "upload", limits)
        files = {}
        for role, encoded in encode_copies(clean.image).items():
            (folder / role).write_bytes(encoded.content)
            files[role] = {
                "type": encoded.media_type,
                "width": encoded.width,
                "height": encoded.height,
            }
    except Refused as refused:
        return {"error": refused.code, "params": refused.params}
    except MemoryError:
        return {"error": "too_much_memory"}
    except Exception:
        # Whatever a decoder raises on a broken file, the file is broken.
        return {"error": "damaged"}
    return {"files": files, "notes": clean.notes}


if __name__ == "__main__":
    # Run by its path and apart from everything: what it needs of the project lies two floors up.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    limit_resources()
    answer = main(Path(sys.argv[1]), Limits(**json.loads(sys.argv[2])))
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(answer).encode() + b"\n")
    # The picture's memory goes back with the process: no need to free it piece by piece.
    os._exit(0)
