"""Checking and starting face swaps."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from faceweb.media.analysis_queue import assets_renew
from faceweb.people.models import User
from faceweb.work.engines import machine_here
from faceweb.work.kinds.recipes import RecipeError, recipe_face, recipe_faces, recipe_photos
from faceweb.work.models import Job
from faceweb.work.services import job_request
from models.engine_registry import Chosen
from models.engines import Notice
from swaps.choice import engine_choice
from swaps.engines.base import SwapEngine, SwapEngineSpec, refuse
from swaps.recipe import FaceMapping, SwapRecipe

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import Face

KIND = "swap"


@dataclass(frozen=True, slots=True)
class FaceNotice:
    """Something to know of a target face before starting; the swap is possible all the same."""

    notice: Notice
    target_face: int


_loading = threading.Lock()


def get_engine() -> SwapEngine:
    """The engine of this site, one a process, for workers and the command line.

    Raises:
        RecipeError: ``engine_missing``, where the engine that was chosen cannot be loaded.
    """
    with _loading:
        return _loaded_engine()


@lru_cache(maxsize=1)
def _loaded_engine() -> SwapEngine:
    # The process's analyser is this engine's own: asked for while it is loaded, it would wait for
    # itself.
    return _usable_choice().spec.load(replace(machine_here(), analyser=_no_analyser))


def _no_analyser() -> FaceAnalyser:
    raise RuntimeError("a swap engine brings the analyser")


def _usable_choice() -> Chosen[SwapEngineSpec]:
    choice = engine_choice()
    if choice.offer.missing:
        raise RecipeError("engine_missing")
    return choice


def engine_label() -> str:
    """The engine's name in plain words, for pages, and whether a better one is out of order."""
    choice = engine_choice()
    label = gettext(choice.spec.label)
    if choice.passed_over:
        return gettext("%(engine)s. A better engine is not available at the moment.") % {
            "engine": label
        }
    return label


def takes_several() -> bool:
    """Whether several photos of one person make one face with this site's engine."""
    return bool(engine_choice().offer.takes_several)


def swap_check(*, owner: User, recipe: SwapRecipe) -> list[FaceNotice]:
    """What the person should know before starting this swap, from stored data alone.

    Raises:
        Refusal: the swap cannot be made: a photo is gone or not theirs, its faces are not
            known yet, a face number does not exist, or the engine refuses the pair.
    """
    photos = recipe_photos(owner=owner, ids=[recipe.target, *recipe.sources])
    assets_renew(photos.values())
    faces = {
        photo.pk: recipe_faces(photo)
        for photo in photos.values()
        if photo.pk in recipe.must_show_a_face or not photo.is_ready
    }
    choice = _usable_choice()
    choice.offer.options.check(recipe.options)
    if any(mapping.more_sources for mapping in recipe.mapping) and not takes_several():
        raise RecipeError("one_photo_only")
    notices: list[FaceNotice] = []
    for mapping in recipe.mapping:
        target, source = pick_faces(mapping, faces[recipe.target], faces[mapping.source])
        found = refuse(choice.spec.check(target, source))
        notices.extend(FaceNotice(notice, mapping.target_face) for notice in found)
    return notices


def swap_request(*, owner: User, recipe: SwapRecipe, once: str = "") -> Job:
    """Queue a swap; ``once`` is the one-time key of the form that asks.

    Raises:
        Refusal: as `swap_check`, or the person has as many jobs waiting as the site allows, or may
            make nothing.
    """
    return job_request(owner=owner, kind=KIND, recipe=recipe.to_dict(), once=once)


def pick_faces(
    mapping: FaceMapping, target_faces: list[Face], source_faces: list[Face]
) -> tuple[Face, Face]:
    """The two faces that a mapping names.

    Raises:
        RecipeError: ``face_missing`` when a number is not among the photo's faces.
    """
    return (
        recipe_face(target_faces, mapping.target_face),
        recipe_face(source_faces, mapping.source_face),
    )
