"""What an edit of an edited face starts from, and what it is judged against.

However long the chain of edits, whichever face, engine or upload it came by, a face is compared
with who was there first (`faceweb.ledger`). Where that picture is kept and nothing else was changed
in the place, the face is also edited from it, with all strengths together: editing pixels again
loses quality each time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from editing.engines.base import EditRequest, EditResult, Start
from faceweb.ledger.places import Place
from faceweb.ledger.services import Standing, standing_of
from faceweb.ledger.spent import NOTHING, Spent, degrees_of, threshold_left
from faceweb.media.face_analysis import assets_analyse_now
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.work.kinds.recipes import RecipeError

if TYPE_CHECKING:
    from models.faces.face import Face

_COPY_DRIFT: Final = 3.0
"""Degrees that a copy which somebody uploaded may be off the result it is a copy of."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class EditBase:
    """Where an edit starts.

    Attributes:
        standing: what the face has been through.
        face: the face that the engine is given, in pixels of the picture it is given.
        request: what to ask; strengths count from that picture.
        threshold: likeness that the result must have to what it is compared with.
        shown: strengths that the picture at hand shows of `request`, where the face is edited from
            its base.
        counted: percents by slider, spent before, that do not count in `request`.
    """

    standing: Standing
    face: Face
    request: EditRequest
    threshold: float
    shown: EditRequest = field(default_factory=EditRequest)
    counted: dict[str, int] = field(default_factory=dict)
    is_restored: bool = False

    @property
    def already(self) -> dict[str, int]:
        """Percents by slider that the picture at hand shows, from where it was untouched."""
        return self.totals(_percents(self.shown))

    def opened(self) -> tuple[Pixels, Pixels, Start]:
        """The picture for the engine and the picture at hand, uint8 (H, W, 3) BGR, and the start.

        Raises:
            OSError, ValueError: a stored file cannot be read.
        """
        base, picture = self.standing.base, self.standing.picture
        seen = asset_read(picture)
        if base is None or base.picture == picture:
            return seen, seen, Start()
        first = asset_read(base.picture)
        reference = (first, base.face)
        if not self.is_restored or self.standing.touched is None:
            return seen, seen, Start(reference=reference)
        restored = seen.copy()
        height, width = seen.shape[:2]
        x1, y1, x2, y2 = _pixels(self.standing.touched, width, height)
        restored[y1:y2, x1:x2] = first[y1:y2, x1:x2]
        return restored, seen, Start(self.shown, seen, reference)

    def spent_after(self, result: EditResult) -> Spent:
        """What is spent of the face since its base once `result` is kept."""
        applied, spent = _percents(result.applied), self.standing.spent
        angle = degrees_of(result.similarity or 0.0)
        before = NOTHING if self.is_restored else spent
        if self.standing.base is not None:
            # Measured against the first face itself: nothing has to be added up.
            return Spent(before.after(applied, 0.0).strengths, angle)
        return spent.after(applied, angle)

    def totals(self, percents: dict[str, int]) -> dict[str, int]:
        """Percents counted from where the face was untouched."""
        keys = [*percents, *(key for key in self.counted if key not in percents)]
        return {key: percents.get(key, 0) + self.counted.get(key, 0) for key in keys}


def edit_base(
    photo: Asset, face: Face, request: EditRequest, threshold: float, offered: Collection[str]
) -> EditBase:
    """The start of an edit of ``face`` in ``photo``; for workers.

    An age in years says where to end, not how far to go: it takes the place of the age before.

    Args:
        photo, face: which face, in pixels of the photo.
        request: what a person asks, counted from what the photo shows.
        threshold: likeness that must be kept to the first face.
        offered: keys of the sliders that the engine has.

    Raises:
        RecipeError: ``likeness_spent`` or ``slider_spent``: no more can be given.
    """
    standing = _known_standing(photo, face)
    brought = standing.brought
    if standing.base is None:
        drift = standing.total.drift + (0.0 if photo.is_result else _COPY_DRIFT)
    else:
        drift = brought.drift
    left = threshold_left(threshold, drift)
    if left is None:
        raise RecipeError("likeness_spent")
    spent, base = standing.spent, standing.base
    if base is not None and _is_restorable(standing, base.picture, offered):
        return EditBase(
            standing,
            base.face,
            _added(request, spent, brought),
            left,
            _request(spent.strengths),
            is_restored=True,
        )
    total = standing.total
    limited = _limited(request, total)
    if any(request.strengths.values()) and not any(limited.strengths.values()):
        raise RecipeError("slider_spent")
    return EditBase(standing, face, limited, left, counted=dict(spent.strengths))


def _known_standing(photo: Asset, face: Face) -> Standing:
    """The standing, with the faces of the base found anew where another engine's were stored."""
    standing = standing_of(photo, face)
    if standing.base is None and standing.kept_base is not None:
        assets_analyse_now([standing.kept_base])
        standing = standing_of(photo, face)
    return standing


def _is_restorable(standing: Standing, base: Asset, offered: Collection[str]) -> bool:
    picture = standing.picture
    return (
        standing.is_edited
        and standing.is_alone
        and base != picture
        and (base.width, base.height) == (picture.width, picture.height)
        and all(key in offered for key, percent in standing.spent.strengths.items() if percent)
    )


def _added(request: EditRequest, spent: Spent, brought: Spent) -> EditRequest:
    """`request` on top of what was spent since the base; with what was brought within the ends."""
    total = brought.after(spent.strengths, 0.0)
    strengths = {
        key: spent.strengths.get(key, 0) + total.left(key, percent)
        for key, percent in _percents(request, spent.strengths).items()
    }
    return _request(strengths, request)


def _limited(request: EditRequest, total: Spent) -> EditRequest:
    """As much of `request` as the ends of the sliders leave."""
    strengths = {key: total.left(key, percent) for key, percent in _percents(request).items()}
    return _request(strengths, request)


def _request(strengths: Mapping[str, int], like: EditRequest | None = None) -> EditRequest:
    shares = {key: percent / 100 for key, percent in strengths.items()}
    smile, age = shares.pop("smile", 0.0), shares.pop("age", 0.0)
    like = like or EditRequest()
    if like.target_age is not None:
        return replace(like, smile=smile, others=shares)
    return replace(like, smile=smile, age=age, others=shares)


def _percents(request: EditRequest, more: Collection[str] = ()) -> dict[str, int]:
    strengths = request.strengths
    keys = [*strengths, *(key for key in more if key not in strengths)]
    return {key: round(100 * strengths.get(key, 0.0)) for key in keys}


def _pixels(place: Place, width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = place
    return (
        max(round(x1 * width), 0),
        max(round(y1 * height), 0),
        min(round(x2 * width), width),
        min(round(y2 * height), height),
    )
