"""What recipes of every kind have in common: photos of the owner, faces found in them, refusals."""

from collections.abc import Iterable
from uuid import UUID

from faceweb.media.models import Asset
from models.faces.face import Face


class RecipeError(Exception):
    """A request cannot be carried out, with a reason for the person who made it.

    ``code`` is for programs, ``sentence`` says what is wrong, ``way_on`` what helps.
    """

    def __init__(self, code: str, sentence: str, way_on: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on


def recipe_photos(*, owner: object, ids: Iterable[UUID]) -> dict[UUID, Asset]:
    """The photos a recipe names, by id.

    Raises:
        RecipeError: ``photo_missing``, where somebody else's photo is answered like one that never
            was; ``screening_pending``, ``photo_in_review`` or ``photo_blocked``.
    """
    wanted = set(ids)
    photos = {photo.pk: photo for photo in Asset.objects.for_user(owner).filter(pk__in=wanted)}
    if wanted - photos.keys():
        raise RecipeError(
            "photo_missing",
            "One of the photos is not there any more.",
            "Choose another photo, or upload it again.",
        )
    for photo in photos.values():
        _refuse_unusable(photo)
    return photos


def _refuse_unusable(photo: Asset) -> None:
    if photo.is_usable:
        return
    match photo.screening:
        case Asset.Screening.PENDING:
            raise RecipeError(
                "screening_pending",
                "One of the photos is still being checked.",
                "It takes a second or two; try again then.",
            )
        case Asset.Screening.BLOCKED:
            raise RecipeError(
                "photo_blocked",
                "One of the photos is not allowed here.",
                "Its page says why, and what you can do about it.",
            )
        case _:
            raise RecipeError(
                "photo_in_review",
                "A person has to look at one of the photos before it can be used.",
                "Use another photo, or wait: its page says when it is decided.",
            )


def recipe_faces(photo: Asset) -> list[Face]:
    """The faces found in ``photo``, largest first, at least one.

    Raises:
        RecipeError: ``analysis_pending`` or ``no_face``.
    """
    if photo.analysis == Asset.Analysis.PENDING:
        raise RecipeError(
            "analysis_pending",
            "We are still looking for faces in one of the photos.",
            "It takes a second or two; try again then.",
        )
    if not photo.faces:
        raise RecipeError(
            "no_face",
            "No face was found in one of the photos.",
            "Choose a photo in which a face looks towards the camera, well lit and not too small.",
        )
    return photo.found_faces()


def recipe_face(faces: list[Face], number: int) -> Face:
    """Face ``number``, counted from 0.

    Raises:
        RecipeError: ``face_missing``.
    """
    try:
        return faces[number]
    except IndexError as error:
        raise RecipeError(
            "face_missing",
            "One of the chosen faces is not in its photo.",
            "Choose the faces again.",
        ) from error
