"""Copies of results for leaving the site: the badge drawn, and every other mark kept or made anew.

Whatever goes wrong on the way is a `MarkingError`, and then there is no copy. Pages ask for these,
so they are made without OpenCV.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError
from PIL import Image

from faceweb.marks.badge import badge_draw
from faceweb.marks.containers import source_type_write
from faceweb.marks.credentials import Claim, copy_claim, credentials_sign
from faceweb.marks.models import MarkedResult
from faceweb.media.decode_child import ORIGINAL_QUALITY, encode_transparent
from faceweb.media.errors import MarkingError
from faceweb.media.makers import asset_steps
from faceweb.media.models import Asset, Rendition
from models.pixels.stills import (
    jpeg_write,
    still_of,
    still_on_white,
    still_pixels,
    still_read,
    still_resized,
)

logger = logging.getLogger(__name__)

# A copy that is shown on a page, not kept as the picture itself.
REDUCED_QUALITY = 90


class ResultCopier:
    """What owners save of their results; see `faceweb.media.marking.Copier`. Keeps no state."""

    def download_copy(self, photo: Asset, *, badge: bool) -> tuple[bytes, str]:
        """The stored file, or a badged copy of it; see `copy_make`."""
        media_type = photo.rendition(Rendition.Role.ORIGINAL).media_type
        if not badge:
            return file_stored(photo), media_type
        if media_type == "image/jpeg":
            return copy_make(photo), media_type
        return _transparent_copy(photo)


def copy_make(photo: Asset, max_side: int | None = None) -> bytes:
    """A JPEG of a result with the visible badge and all other marks, for leaving the site.

    Args:
        photo: a result.
        max_side: the most pixels that its longer side may have.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked.
    """
    content = file_stored(photo)
    steps = asset_steps(photo)
    if not MarkedResult.objects.filter(photo=photo).exists():
        raise MarkingError(f"result {photo.pk} was kept without marks")
    with failing_closed():
        still, resized = _decoded(content, (photo.width, photo.height), max_side)
        quality = REDUCED_QUALITY if resized else ORIGINAL_QUALITY
        claim = copy_claim(content, steps, resized=resized, badged=True)
        return _signed(jpeg_write(_badged(still), quality, whole_colours=True), "image/jpeg", claim)


def file_stored(photo: Asset) -> bytes:
    """The original's file.

    Raises:
        FileNotFoundError: it is not there.
    """
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        return bytes(file.read())


@contextmanager
def failing_closed() -> Iterator[None]:
    """Whatever fails inside means that there are no marks.

    But a lack of memory and a database that is away have explanations of their own further up.
    """
    try:
        yield
    except (DatabaseError, MemoryError, MarkingError):
        raise
    except Exception as error:
        logger.error("a picture cannot be marked: %s", type(error).__name__)
        raise MarkingError(type(error).__name__) from error


def _transparent_copy(photo: Asset) -> tuple[bytes, str]:
    """A result whose ground shines through with its badge, which does not; and its media type.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked.
    """
    content = file_stored(photo)
    with failing_closed():
        if not MarkedResult.objects.filter(photo=photo).exists():
            raise MarkingError(f"result {photo.pk} was kept without marks")
        claim = copy_claim(content, asset_steps(photo), resized=False, badged=True)
        badged = _badged(still_read(content))
        if badged.mode == "RGBA":
            copy = encode_transparent(badged)
            return _signed(copy.content, copy.media_type, claim), copy.media_type
        written = jpeg_write(badged, ORIGINAL_QUALITY, whole_colours=True)
        return _signed(written, "image/jpeg", claim), "image/jpeg"


def _badged(still: Image.Image) -> Image.Image:
    """The picture with the badge on it, which covers what shines through."""
    image = still_pixels(still)
    drawn = badge_draw(image)
    badged = still_of(drawn)
    if still.mode == "RGBA":
        alpha = still.getchannel("A")
        alpha.paste(255, mask=Image.fromarray((drawn != image).any(axis=2)))
        badged.putalpha(alpha)
    return badged


def _signed(content: bytes, media_type: str, claim: Claim) -> bytes:
    return credentials_sign(source_type_write(content, media_type), media_type, claim)


def _decoded(
    content: bytes, size: tuple[int, int], max_side: int | None
) -> tuple[Image.Image, bool]:
    """The picture on white, reduced where it is too large, and whether it was."""
    wanted = 1.0 if max_side is None else min(1.0, max_side / max(size))
    if wanted == 1:
        return still_on_white(still_read(content)), False
    small = (max(round(size[0] * wanted), 1), max(round(size[1] * wanted), 1))
    return still_resized(still_on_white(still_read(content, small)), small), True
