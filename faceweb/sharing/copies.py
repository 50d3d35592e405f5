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

from PIL import Image, ImageFilter

from faceweb.marks.containers import source_type_write
from faceweb.marks.services import badged_copy
from faceweb.media.models import Asset, Lineage, Rendition
from models.pixels.stills import jpeg_write, still_on_white, still_read, still_resized

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
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        content = file.read()
    scale = min(1.0, MAX_SIDE / max(photo.width, photo.height))
    size = _scaled((photo.width, photo.height), scale)
    still = still_on_white(still_read(content, size))
    return jpeg_write(still_resized(still, size), ORIGINAL_QUALITY)


def _card(photo: Asset) -> bytes:
    scale = min(CARD_WIDTH / photo.width, CARD_HEIGHT / photo.height)
    # Asked for at its final size, so that the badge is drawn for it and stays legible.
    side = max(1, round(max(photo.width, photo.height) * scale))
    still = still_read(badged_copy(photo=photo, max_side=side))
    scale = min(CARD_WIDTH / still.width, CARD_HEIGHT / still.height)
    whole = still_resized(still, _scaled(still.size, scale))
    card = _backdrop(still)
    card.paste(whole, ((CARD_WIDTH - whole.width) // 2, (CARD_HEIGHT - whole.height) // 2))
    # A composition has no credentials, but it says in the file too that it is edited.
    return source_type_write(jpeg_write(card, CARD_QUALITY), "image/jpeg")


def _backdrop(still: Image.Image) -> Image.Image:
    """The picture as a dark blur that fills a card."""
    # Blurred while small: nothing of it can be made out, and it takes no time.
    shape = (CARD_WIDTH // 40, CARD_HEIGHT // 40)
    share = min(still.width / CARD_WIDTH, still.height / CARD_HEIGHT)
    cut_w, cut_h = max(1, int(CARD_WIDTH * share)), max(1, int(CARD_HEIGHT * share))
    top, left = (still.height - cut_h) // 2, (still.width - cut_w) // 2
    middle = still.crop((left, top, left + cut_w, top + cut_h))
    blurred = still_resized(middle, shape).filter(ImageFilter.GaussianBlur(2.5))
    large = still_resized(blurred, (CARD_WIDTH, CARD_HEIGHT))
    return large.point([round(level * 0.4) for level in range(256)] * 3)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """A width and height times ``scale``, neither nothing nor beyond `MAX_SIDE`."""
    width, height = (min(MAX_SIDE, max(1, round(side * scale))) for side in size)
    return width, height


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
