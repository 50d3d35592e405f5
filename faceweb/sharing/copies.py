"""The copies of pictures that strangers get: reduced, and every result with its badge.

Making one takes a good part of a second, so the last few are kept in this process' memory for two
minutes: never on a disk, and never handed out without the link being asked about first. A photo
that is deleted takes them with it.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

import cv2
import numpy as np
from numpy.typing import NDArray

from faceweb.marks.containers import source_type_write
from faceweb.marks.services import badged_copy
from faceweb.media.models import Asset, Lineage
from faceweb.media.pictures import asset_alpha, asset_read
from models.pixels.imaging import decode_image, on_white

MAX_SIDE: Final = 1600
CARD_WIDTH: Final = 1200
CARD_HEIGHT: Final = 630
ORIGINAL_QUALITY: Final = 85
CARD_QUALITY: Final = 82

KEPT_SECONDS: Final = 120
KEPT_BYTES: Final = 32 * 1024 * 1024


def shared_copy(photo: Asset) -> bytes:
    """A result as strangers see it: a JPEG of at most `MAX_SIDE` pixels, with its badge in it.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked, so nobody gets it.
    """
    return _kept.get(photo.pk, "shared", lambda: badged_copy(photo=photo, max_side=MAX_SIDE))


def card_copy(photo: Asset) -> bytes:
    """A result as a card for previews: a JPEG of `CARD_WIDTH` x `CARD_HEIGHT`, badge in it.

    The whole picture, so that the badge is never cut off, before a dark blur of itself.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked, so nobody gets it.
    """
    return _kept.get(photo.pk, "card", lambda: _card(photo))


def original_of(photo: Asset) -> Asset | None:
    """What a result was made on, if its owner still has it and it may be shown to others."""
    lines = photo.lineage.filter(role=Lineage.Role.TARGET, parent__owner=photo.owner_id)
    line = lines.select_related("parent").first()
    return line.parent if line is not None and line.parent.may_leave else None


def original_copy(original: Asset) -> bytes:
    """A JPEG of at most `MAX_SIDE` pixels of what a result was made on; of a result with its badge.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it is a result and cannot be marked.
    """
    if original.is_result:
        return shared_copy(original)
    return _kept.get(original.pk, "original", lambda: _reduced(original))


def copies_forget(photo_id: UUID) -> None:
    """Drop every copy of a photo from memory."""
    _kept.forget(photo_id)


def _reduced(photo: Asset) -> bytes:
    image = on_white(asset_read(photo), asset_alpha(photo))
    scale = MAX_SIDE / max(image.shape[:2])
    if scale < 1:
        image = _resized(image, scale)
    return _jpeg(image, ORIGINAL_QUALITY)


def _card(photo: Asset) -> bytes:
    scale = min(CARD_WIDTH / photo.width, CARD_HEIGHT / photo.height)
    # Asked for at its final size, so that the badge is drawn for it and stays legible.
    side = max(1, round(max(photo.width, photo.height) * scale))
    image = decode_image(badged_copy(photo=photo, max_side=side))
    height, width = image.shape[:2]
    whole = _resized(image, min(CARD_WIDTH / width, CARD_HEIGHT / height))
    card = _backdrop(image)
    height, width = whole.shape[:2]
    top, left = (CARD_HEIGHT - height) // 2, (CARD_WIDTH - width) // 2
    card[top : top + height, left : left + width] = whole
    # A composition has no credentials, but it says in the file too that it is edited.
    return source_type_write(_jpeg(card, CARD_QUALITY), "image/jpeg")


def _backdrop(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as a dark blur that fills a card, uint8 (H, W, 3) BGR."""
    height, width = image.shape[:2]
    # Blurred while small: nothing of it can be made out, and it takes no time.
    shape = (CARD_WIDTH // 40, CARD_HEIGHT // 40)
    share = min(width / CARD_WIDTH, height / CARD_HEIGHT)
    cut_w, cut_h = max(1, int(CARD_WIDTH * share)), max(1, int(CARD_HEIGHT * share))
    top, left = (height - cut_h) // 2, (width - cut_w) // 2
    small = cv2.resize(
        image[top : top + cut_h, left : left + cut_w], shape, interpolation=cv2.INTER_AREA
    )
    blurred = cv2.GaussianBlur(small, (0, 0), 2.5)
    large = cv2.resize(blurred, (CARD_WIDTH, CARD_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return (large * 0.4).astype(np.uint8)


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    size = (
        min(MAX_SIDE, max(1, round(width * scale))),
        min(MAX_SIDE, max(1, round(height * scale))),
    )
    if size == (width, height):
        return image
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("a picture could not be encoded")
    return bytes(encoded.tobytes())


class _Kept:
    """The copies made last, at most `KEPT_BYTES` and none older than `KEPT_SECONDS`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._copies: OrderedDict[tuple[UUID, str], tuple[float, bytes]] = OrderedDict()
        self._making: dict[tuple[UUID, str], threading.Lock] = {}
        self._forgotten = 0

    def get(self, photo_id: UUID, kind: str, make: Callable[[], bytes]) -> bytes:
        """The copy that is kept, or one that is made now; many who ask at once wait for one."""
        key = photo_id, kind
        with self._lock:
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                self._drop_old()
                kept = self._copies.get(key)
                forgotten = self._forgotten
            made: bytes | None = None
            try:
                made = kept[1] if kept is not None else make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
                    # A photo may have been deleted while its copy was made.
                    if made is not None and kept is None and forgotten == self._forgotten:
                        self._copies[key] = (time.monotonic(), made)
                        self._drop_old()
            return made

    def forget(self, photo_id: UUID) -> None:
        with self._lock:
            self._forgotten += 1
            for key in [key for key in self._copies if key[0] == photo_id]:
                del self._copies[key]

    def _drop_old(self) -> None:
        """The oldest come first: they are kept in the order in which they were made."""
        oldest = time.monotonic() - KEPT_SECONDS
        size = sum(len(copy) for _, copy in self._copies.values())
        while self._copies:
            key, (made_at, copy) = next(iter(self._copies.items()))
            if made_at > oldest and size <= KEPT_BYTES:
                return
            size -= len(copy)
            del self._copies[key]


_kept = _Kept()
