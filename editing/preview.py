"""A quick look at an edit: the face alone, small, made by the same engine, kept nowhere.

Pages have no engine: a worker makes the preview, asked as `editing.asking` does. What an
engine finds out about the face on the way stays in that worker's memory.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from editing.base import EditBase, edit_base
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
from models.pixels.imaging import bounding_box, encode_webp, reduced_region
from models.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.faces.face import Face

SIDE_PX = 512


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
    figures = replace(figures, asked=_since(base, figures.asked))
    if result.image is not None:
        figures = replace(figures, applied=_since(base, figures.applied))
    # Nothing of it is stored, so there is nothing to sign; but whoever saves it from the page has
    # a picture that says what it is.
    if photo.is_result:
        before = badge_draw(before)
    after = before if result.image is None else badge_draw(result.image)
    return {
        **figures.to_dict(),
        "before": _data_address(before),
        "after": _data_address(after),
    }


def _since(base: EditBase, percents: Mapping[str, int]) -> dict[str, int]:
    return {key: percent - base.already.get(key, 0) for key, percent in percents.items()}


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
