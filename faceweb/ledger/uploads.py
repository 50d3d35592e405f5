"""An upload that is a copy of something made here takes over what was spent of its faces.

The invisible mark says so for certain. Without one there are only looks, and the photo that a
result was made from looks much the same: then the stored result itself decides, and where that is
gone nobody can tell, so the upload counts as a photo.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from faceweb.ledger.models import FaceEntry
from faceweb.ledger.places import Place, face_place, nearest
from faceweb.ledger.services import copy_of
from faceweb.ledger.spent import Spent, most_spent
from faceweb.marks.inspection import reduced_for_hash
from faceweb.marks.models import MarkedResult
from faceweb.marks.pdq import hamming, pdq_dihedral, pdq_hash
from faceweb.marks.registry import SAME, result_by_id, result_by_looks
from faceweb.marks.watermark import watermark_read
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from models.faces.face import Face

logger = logging.getLogger(__name__)

_READ_PX: Final = 4500
"""A picture with a longer side than this is looked at reduced: the marks hold."""
_SAME_SHAPE: Final = 0.015
"""By so little, as a share, may the shapes of a result and of a whole copy of it differ."""
_COMPARED_PX: Final = 512
_CHANGED: Final = (1.6, 1.0)
"""A face that differs from the result by more than the first times what the rest differs by, and
the second, in levels, is not the result's."""


@dataclass(frozen=True)
class Recognised:
    """A result made here that an upload is a copy of.

    Attributes:
        result: its row in the registry.
        is_whole: whether the upload shows all of it, the same way up, so that places agree.
    """

    result: MarkedResult
    is_whole: bool


def upload_recognise(photo: Asset, image: NDArray[np.uint8], faces: Sequence[Face]) -> None:
    """Write the ledger of an upload whose faces were found, before anybody may use it.

    Args:
        photo: the upload; of results the ledger was written when they were made.
        image: its pixels, uint8 (H, W, 3) BGR.
        faces: found in it.
    """
    if photo.is_result:
        return
    known = recognise(image) if faces else None
    entries = [] if known is None else _entries(photo, known, faces)
    with transaction.atomic():
        FaceEntry.objects.filter(upload=photo).delete()
        FaceEntry.objects.bulk_create(entries)
    if entries:
        logger.info("photo %s shows %d faces that were edited here", photo.pk, len(entries))


def recognise(image: NDArray[np.uint8]) -> Recognised | None:
    """The result that a picture, uint8 (H, W, 3) BGR, is a copy of, or None."""
    seen = image
    if max(image.shape[:2]) > _READ_PX:
        scale = _READ_PX / max(image.shape[:2])
        seen = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    small = reduced_for_hash(image)
    ways = pdq_dihedral(small)
    mark_id = watermark_read(seen)
    result = None if mark_id is None else result_by_id(mark_id)
    if result is not None:
        return Recognised(result, _is_whole(result, ways[0], image))
    match = result_by_looks(ways, pdq_hash(small).quality)
    if match is None or not _shows_the_change(match.result, image):
        return None
    return Recognised(match.result, _is_whole(match.result, ways[0], image))


def _is_whole(result: MarkedResult, looks: bytes, image: NDArray[np.uint8]) -> bool:
    known = [bytes.fromhex(text) for text in (result.pdq, result.pdq_badged)]
    if min(hamming(looks, each) for each in known) > SAME:
        return False
    original = result.photo
    if original is None:
        return True
    height, width = image.shape[:2]
    return abs(width * original.height / (height * original.width) - 1) <= _SAME_SHAPE


def _shows_the_change(result: MarkedResult, image: NDArray[np.uint8]) -> bool:
    """Whether a picture that looks like a result is that, and not what it was made from."""
    if result.photo is None:
        return False
    try:
        made = _small(asset_read(result.photo))
    except (OSError, ValueError):
        return False
    ways = [np.rot90(image, turns) for turns in range(4)]
    ways += [np.fliplr(way) for way in ways]
    size = made.shape[1], made.shape[0]
    differences = [
        cv2.absdiff(made, _small(np.ascontiguousarray(way), size)).mean(axis=2) for way in ways
    ]
    nearest_way = min(differences, key=lambda difference: float(difference.mean()))
    inside = np.zeros(nearest_way.shape, bool)
    for entry in result.faces.all():
        x1, y1, x2, y2 = entry.place
        rows, columns = made.shape[:2]
        top, bottom = max(int(y1 * rows), 0), int(y2 * rows) + 1
        left, right = max(int(x1 * columns), 0), int(x2 * columns) + 1
        inside[top:bottom, left:right] = True
    if not inside.any() or inside.all():
        return False
    times, levels = _CHANGED
    face, rest = float(nearest_way[inside].mean()), float(nearest_way[~inside].mean())
    return face <= times * rest + levels


def _small(image: NDArray[np.uint8], size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    if size is None:
        scale = _COMPARED_PX / max(image.shape[:2])
        size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _entries(photo: Asset, known: Recognised, faces: Sequence[Face]) -> list[FaceEntry]:
    """The entries of an upload: by place where it is whole, and else the worst for every face."""
    theirs = list(known.result.faces.select_related("base"))
    if not theirs:
        return []
    places = [face_place(face, photo.width, photo.height) for face in faces]
    written: list[FaceEntry] = []
    unclaimed = list(theirs)
    strangers: list[Place] = []
    for place in places:
        number = nearest(place, [tuple(entry.place) for entry in theirs])
        if known.is_whole and number is not None:
            entry = theirs[number]
            mine = copy_of(entry, base=entry.base is not None and _is_mine(entry.base, photo))
            mine.place = list(place)
            written.append(mine)
            if entry in unclaimed:
                unclaimed.remove(entry)
        else:
            strangers.append(place)
    if unclaimed:
        spent = most_spent(Spent.from_dict(entry.spent) for entry in unclaimed)
        brought = most_spent(Spent.from_dict(entry.brought) for entry in unclaimed)
        written += [
            FaceEntry(place=list(place), spent=spent.to_dict(), brought=brought.to_dict())
            for place in strangers
        ]
    for entry in written:
        entry.upload = photo
    return written


def _is_mine(base: Asset, photo: Asset) -> bool:
    return base.owner_id == photo.owner_id
