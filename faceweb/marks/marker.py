"""Who puts the marks on results: an id in pixels, credentials in files, rows in the registry.

Whatever goes wrong on the way is a `MarkingError`, and then there is no result.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from django.db import DatabaseError
from numpy.typing import NDArray

from faceweb.marks.badge import badge_draw
from faceweb.marks.containers import media_type_of, source_type_write
from faceweb.marks.credentials import (
    Claim,
    copy_claim,
    credentials_sign,
    result_claim,
    step_public,
)
from faceweb.marks.inspection import reduced_for_hash
from faceweb.marks.keys import identity_load
from faceweb.marks.models import MarkedResult
from faceweb.marks.pdq import PdqHash, pdq_hash
from faceweb.marks.watermark import watermark_embed
from faceweb.media.errors import MarkingError
from faceweb.media.makers import asset_steps
from faceweb.media.marking import Making
from faceweb.media.models import Asset, Rendition
from faceweb.media.pictures import original_encode
from models.pixels.imaging import JPEG_QUALITY, alpha_read, decode_image, encode_jpeg, on_white

logger = logging.getLogger(__name__)

# A copy that is shown on a page, not kept as the picture itself.
REDUCED_QUALITY = 90
_REDUCED_READS = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


@dataclass(frozen=True)
class ResultMark:
    """The marks of one result; see `faceweb.media.marking.Mark`."""

    image: NDArray[np.uint8]
    mark_id: int
    claim: Claim
    plain: PdqHash
    badged: PdqHash

    def sign(self, content: bytes, media_type: str, *, chain: bool) -> bytes:
        """The file with its source type and its credentials."""
        with _failing_closed():
            return _signed(content, media_type, self.claim, chain=chain)

    def record(self, photo: Asset) -> None:
        """Write the result into the registry."""
        last = self.claim.steps[-1]
        MarkedResult.objects.create(
            mark_id=f"{self.mark_id:016x}",
            pdq=self.plain.bits.hex(),
            pdq_badged=self.badged.bits.hex(),
            pdq_quality=self.plain.quality,
            kind=last.kind,
            engine=last.engine,
            steps=[step_public(step) for step in self.claim.steps],
            photo=photo,
        )


class ResultMarker:
    """Marks results; see `faceweb.media.marking.Marker`. Keeps no state."""

    def mark(self, image: NDArray[np.uint8], making: Making) -> ResultMark:
        """Mark a result, uint8 (H, W, 3) BGR.

        Raises:
            MarkingError: it cannot be marked.
        """
        with _failing_closed():
            # Found out before the work, not after it.
            identity_load().check_valid()
            mark_id = secrets.randbelow(2**64 - 1) + 1
            marked = watermark_embed(image, mark_id)
            seen = reduced_for_hash(marked)
            return ResultMark(
                image=marked,
                mark_id=mark_id,
                claim=result_claim(_stored(making.target), making.steps),
                plain=pdq_hash(seen),
                # The badge grows with the picture, so on the small one it is as large.
                badged=pdq_hash(badge_draw(seen)),
            )

    def download_copy(self, photo: Asset, *, badge: bool) -> tuple[bytes, str]:
        """The stored file, or a badged copy of it; see `copy_make`."""
        media_type = photo.rendition(Rendition.Role.ORIGINAL).media_type
        if not badge:
            return _stored(photo), media_type
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
    content = _stored(photo)
    steps = asset_steps(photo)
    if not MarkedResult.objects.filter(photo=photo).exists():
        raise MarkingError(f"result {photo.pk} was kept without marks")
    with _failing_closed():
        image, resized = _decoded(content, (photo.width, photo.height), max_side)
        quality = REDUCED_QUALITY if resized else JPEG_QUALITY
        claim = copy_claim(content, steps, resized=resized, badged=True)
        return _signed(encode_jpeg(badge_draw(image), quality), "image/jpeg", claim)


def _transparent_copy(photo: Asset) -> tuple[bytes, str]:
    """A result whose ground shines through with its badge, which does not; and its media type.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked.
    """
    content = _stored(photo)
    with _failing_closed():
        if not MarkedResult.objects.filter(photo=photo).exists():
            raise MarkingError(f"result {photo.pk} was kept without marks")
        image, alpha = decode_image(content), alpha_read(content)
        badged = badge_draw(image)
        if alpha is not None:
            alpha = np.where((badged != image).any(axis=2), np.uint8(255), alpha)
        claim = copy_claim(content, asset_steps(photo), resized=False, badged=True)
        copy = original_encode(badged, alpha)
        return _signed(copy.content, copy.media_type, claim), copy.media_type


def _signed(content: bytes, media_type: str, claim: Claim, *, chain: bool = True) -> bytes:
    stated = source_type_write(content, media_type)
    return credentials_sign(stated, media_type, claim, chain=chain)


def _stored(photo: Asset) -> bytes:
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        return bytes(file.read())


def _decoded(
    content: bytes, size: tuple[int, int], max_side: int | None
) -> tuple[NDArray[np.uint8], bool]:
    """The pixels, uint8 (H, W, 3) BGR, reduced where they are too many, and whether they were."""
    wanted = 1.0 if max_side is None else min(1.0, max_side / max(size))
    # The decoder reduces by powers of two at a fraction of the cost of doing it afterwards.
    factor = next((factor for factor in _REDUCED_READS if factor * wanted <= 1), None)
    how = cv2.IMREAD_COLOR if factor is None or wanted == 1 else _REDUCED_READS[factor]
    image = cv2.imdecode(np.frombuffer(content, np.uint8), how)
    if image is None:
        raise ValueError("the stored file is not a picture any more")
    if media_type_of(content) != "image/jpeg":
        image = on_white(decode_image(content), alpha_read(content))
    if wanted < 1:
        small = (max(round(size[0] * wanted), 1), max(round(size[1] * wanted), 1))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8), wanted < 1


@contextmanager
def _failing_closed() -> Iterator[None]:
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
