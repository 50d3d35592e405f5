"""The file types that are stored, by their media types."""

from typing import Final

# What may be sent: for a form's list of types, and as people call them.
ACCEPTED: Final = "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif,image/gif"
FORMATS_IN_WORDS: Final = "JPEG, PNG, WebP, HEIC, AVIF or GIF"

# IANA's names; the extension is what people see when they save a file.
_EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


def extension_of(media_type: str) -> str:
    """The file name extension of a stored type, without the dot.

    Raises:
        ValueError: nothing of that type is stored.
    """
    try:
        return _EXTENSIONS[media_type]
    except KeyError:
        raise ValueError(f"no files of type {media_type!r} are stored") from None
