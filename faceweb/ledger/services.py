"""Reading and writing the ledger. Engines of any kind and their jobs use these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from faceweb.ledger.models import FaceEntry
from faceweb.ledger.places import Place, face_place, meets, nearest, place_of, together
from faceweb.ledger.spent import NOTHING, Spent, most_spent
from faceweb.media.models import Asset

if TYPE_CHECKING:
    from models.faces.face import Face

_NEW_FACE_REACH: Final = 0.6
"""How far round a face's box a new face may change pixels, as a share of its longer side."""


@dataclass(frozen=True)
class Base:
    """The picture that shows who was there first, and the face in it."""

    picture: Asset
    face: Face


@dataclass(frozen=True)
class Standing:
    """What a face in a picture has been through.

    Attributes:
        picture: the picture it is in, and ``place`` where.
        is_edited: whether anything was spent of it since its base.
        base: who was there first; None where that is deleted or not the owner's.
        spent: since the base.
        brought: what had been spent already of the face that the base shows.
        touched: where `picture` and `base` may differ on its account; None where not known.
        is_alone: whether nothing else was changed there.
        kept_base: the base where its owner has it, though its faces may not be known.
    """

    picture: Asset
    place: Place
    is_edited: bool
    base: Base | None
    spent: Spent
    brought: Spent
    touched: Place | None
    is_alone: bool
    kept_base: Asset | None = None

    @property
    def total(self) -> Spent:
        """All that was ever spent of the face."""
        return self.brought.after(self.spent.strengths, self.spent.drift)


def standing_of(picture: Asset, face: Face) -> Standing:
    """What `face` of `picture` has been through; its base is given only to its owner."""
    place = face_place(face, picture.width, picture.height)
    entries = entries_of(picture)
    number = nearest(place, [_place(entry.place) for entry in entries])
    if number is None:
        itself = Base(picture, face)
        return Standing(picture, place, False, itself, NOTHING, NOTHING, None, False, picture)
    entry = entries[number]
    spent, brought = Spent.from_dict(entry.spent), Spent.from_dict(entry.brought)
    touched = None if entry.touched is None else _place(entry.touched)
    others = [_place(other.touched or other.place) for other in entries if other is not entry]
    is_alone = (
        touched is not None
        and entry.upload_id is None
        and not any(meets(touched, other) for other in others)
    )
    kept = _kept_base(entry, picture)
    base_face = None if kept is None else _base_face(entry, kept, picture, face)
    return Standing(
        picture,
        place,
        is_edited=not spent.is_nothing,
        base=None if kept is None or base_face is None else Base(kept, base_face),
        spent=spent,
        brought=brought,
        touched=touched,
        is_alone=is_alone,
        kept_base=kept,
    )


def entries_of(picture: Asset) -> list[FaceEntry]:
    """What the ledger says of the faces of a picture."""
    if picture.is_result:
        found = FaceEntry.objects.filter(result__photo=picture)
    else:
        found = FaceEntry.objects.filter(upload=picture)
    return list(found.select_related("base").order_by("pk"))


def spending_record(
    *, result: Asset, standing: Standing, spent: Spent, touched: Sequence[float]
) -> None:
    """Write down that a face stays who it was and something was spent of it.

    For the transaction that stores the `result`. All that was known of the other faces is carried
    over. A face that was reached without being meant gets the picture before for its base.

    Args:
        result: the new version, of the size of the picture it was made on.
        standing: of the face, before.
        spent: of it since its base, this time included.
        touched: x1, y1, x2, y2 in pixels, outside of which nothing was changed.
    """
    picture = standing.picture
    place = standing.place
    reached = place_of(touched, picture.width, picture.height)
    whole = reached if standing.touched is None else together(reached, standing.touched)
    base = standing.base
    written = [
        FaceEntry(
            place=list(place),
            base=None if base is None else base.picture,
            base_place=None if base is None else list(_place_in(base)),
            touched=None if standing.is_edited and standing.touched is None else list(whole),
            spent=spent.to_dict(),
            brought=standing.brought.to_dict(),
        )
    ]
    written += _carried(picture, [place])
    known = [_place(entry.place) for entry in written]
    for other in picture.found_faces():
        beside = face_place(other, picture.width, picture.height)
        if meets(beside, reached) and nearest(beside, known) is None:
            written.append(_untouched(beside, picture))
    _keep(result, written)


def bases_record(
    *, result: Asset, target: Asset, faces: Iterable[tuple[Face, Sequence[tuple[Asset, Face]]]]
) -> None:
    """Write down that faces were put in, in the transaction that stores the `result`.

    Each begins anew: its base is the result itself. What had been spent of the faces it was taken
    from counts as spent of it, and what was known of all other faces is carried over.

    Args:
        result: the new picture, of the size of `target`.
        target: the picture it was made on.
        faces: each face of `target` that was changed, with the pictures and faces it was made of.
    """
    written = []
    for face, sources in faces:
        place = face_place(face, target.width, target.height)
        brought = most_spent(standing_of(*source).total for source in sources)
        entry = _untouched(place, result)
        entry.brought, entry.touched = brought.to_dict(), list(_reach(face, target))
        written.append(entry)
    _keep(result, written + _carried(target, [_place(entry.place) for entry in written]))


def _carried(picture: Asset, without: Sequence[Place]) -> list[FaceEntry]:
    """Copies of the entries of a picture but for the faces at some places."""
    kept = [
        entry
        for entry in entries_of(picture)
        if all(nearest(_place(entry.place), [place]) is None for place in without)
    ]
    return [copy_of(entry) for entry in kept]


def copy_of(entry: FaceEntry, *, base: bool = True) -> FaceEntry:
    """The same entry for another picture, not saved; with its base or without."""
    return FaceEntry(
        place=entry.place,
        base=entry.base if base else None,
        base_place=entry.base_place if base else None,
        touched=entry.touched,
        spent=entry.spent,
        brought=entry.brought,
    )


def _untouched(place: Place, base: Asset) -> FaceEntry:
    return FaceEntry(
        place=list(place),
        base=base,
        base_place=list(place),
        touched=list(place),
        spent=NOTHING.to_dict(),
        brought=NOTHING.to_dict(),
    )


def _keep(result: Asset, entries: Iterable[FaceEntry]) -> None:
    mark = result.mark
    for entry in entries:
        entry.result = mark
    FaceEntry.objects.bulk_create(entries)


def _reach(face: Face, target: Asset) -> Place:
    x1, y1, x2, y2 = (float(edge) for edge in face.box)
    reach = _NEW_FACE_REACH * max(x2 - x1, y2 - y1)
    return place_of((x1 - reach, y1 - reach, x2 + reach, y2 + reach), target.width, target.height)


def _kept_base(entry: FaceEntry, picture: Asset) -> Asset | None:
    base = entry.base
    if base is None or base.owner_id != picture.owner_id:
        return None
    return base if base.erased_at is None and base.is_usable else None


def _base_face(entry: FaceEntry, base: Asset, picture: Asset, face: Face) -> Face | None:
    """The face in the base, or None where it is not known."""
    if base.pk == picture.pk:
        return face
    if entry.base_place is None:
        return None
    faces = base.found_faces()
    places = [face_place(each, base.width, base.height) for each in faces]
    number = nearest(_place(entry.base_place), places)
    return None if number is None else faces[number]


def _place_in(base: Base) -> Place:
    return face_place(base.face, base.picture.width, base.picture.height)


def _place(values: Sequence[float]) -> Place:
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2
