"""Opens one untrusted image file and writes clean copies of it: run as a process of its own.

A decoder fed by strangers is the part of the site most likely to be attacked, so it runs where it
can do little: no Django, no database, no secrets in its environment, and limits on memory, time,
file size and open files that it puts on itself before it looks at the file.

Usage: ``python -I decode_child.py FOLDER MAX_PIXELS MAX_SIDE``. It reads ``FOLDER/upload``, writes
the files ``original``, ``preview`` and ``thumb`` beside it and prints one line of JSON: either
``{"files": {role: {"type": ..., "width": ..., "height": ...}}}``, the types being media types, or
``{"error": code}``, the codes being those of `Refused`.

The encoding half, `encode_derivatives`, also serves the site itself for pictures it made.
"""

import contextlib
import io
import json
import os
import resource
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Each plugin is imported by name: Pillow then finds all of `FORMATS` registered and need not load
# its other forty to look for them.
from PIL import (
    Image,
    ImageCms,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

FORMATS = ("JPEG", "PNG", "WEBP")
# What is written, by Pillow's names.
MEDIA_TYPES: Final = {"JPEG": "image/jpeg", "WEBP": "image/webp"}
ROLES: Final = ("original", "preview", "thumb")

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

# Profiles of cameras and screens are under 4 KB, of printing presses under 3 MB.
PROFILE_BYTES = 4 * 1024**2


class Refused(Exception):
    """The file will not be taken; ``code`` says why.

    ``not_a_photo``: none of the formats accepted. ``damaged``: it began as one and then broke.
    ``too_many_pixels``, ``side_too_long``: over the limits. ``too_much_memory``: decoding it needs
    more than this process may use.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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


def open_clean(path: Path, *, max_pixels: int, max_side: int) -> Image.Image:
    """The first frame as an upright sRGB picture of mode ``RGB``, without any metadata.

    Raises:
        Refused: see there.
    """
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        opened = Image.open(path, formats=_formats(path))
    except UnidentifiedImageError as error:
        raise Refused("not_a_photo") from error
    except Image.DecompressionBombError as error:
        raise Refused("too_many_pixels") from error
    if opened.width < 1 or opened.height < 1:
        raise Refused("damaged")
    if max(opened.size) > max_side:
        raise Refused("side_too_long")
    if opened.width * opened.height > max_pixels:
        raise Refused("too_many_pixels")
    opened.load()
    # Pillow's WebP reader keeps two canvases, eight bytes a pixel, for frames nobody asks for.
    vars(opened).pop("_decoder", None)
    orientation = _orientation(opened)
    image = _to_srgb(opened)
    # What is left of the metadata would be written into the copies.
    image.info = {}
    turn = UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _formats(path: Path) -> tuple[str, ...]:
    """The formats allowed for this file; HEIF, slow to load, only where its signature is seen."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp" or head[8:12] in {b"avif", b"avis"}:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return FORMATS
    # Further pictures of the file, its previews and depth maps, are nobody's business here.
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return (*FORMATS, "HEIF")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or where it cannot be read.

    EXIF comes from countless broken writers; the parser's errors are as varied, and none of them
    says anything about the picture.
    """
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _to_srgb(image: Image.Image) -> Image.Image:
    """The picture in mode ``RGB`` and the sRGB colour space; transparency turns white."""
    profile = image.info.get("icc_profile")
    image = _to_plain_mode(image)
    if profile:
        image = _apply_profile(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_plain_mode(image: Image.Image) -> Image.Image:
    """Mode ``L``, ``RGB`` or ``CMYK``: 8 bits a channel, neither palette nor transparency."""
    if image.mode in {"I", "I;16", "I;16B", "I;16L", "I;16N"}:
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(rgba, mask=rgba)
        return flat
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture converted to sRGB by its embedded profile; unchanged where that is no use."""
    if len(profile) > PROFILE_BYTES:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
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


@dataclass(frozen=True)
class Encoded:
    """One encoded picture of ``width`` x ``height`` pixels."""

    media_type: str
    width: int
    height: int
    content: bytes


def encode_copies(image: Image.Image) -> dict[str, Encoded]:
    """The three stored copies of an upright ``RGB`` picture without metadata, by their role.

    The original at full size without chroma subsampling, the preview at most 1280 px and the thumb
    at most 320 px on the longer side; none is ever enlarged.
    """
    return {
        "original": _encoded(image, "JPEG", quality=ORIGINAL_QUALITY, subsampling=0),
        **encode_derivatives(image),
    }


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


def _encoded(image: Image.Image, format_: str, **options: int) -> Encoded:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return Encoded(MEDIA_TYPES[format_], image.width, image.height, buffer.getvalue())


def main(folder: Path, max_pixels: int, max_side: int) -> dict[str, Any]:
    """What is printed for the parent; the copies are written on the way."""
    try:
        image = open_clean(folder / "upload", max_pixels=max_pixels, max_side=max_side)
        files = {}
        for role, encoded in encode_copies(image).items():
            (folder / role).write_bytes(encoded.content)
            files[role] = {
                "type": encoded.media_type,
                "width": encoded.width,
                "height": encoded.height,
            }
    except Refused as refused:
        return {"error": refused.code}
    except MemoryError:
        return {"error": "too_much_memory"}
    except Exception:
        # Whatever a decoder raises on a broken file, the file is broken.
        return {"error": "damaged"}
    return {"files": files}


if __name__ == "__main__":
    limit_resources()
    answer = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(answer).encode() + b"\n")
    # The picture's memory goes back with the process: no need to free it piece by piece.
    os._exit(0)
