"""Was this made here? By the id in the picture, or by its looks among all results ever made.

Looks are PDQ hashes of 256 bits; their distance is how many bits differ. `SAME` = 31 is the
threshold that PDQ's authors give. Measured on photos (bench/RESULTS.md): encoded anew at JPEG
quality 40, at most 2; half the size, 2 to 30; with the visible badge, 4 to 30, and more together
with another change, which is why the badged picture is hashed too; cropped by 5 %, 72 and more,
which looks cannot find and the invisible mark does; two different pictures, about 128. Mirrored and
turned pictures are found by asking for all eight ways round.

The hashes lie in this process's memory, 72 bytes a result, read from the database at the first
search and then only what is new. Beyond `ENTRIES_MOST` results the oldest are no longer searched by
looks; their ids are still known.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from django.utils import timezone

from faceweb.marks.models import MarkedResult
from faceweb.marks.pdq import hashes_pack, nearest

SAME: Final = 31
# PDQ's authors: below this a picture has too little in it for its hash to mean anything.
QUALITY_FLOOR: Final = 50
ENTRIES_MOST: Final = 4_000_000

_BATCH = 50_000
_WORDS = 4
_HASHES = 2
# Rows of transactions that were still open at the last reading may have lower numbers than the
# newest row that was read.
_SETTLED = timedelta(minutes=5)


@dataclass(frozen=True)
class Match:
    """A result that looks the same, and how many of 256 bits differ."""

    result: MarkedResult
    distance: int


def result_by_id(mark_id: int) -> MarkedResult | None:
    """The result that carries this id in its pixels."""
    return MarkedResult.objects.filter(mark_id=f"{mark_id:016x}").first()


def result_by_looks(hashes: Sequence[bytes], quality: int, most: int = SAME) -> Match | None:
    """The result that is nearest to any of the hashes, or None.

    Args:
        hashes: PDQ hashes of 32 bytes of one picture, turned and mirrored.
        quality: PDQ's measure of how much there is to see in it, 0 to 100.
        most: the greatest distance that counts.
    """
    if quality < QUALITY_FLOOR:
        return None
    found = _index.nearest(hashes, most)
    if found is None:
        return None
    result = MarkedResult.objects.filter(pk=found[0]).first()
    return None if result is None else Match(result, found[1])


class LooksIndex:
    """Both hashes of every result, in memory. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        # A copy of the picture may have either hash. (2, 4, N), word after word of all entries:
        # six times as fast to search as entry after entry.
        self._hashes = np.empty((_HASHES, _WORDS, 0), np.uint64)
        self._keys = np.empty(0, np.int64)
        self._settled = 0
        self._unsettled: set[int] = set()

    def __len__(self) -> int:
        return self._count

    def refresh(self) -> None:
        """Read what is new in the database."""
        with self._lock:
            if self._settled == 0 and self._count == 0:
                self._start_late()
            unread = MarkedResult.objects.filter(pk__gt=self._settled)
            old = unread.filter(made_at__lt=timezone.now() - _SETTLED).order_by("-pk")
            settled = old.values_list("pk", flat=True).first() or self._settled
            rows = unread.filter(pdq_quality__gte=QUALITY_FLOOR).order_by("pk")
            unsettled: set[int] = set()
            batch: list[tuple[int, str, str]] = []
            # No dates among the columns: turning them into objects takes longer than the rest.
            columns = rows.values_list("pk", "pdq", "pdq_badged")
            for row in columns.iterator(chunk_size=_BATCH):
                key = row[0]
                if key > settled:
                    unsettled.add(key)
                if key in self._unsettled:
                    continue
                batch.append(row)
                if len(batch) == _BATCH:
                    self._add(batch)
                    batch = []
            self._add(batch)
            self._settled, self._unsettled = settled, unsettled

    def nearest(self, hashes: Sequence[bytes], most: int = SAME) -> tuple[int, int] | None:
        """Key and distance of the entry nearest to any of ``hashes``, if it is within ``most``."""
        self.refresh()
        with self._lock:
            known, keys = self._hashes[..., : self._count], self._keys[: self._count]
        best: tuple[int, int] | None = None
        for query in hashes:
            for entries in known:
                within = most if best is None else best[1] - 1
                places, distances = nearest(entries.T, query, within)
                if len(places):
                    best = int(keys[places[0]]), int(distances[0])
        return best

    def _start_late(self) -> None:
        """Leave out the oldest where there are more than may be held."""
        first = MarkedResult.objects.order_by("-pk").values_list("pk", flat=True)
        beyond = first[ENTRIES_MOST : ENTRIES_MOST + 1].first()
        self._settled = beyond or 0

    def _add(self, rows: list[tuple[int, str, str]]) -> None:
        if not rows:
            return
        keep = max(0, min(self._count, ENTRIES_MOST - len(rows)))
        drop = self._count - keep
        needed = keep + len(rows)
        if drop or needed > len(self._keys):
            # New arrays: a search that is under way goes on with the old ones.
            room = min(max(2 * needed, 1024), max(ENTRIES_MOST, needed))
            hashes = np.empty((_HASHES, _WORDS, room), np.uint64)
            keys = np.empty(room, np.int64)
            hashes[..., :keep] = self._hashes[..., drop : self._count]
            keys[:keep] = self._keys[drop : self._count]
            self._hashes, self._keys = hashes, keys
        columns = ([plain for _, plain, _ in rows], [badged for _, _, badged in rows])
        for which, column in enumerate(columns):
            packed = hashes_pack([bytes.fromhex(text) for text in column])
            self._hashes[which, :, keep:needed] = packed.T
        self._keys[keep:needed] = [key for key, _, _ in rows]
        self._count = needed


_index = LooksIndex()
