"""Checking and starting edits."""

import threading
from functools import lru_cache

from django.conf import settings

from editing.choice import editor_choice
from editing.engines.base import EditEngine
from editing.recipe import EditRecipe
from faceweb.accounts.models import User
from faceweb.gallery.models import Photo
from faceweb.jobs.models import Job
from faceweb.jobs.recipes import RecipeError, recipe_face, recipe_faces, recipe_photos
from faceweb.jobs.services import job_create
from models.face import Face

KIND = "edit"
# Under this width of the jaw nobody can say whether it still is the same person.
MIN_FACE_PX = 60


_loading = threading.Lock()


def get_engine() -> EditEngine:
    """The edit engine of this site, one a process, for workers and the command line."""
    with _loading:
        return _loaded_engine()


@lru_cache(maxsize=1)
def _loaded_engine() -> EditEngine:
    return editor_choice().load()


def edit_check(*, owner: User, recipe: EditRecipe) -> tuple[Photo, Face]:
    """The photo and the face of a recipe that can be worked on, from stored data alone.

    Raises:
        RecipeError: the photo is gone or not theirs, its faces are not known yet, the face does
            not exist, is too small to judge, or the engine has no such slider.
    """
    photo = recipe_photos(owner=owner, ids=[recipe.photo])[recipe.photo]
    face = recipe_face(recipe_faces(photo), recipe.face)
    if face.quality.width_px < MIN_FACE_PX:
        raise RecipeError(
            "face_too_small",
            "This face is too small to tell whether it would still be the same person.",
            "Use a photo in which the face is larger.",
        )
    offered = {slider.key for slider in editor_choice().sliders}
    if recipe.asked - offered:
        raise RecipeError("unknown_slider", "This site does not offer one of these edits.")
    return photo, face


def edit_request(*, owner: User, recipe: EditRecipe) -> Job:
    """Queue an edit.

    Raises:
        RecipeError: as `edit_check`.
        JobRefused: the person has as many jobs waiting as the site allows, or may make nothing.
    """
    edit_check(owner=owner, recipe=recipe)
    return job_create(owner=owner, kind=KIND, recipe=recipe.to_dict(), engine=editor_choice().name)


def identity_threshold() -> float:
    """The similarity an edit must reach, from FACEWEB_IDENTITY_THRESHOLD."""
    return settings.IDENTITY_THRESHOLD / 100
