"""Other pictures on this site that are the same picture, whoever owns them.

Exact files are found by their digest. Looks are compared by their PDQ hashes: those of results as
the registry of marks keeps them, those of uploads as `looks_keep` wrote them at their screening.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID

from django.db.models import Q

from faceweb.marks.models import MarkedResult
from faceweb.media.models import Asset, Lineage
from faceweb.moderation.models import PictureLooks

# Re-encoding and resizing move the hash by less; different pictures are four times as far apart.
MAX_DISTANCE = 31
_BATCH = 20_000

# A picture with less to see in it, such as a wall, has a hash that says nothing.
MIN_QUALITY = 50


def looks_keep(*, photo: Asset, pdq: str, quality: int) -> None:
    """Keep the looks of an uploaded photo: its PDQ in hex, and its quality from 0 to 100."""
    values = {"pdq": pdq, "quality": quality}
    PictureLooks.objects.update_or_create(photo=photo, defaults=values)


def _hashes(photo_id: UUID | None = None) -> Iterator[tuple[UUID, str]]:
    """(photo id, PDQ in hex) of every picture with something to see in it, or of one picture."""
    results = MarkedResult.objects.exclude(photo=None).filter(pdq_quality__gte=MIN_QUALITY)
    uploads = PictureLooks.objects.filter(quality__gte=MIN_QUALITY)
    if photo_id is not None:
        results, uploads = results.filter(photo=photo_id), uploads.filter(photo=photo_id)
    for result, plain, badged in results.values_list("photo_id", "pdq", "pdq_badged").iterator():
        if result is not None:
            yield result, plain
            yield result, badged
    yield from uploads.values_list("photo_id", "pdq").iterator()


def copies_of(photo: Asset) -> list[Asset]:
    """Pictures with the same file, or that look the same, without ``photo`` itself."""
    match = Q(pk__in=_lookalikes(photo))
    if photo.upload_sha256:
        match |= Q(upload_sha256=photo.upload_sha256)
    return list(Asset.objects.filter(match).exclude(pk=photo.pk).order_by("pk"))


def made_of(photos: Iterable[Asset]) -> list[Asset]:
    """Everything that was made of these pictures, over all generations, without themselves."""
    known = {photo.pk for photo in photos}
    found: set[UUID] = set()
    newest = set(known)
    while newest:
        children = Lineage.objects.filter(parent_id__in=newest).values_list("child_id", flat=True)
        newest = set(children) - known - found
        found |= newest
    return list(Asset.objects.filter(pk__in=found).order_by("pk"))


def _lookalikes(photo: Asset) -> set[UUID]:
    from faceweb.marks.pdq import hashes_pack, nearest

    wanted = [bytes.fromhex(pdq) for _, pdq in _hashes(photo.pk)]
    found: set[UUID] = set()
    if not wanted:
        return found
    everything = _hashes()
    while batch := list(islice(everything, _BATCH)):
        known = hashes_pack([bytes.fromhex(pdq) for _, pdq in batch])
        for query in wanted:
            near, _far = nearest(known, query, MAX_DISTANCE)
            found |= {batch[index][0] for index in near}
    return found - {photo.pk}
