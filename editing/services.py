"""Checking and starting edits."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from editing.choice import editor_choice
from editing.engines.former import EditEngine
from editing.recipe import EditRecipe
from faceweb.media.analysis_queue import assets_renew
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.kinds.recipes import RecipeError, recipe_face, recipe_faces, recipe_photos
from faceweb.work.models import Job
from faceweb.work.services import job_request

if TYPE_CHECKING:
    from models.faces.face import Face

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


def edit_check(*, owner: User, recipe: EditRecipe) -> tuple[Asset, Face]:
    """The photo and the face of a recipe that can be worked on, from stored data alone.

    Raises:
        RecipeError: the photo is gone or not theirs, its faces are not known yet, the face does
            not exist, is too small to judge, or the engine has no such slider or takes no years.
    """
    photo, face = face_check(owner=owner, photo_id=recipe.photo, number=recipe.face)
    choice = editor_choice()
    offered = {slider.key for slider in choice.sliders}
    years = {"age"} if recipe.target_age is not None else set()
    if (recipe.asked | years) - offered:
        raise RecipeError("unknown_slider")
    if years and not choice.takes_years:
        raise RecipeError("no_age_estimate")
    return photo, face


def face_check(*, owner: User, photo_id: UUID, number: int) -> tuple[Asset, Face]:
    """A photo and the face ``number`` of it that can be edited, from stored data alone.

    Raises:
        RecipeError: as `edit_check`, but for sliders.
    """
    photo = recipe_photos(owner=owner, ids=[photo_id])[photo_id]
    assets_renew([photo])
    face = recipe_face(recipe_faces(photo), number)
    if face.quality.width_px < MIN_FACE_PX:
        raise RecipeError("face_too_small_to_judge")
    return photo, face


def edit_request(*, owner: User, recipe: EditRecipe, once: str = "") -> Job:
    """Queue an edit; ``once`` is the one-time key of the form that asks.

    Raises:
        RecipeError: as `edit_check`.
        JobRefused: the person has as many jobs waiting as the site allows, or may make nothing.
    """
    return job_request(owner=owner, kind=KIND, recipe=recipe.to_dict(), once=once)


def identity_threshold() -> float:
    """The similarity an edit must reach, from FACEWEB_IDENTITY_THRESHOLD."""
    return settings.IDENTITY_THRESHOLD / 100
