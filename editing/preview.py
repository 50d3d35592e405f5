"""A quick look at an edit: the face alone, small, made by the same engine, kept nowhere.

Pages have no engine: a worker makes the preview, asked by way of `faceweb.work.previews`. What an
engine finds out about the face on the way stays in that worker's memory.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from editing.base import edit_base
from editing.choice import editor_choice
from editing.engines.base import YEARS_AT_FULL, EditEngine, EditRequest, Start, sliders_of
from editing.kind import edit_figures
from editing.recipe import EditRecipe
from editing.services import (
    edit_check,
    face_check,
    get_engine,
    identity_threshold,
    recipe_request,
)
from faceweb.marks.services import badge_draw
from faceweb.people.models import User
from faceweb.work import previews
from faceweb.work.errors import AccountFrozen
from faceweb.work.kinds.recipes import RecipeError
from models.pixels.imaging import bounding_box, encode_webp, reduced_region
from models.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.faces.face import Face

SIDE_PX = 512
# How long a page waits, for an engine that answers within a second and for one that studies first.
WAIT_SECONDS = 4.0
STUDY_WAIT_SECONDS = 30.0

PREVIEW = "edit.preview"
PREPARE = "edit.prepare"


def preview_ask(*, owner: User, recipe: EditRecipe, timeout: float | None = None) -> dict[str, Any]:
    """The answer of a worker: `preview_make`'s dict.

    Raises:
        RecipeError: as `edit_check`, or the engine refuses, or this person may make nothing.
        PreviewBusy: the workers have other things to do, or a newer preview was asked for.
    """
    if not owner.may_make:
        frozen = AccountFrozen()
        raise RecipeError(frozen.code, **frozen.params)
    edit_check(owner=owner, recipe=recipe)
    return _ask(owner, PREVIEW, recipe.photo, {"recipe": recipe.to_dict()}, timeout)


def prepare_ask(
    *, owner: User, photo_id: UUID, number: int, timeout: float | None = None
) -> dict[str, Any]:
    """The answer of a worker: `prepare_make`'s dict.

    Raises:
        RecipeError: as `face_check`.
        PreviewBusy: as `preview_ask`.
    """
    face_check(owner=owner, photo_id=photo_id, number=number)
    return _ask(owner, PREPARE, photo_id, {"photo": str(photo_id), "face": number}, timeout)


def _ask(
    owner: User, kind: str, photo_id: UUID, question: dict[str, Any], timeout: float | None
) -> dict[str, Any]:
    if timeout is None:
        timeout = STUDY_WAIT_SECONDS if editor_choice().offer.studies else WAIT_SECONDS
    answer = previews.preview_ask(
        owner=owner, kind=kind, topic=str(photo_id), question=question, seconds=timeout
    )
    if "refusal" in answer:
        raise RecipeError(answer["refusal"]["code"], **answer["refusal"]["params"])
    return answer


def preview_answer(owner: User, question: dict[str, Any]) -> dict[str, Any]:
    """In a worker: `preview_make`'s dict, or the refusal under ``refusal``."""
    recipe = EditRecipe.from_dict(question["recipe"])
    return _answered(lambda: preview_make(owner=owner, recipe=recipe))


def prepare_answer(owner: User, question: dict[str, Any]) -> dict[str, Any]:
    """In a worker: `prepare_make`'s dict, or the refusal under ``refusal``."""
    photo_id, number = UUID(question["photo"]), question["face"]
    return _answered(lambda: prepare_make(owner=owner, photo_id=photo_id, number=number))


def _answered(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except Refusal as error:
        return {"refusal": error.to_dict()}


def preview_make(*, owner: User, recipe: EditRecipe) -> dict[str, Any]:
    """The face of ``recipe`` before and after, as data addresses, and the check's figures.

    Strengths count from the version at hand, as its sliders do.

    Raises:
        RecipeError, FaceError: the edit cannot be made.
    """
    photo, face = edit_check(owner=owner, recipe=recipe)
    engine = get_engine()
    base = edit_base(photo, face, recipe_request(recipe), identity_threshold(), _offered(engine))
    image, seen, start = base.opened()
    cut, small = face_cutout(image, base.face)
    before = cut if seen is image else face_cutout(seen, base.face)[0]
    result = engine.preview(cut, small, base.request, base.threshold, _small_start(start, before))
    figures = edit_figures(result, base)
    for told in ("asked",) if result.image is None else ("asked", "applied"):
        figures[told] = {
            key: percent - base.already.get(key, 0) for key, percent in figures[told].items()
        }
    # Nothing of it is stored, so there is nothing to sign; but whoever saves it from the page has
    # a picture that says what it is.
    if photo.is_result:
        before = badge_draw(before)
    after = before if result.image is None else badge_draw(result.image)
    return {
        **figures,
        "before": _data_address(before),
        "after": _data_address(after),
    }


def prepare_make(*, owner: User, photo_id: UUID, number: int) -> dict[str, Any]:
    """What the editor is told when it opens: what `EditEngine.outlook` said of the face.

    ``years`` is about how old the face looks in the version at hand, as the scale of the age in
    years and for nothing else, or None; ``years_at_full`` is how far the scale goes to each side;
    ``seconds`` is about how long a preview takes.

    Raises:
        RecipeError, FaceError: the face cannot be edited.
    """
    photo, face = face_check(owner=owner, photo_id=photo_id, number=number)
    engine = get_engine()
    base = edit_base(photo, face, EditRequest(), identity_threshold(), _offered(engine))
    image, _, start = base.opened()
    outlook = engine.outlook(*face_cutout(image, base.face))
    shift = YEARS_AT_FULL * start.shown.age
    return {
        "years": None if outlook.years is None else max(round(outlook.years + shift), 1),
        "years_at_full": round(YEARS_AT_FULL),
        "seconds": round(outlook.preview_seconds, 1),
    }


def _offered(engine: EditEngine) -> set[str]:
    return {slider.key for slider in sliders_of(engine.options)}


def _small_start(start: Start, before: NDArray[np.uint8]) -> Start:
    """The start of an edit of a cut-out, which people see ``before``."""
    if start.reference is None:
        return start
    return replace(start, seen=before, reference=face_cutout(*start.reference))


def face_cutout(image: NDArray[np.uint8], face: Face) -> tuple[NDArray[np.uint8], Face]:
    """A square round ``face`` of at most `SIDE_PX`, and the face in it.

    Args:
        image: uint8 (H, W, 3) BGR.
        face: in pixels of ``image``.
    """
    x1, y1, x2, y2 = (float(edge) for edge in face.box)
    reach = 0.45 * max(x2 - x1, y2 - y1)
    corners = np.array([[x1, y1 - 0.2 * reach], [x2, y2]], np.float32)
    box = bounding_box(corners, reach, image)
    longest = max(box[2] - box[0], box[3] - box[1])
    region, matrix = reduced_region(image, box, min(1.0, SIDE_PX / longest))
    return region, face.mapped(matrix)


def _data_address(image: NDArray[np.uint8]) -> str:
    return "data:image/webp;base64," + base64.b64encode(encode_webp(image)).decode()
