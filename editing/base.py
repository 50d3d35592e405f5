"""What an edit of an edit starts from.

Editing a version's pixels again would lose quality each time, and a chain of edits that each keep
the likeness to the one before could end at somebody else. So an edited face is always edited from
the photo in which it was still untouched, with all strengths together, and judged against that.
"""

from dataclasses import dataclass, field
from typing import Any

from editing.engines.former import EditRequest
from faceweb.media.models import Asset
from models.faces.face import Face

# Boxes of one face in two versions of a photo overlap far more than this, those of two faces less.
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class EditBase:
    """Where an edit starts: the photo, the number of its face and the face, and what to ask.

    ``already`` holds the percents, by slider, that the version at hand shows of the request.
    """

    photo: Asset
    number: int
    face: Face
    request: EditRequest
    already: dict[str, int] = field(default_factory=dict)


def edit_base(photo: Asset, number: int, face: Face, request: EditRequest, engine: str) -> EditBase:
    """The start of an edit of ``face``, number ``number`` of ``photo``, by ``engine``.

    That is the photo itself, unless it is a version in which the same engine edited the same face:
    then what that version was made from, as long as its owner keeps it, and both edits in one. An
    age in years says where to end, not how far to go: it takes the place of the age before.
    """
    itself = EditBase(photo, number, face, request)
    making: dict[str, Any] = photo.making
    if photo.origin != Asset.Origin.EDIT or making.get("engine") != engine:
        return itself
    base = Asset.objects.kept().filter(owner_id=photo.owner_id, pk=making["base"]).first()
    if (
        base is None
        or not base.is_usable
        or (base.width, base.height) != (photo.width, photo.height)
    ):
        return itself
    faces = base.found_faces()
    base_number = int(making["face"])
    if base_number >= len(faces):
        return itself
    base_face = faces[base_number]
    if _overlap(base_face, face) < _SAME_PLACE:
        return itself
    applied: dict[str, int] = making["edit"]["applied"]
    return EditBase(base, base_number, base_face, _together(request, applied), applied)


def _together(request: EditRequest, applied: dict[str, int]) -> EditRequest:
    strengths = {
        key: max(-1.0, min(1.0, request.strengths.get(key, 0.0) + applied.get(key, 0) / 100))
        for key in {*request.strengths, *applied}
    }
    smile, age = strengths.pop("smile", 0.0), strengths.pop("age", 0.0)
    if request.target_age is not None:
        return EditRequest(smile=smile, target_age=request.target_age, others=strengths)
    return EditRequest(smile=smile, age=age, others=strengths)


def _overlap(a: Face, b: Face) -> float:
    """Intersection over union of two boxes."""
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    shared = float(max(width, 0) * max(height, 0))
    return shared / max(a.area + b.area - shared, 1e-6)
