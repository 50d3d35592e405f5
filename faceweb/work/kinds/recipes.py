"""For the makers, what their recipes share: photos of the owner, faces found in them, refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from faceweb.media.models import Asset
from models.refusals import Refusal

if TYPE_CHECKING:
    from models.faces.face import Face


class RecipeError(Refusal):
    """A request cannot be carried out."""


def recipe_photos(*, owner: object, ids: Iterable[UUID]) -> dict[UUID, Asset]:
    """The photos a recipe names, by id.

    Raises:
        RecipeError: ``photo_missing``, where somebody else's photo is answered like one that never
            was; ``screening_pending``, ``photo_in_review`` or ``photo_blocked``.
    """
    wanted = set(ids)
    photos = {photo.pk: photo for photo in Asset.objects.for_user(owner).filter(pk__in=wanted)}
    if wanted - photos.keys():
        raise RecipeError("photo_missing")
    for photo in photos.values():
        _refuse_unusable(photo)
    return photos


def _refuse_unusable(photo: Asset) -> None:
    if photo.is_usable:
        return
    match photo.screening:
        case Asset.Screening.PENDING:
            raise RecipeError("screening_pending")
        case Asset.Screening.BLOCKED:
            raise RecipeError("photo_blocked")
        case _:
            raise RecipeError("photo_in_review")


def recipe_faces(photo: Asset) -> list[Face]:
    """The faces found in ``photo``, largest first, at least one.

    Raises:
        RecipeError: ``analysis_pending`` or ``no_face``.
    """
    if photo.analysis == Asset.Analysis.PENDING:
        raise RecipeError("analysis_pending")
    if not photo.faces:
        raise RecipeError("no_face")
    return photo.found_faces()


def recipe_face(faces: list[Face], number: int) -> Face:
    """Face ``number``, counted from 0.

    Raises:
        RecipeError: ``face_missing``.
    """
    try:
        return faces[number]
    except IndexError as error:
        raise RecipeError("face_missing") from error
