"""Pictures that may not come back: by their file's digest, and by their looks.

Looks are PDQ hashes of 256 bits. How many bits of a copy differ, measured: encoded again 2 to 12,
half the size 4 to 24, with a visible badge 24 to 40, cut by 2 % 30 to 64 and by more 68 and up;
other pictures 124 and up. A cut is too far from its picture to be found by it, so an entry holds
the hashes of cuts and of the badged picture too. Mirrored and turned copies are found from the
other side: every picture is compared in all eight ways that it can be laid.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from django.db import transaction
from django.db.models import Max
from numpy.typing import NDArray
from PIL import Image as Pillow

from faceweb.marks.badge import badge_draw
from faceweb.marks.pdq import PdqHash, distances, hashes_pack, pdq_dihedral, pdq_hash
from faceweb.marks.registry import QUALITY_FLOOR
from faceweb.media.models import Asset, Rendition
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import BlockedHash, Case
from faceweb.moderation.screening.verdict import Level
from models.pixels.stills import still_pixels, still_read

if TYPE_CHECKING:
    from faceweb.people.models import User
    from models.pixels.imaging import Image

BLOCK_DISTANCE: Final = 31
REVIEW_DISTANCE: Final = 60
# Cut off at each edge, as a share of the side.
CUTS: Final = (0.02, 0.05, 0.075, 0.10)
_HASHED_PX: Final = 512


@dataclass(frozen=True)
class BlockedLooks:
    """The looks on the block list, in this process's memory.

    ``hashes`` is uint64 (N, 4) as `hashes_pack` makes it.
    """

    hashes: NDArray[np.uint64]

    def level(self, image: "Image") -> tuple[Level, int | None]:
        """Whether a picture, uint8 (H, W, 3) BGR, looks like one of them, and its distance.

        One too flat to be told from others by its hash never does.
        """
        if not len(self.hashes):
            return Level.CLEAR, None
        small = _reduced(image)
        if pdq_hash(small).quality < QUALITY_FLOOR:
            return Level.CLEAR, None
        distance = min(self.distance(way) for way in pdq_dihedral(small))
        if distance > REVIEW_DISTANCE:
            return Level.CLEAR, None
        return (Level.BLOCKED if distance <= BLOCK_DISTANCE else Level.REVIEW), distance

    def distance(self, bits: bytes) -> int:
        """In how many bits of 256 the nearest entry differs from a hash of 32 bytes."""
        return int(distances(self.hashes, bits).min(initial=256))


# --- asking ---------------------------------------------------------------------------------------
def current_looks() -> BlockedLooks:
    """The looks on the block list as the database has them now; read again after a change."""
    global _kept
    with _lock:
        version = _version()
        if _kept is None or _kept[0] != version:
            _kept = (version, _load())
        return _kept[1]


_lock = threading.Lock()
_kept: tuple[object, BlockedLooks] | None = None


def _version() -> object:
    looks = BlockedHash.objects.filter(kind=BlockedHash.Kind.PDQ)
    return looks.filter(is_active=True).count(), looks.aggregate(newest=Max("changed_at"))["newest"]


def _load() -> BlockedLooks:
    active = BlockedHash.objects.filter(kind=BlockedHash.Kind.PDQ, is_active=True).order_by()
    values = active.values_list("value", flat=True).iterator()
    return BlockedLooks(hashes_pack([bytes.fromhex(value) for value in values]))


# --- the list -------------------------------------------------------------------------------------
def hash_block(
    *, photo: Asset, reason: str, case: Case | None = None, by: "User | None" = None
) -> list[BlockedHash]:
    """Put a picture on the block list: its file, its looks, its badged looks, and cuts of both.

    Raises:
        OSError: the stored picture cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        image = still_pixels(still_read(file.read()))
    values = {(BlockedHash.Kind.PDQ, value) for value in looks_of(image)}
    if photo.upload_sha256:
        values.add((BlockedHash.Kind.SHA256, photo.upload_sha256))
    with transaction.atomic():
        entries = [
            _put(kind, value, reason=reason, note="", case=case, by=by)
            for kind, value in sorted(values)
        ]
        audit_write(
            actor=by,
            action="hash.block",
            target=photo,
            case=case,
            reason=reason,
            entries=len(entries),
        )
    return entries


def looks_of(image: "Image") -> set[str]:
    """Hashes, in hex, by which a picture, uint8 (H, W, 3) BGR, is known again; none if too flat."""
    found = set()
    for look in (image, badge_draw(image)):
        for cut in (look, *_cuts(look)):
            hashed = pdq_hash(_reduced(cut))
            if hashed.quality >= QUALITY_FLOOR:
                found.add(hashed.bits.hex())
    return found


def hash_add(
    *,
    kind: BlockedHash.Kind,
    value: str,
    reason: str,
    note: str = "",
    case: Case | None = None,
    by: "User | None" = None,
) -> BlockedHash:
    """Put one hash on the block list, or back on it.

    Args:
        kind: what it is a hash of.
        value: 64 digits in hex.
        reason: a code.
        note: for moderators.
        case: what it was decided in.
        by: who does it.

    Raises:
        ValueError: ``value`` is no such hash.
    """
    value = value.strip().lower()
    if len(bytes.fromhex(value)) != 32:
        raise ValueError("a hash of the block list has 64 digits")
    with transaction.atomic():
        entry = _put(kind, value, reason=reason, note=note, case=case, by=by)
        audit_write(actor=by, action="hash.add", target=entry, case=case, reason=reason)
    return entry


def hash_remove(*, entry: BlockedHash, by: "User | None" = None, reason: str = "") -> None:
    """Take one hash off the block list; its row stays, so that the log can point to it."""
    with transaction.atomic():
        entry.is_active = False
        entry.save(update_fields=["is_active", "changed_at"])
        audit_write(actor=by, action="hash.remove", target=entry, case=entry.case, reason=reason)


def hashes_remove(*, case: Case, by: "User | None" = None, reason: str = "") -> int:
    """Take back all that was put on the list in one case; how many entries that were."""
    with transaction.atomic():
        entries = list(case.blocked_hashes.filter(is_active=True))
        for entry in entries:
            hash_remove(entry=entry, by=by, reason=reason)
    return len(entries)


def _put(
    kind: str, value: str, *, reason: str, note: str, case: Case | None, by: "User | None"
) -> BlockedHash:
    entry, _ = BlockedHash.objects.update_or_create(
        kind=kind,
        value=value,
        defaults={"reason": reason, "note": note, "case": case, "added_by": by, "is_active": True},
    )
    return entry


def picture_hash(image: "Image") -> PdqHash:
    """The perceptual hash that a picture, uint8 (H, W, 3) BGR, is known by here."""
    return pdq_hash(_reduced(image))


def _reduced(image: "Image") -> "Image":
    """At most `_HASHED_PX` wide and high: looks are in the large, and so is time."""
    scale = _HASHED_PX / max(image.shape[:2])
    if scale >= 1:
        return image
    width, height = (max(round(side * scale), 1) for side in image.shape[1::-1])
    # Colour by colour alike, so that their order does not matter.
    small = Pillow.fromarray(image).resize((width, height), Pillow.Resampling.HAMMING)
    return np.asarray(small, np.uint8)


def _cuts(image: "Image") -> "Iterator[Image]":
    """Its middle, each of `CUTS` cut off at all four edges."""
    height, width = image.shape[:2]
    for share in CUTS:
        top, left = round(share * height), round(share * width)
        middle = image[top : height - top, left : width - left]
        if middle.size:
            yield np.ascontiguousarray(middle)
