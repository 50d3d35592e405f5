"""Other pictures on this site that are the same picture, whoever owns them.

Exact files are found by their digest. Looks are compared by whatever keeps perceptual hashes: each
such book registers itself here, so that this module need not know them.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

import numpy as np
from django.db.models import Q

from faceweb.gallery.models import Lineage, Photo
from faceweb.provenance.models import MarkedResult

# Re-encoding and resizing move the hash by less; different pictures are four times as far apart.
MAX_DISTANCE = 31
_BATCH = 20_000

# Gives the (photo id, PDQ in 64 hex digits) pairs of a book; all of it, or of one photo.
HashBook = Callable[[UUID | None], Iterable[tuple[UUID, str]]]


def _marked_results(photo_id: UUID | None) -> Iterable[tuple[UUID, str]]:
    rows = MarkedResult.objects.exclude(photo=None)
    if photo_id is not None:
        rows = rows.filter(photo_id=photo_id)
    for photo, plain, badged in rows.values_list("photo_id", "pdq", "pdq_badged").iterator():
        if photo is not None:
            yield photo, plain
            yield photo, badged


_books: list[HashBook] = [_marked_results]


def register(book: HashBook) -> None:
    """Add a book of perceptual hashes."""
    _books.append(book)


def copies_of(photo: Photo) -> list[Photo]:
    """Pictures with the same file, or that look the same, without ``photo`` itself."""
    match = Q(pk__in=_lookalikes(photo))
    if photo.upload_sha256:
        match |= Q(upload_sha256=photo.upload_sha256)
    return list(Photo.objects.filter(match).exclude(pk=photo.pk).order_by("pk"))


def made_of(photos: Iterable[Photo]) -> list[Photo]:
    """Everything that was made of these pictures, over all generations, without themselves."""
    known = {photo.pk for photo in photos}
    found: set[UUID] = set()
    newest = set(known)
    while newest:
        children = Lineage.objects.filter(parent_id__in=newest).values_list("child_id", flat=True)
        newest = set(children) - known - found
        found |= newest
    return list(Photo.objects.filter(pk__in=found).order_by("pk"))


def _lookalikes(photo: Photo) -> set[UUID]:
    wanted = _bits([pdq for book in _books for _, pdq in book(photo.pk) if pdq])
    found: set[UUID] = set()
    if not len(wanted):
        return found
    for book in _books:
        ids: list[UUID] = []
        hashes: list[str] = []
        for photo_id, pdq in book(None):
            if not pdq:
                continue
            ids.append(photo_id)
            hashes.append(pdq)
            if len(ids) == _BATCH:
                found |= _near(wanted, ids, hashes)
                ids, hashes = [], []
        found |= _near(wanted, ids, hashes)
    return found - {photo.pk}


def _near(wanted: np.ndarray, ids: list[UUID], hashes: list[str]) -> set[UUID]:
    if not ids:
        return set()
    distances = np.bitwise_count(wanted[:, None, :] ^ _bits(hashes)[None, :, :]).sum(axis=2)
    return {ids[index] for index in np.flatnonzero((distances <= MAX_DISTANCE).any(axis=0))}


def _bits(hashes: list[str]) -> np.ndarray:
    """Hex hashes as uint64 (n, 4)."""
    joined = bytes.fromhex("".join(hashes))
    return np.frombuffer(joined, np.uint64).reshape(len(hashes), 4)
