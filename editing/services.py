"""Checking and starting edits."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from editing.choice import editor_choice
from editing.engines.base import YEARS_KEY, EditEngine, EditEngineSpec, EditRequest
from editing.recipe import EditRecipe
from faceweb.media.analysis_queue import assets_renew
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.engines import machine_here
from faceweb.work.kinds.recipes import RecipeError, recipe_face, recipe_faces, recipe_photos
from faceweb.work.models import Job
from faceweb.work.services import job_request
from models.engine_registry import Chosen
from models.refusals import Refusal

if TYPE_CHECKING:
    from models.faces.face import Face

KIND = "edit"
# Under this width of the jaw nobody can say whether it still is the same person.
MIN_FACE_PX = 60


_loading = threading.Lock()


def get_engine() -> EditEngine:
    """The edit engine of this site, one a process, for workers and the command line.

    Raises:
        RecipeError: ``engine_missing``, where the engine that was chosen cannot be loaded.
    """
    with _loading:
        return _loaded_engine()


@lru_cache(maxsize=1)
def _loaded_engine() -> EditEngine:
    return _usable_choice().spec.load(machine_here())


def _usable_choice() -> Chosen[EditEngineSpec]:
    choice = editor_choice()
    if choice.offer.missing:
        raise RecipeError("engine_missing")
    return choice


def edit_check(*, owner: User, recipe: EditRecipe) -> tuple[Asset, Face]:
    """The photo and the face of a recipe that can be worked on, from stored data alone.

    Raises:
        RecipeError: the photo is gone or not theirs, its faces are not known yet, the face does
            not exist, is too small to judge, or nothing is asked that the engine offers.
    """
    photo, face = face_check(owner=owner, photo_id=recipe.photo, number=recipe.face)
    recipe_request(recipe)
    return photo, face


def recipe_request(recipe: EditRecipe) -> EditRequest:
    """What ``recipe`` asks of this site's engine.

    Raises:
        RecipeError: nothing is asked, or something that the engine does not offer.
    """
    schema = _usable_choice().offer.options
    if YEARS_KEY in recipe.options and YEARS_KEY not in schema:
        raise RecipeError("no_age_estimate")
    try:
        return recipe.request(schema)
    except RecipeError:
        raise
    except Refusal as error:
        raise RecipeError(error.code, **error.params) from error


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
