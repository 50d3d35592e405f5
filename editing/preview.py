"""A quick look at an edit: the face alone, small, made by the same engine, kept nowhere.

Pages have no engine: a worker makes the preview. The question and the answer pass through the
cache under a random name and are gone within a minute.
"""

import base64
import secrets
import time
from typing import Any

import numpy as np
from django.core.cache import cache
from kombu.exceptions import OperationalError
from numpy.typing import NDArray

from editing.base import edit_base
from editing.kind import edit_figures
from editing.recipe import EditRecipe
from editing.services import edit_check, get_engine, identity_threshold
from faceweb.accounts.models import User
from faceweb.gallery.services import photo_read
from faceweb.jobs.errors import AccountFrozen
from faceweb.jobs.recipes import RecipeError
from models.errors import FaceError
from models.face import Face
from models.imaging import bounding_box, encode_webp, reduced_region

SIDE_PX = 512
# A preview of somebody who has gone on is of no use; a worker drops it.
QUESTION_SECONDS = 10
ANSWER_SECONDS = 60
_POLL_SECONDS = 0.02


class PreviewBusy(Exception):
    """No worker answered in time; the page tries again when a slider moves."""


def preview_ask(*, owner: User, recipe: EditRecipe, timeout: float = 4.0) -> dict[str, Any]:
    """The answer of a worker: `preview_make`'s dict.

    Raises:
        RecipeError: as `edit_check`, or the engine refuses, or this person may make nothing.
        PreviewBusy: the workers have other things to do.
    """
    if not owner.may_make:
        frozen = AccountFrozen()
        raise RecipeError(frozen.code, frozen.sentence, frozen.way_on)
    edit_check(owner=owner, recipe=recipe)
    name = secrets.token_urlsafe(16)
    question = {"owner": str(owner.pk), "recipe": recipe.to_dict()}
    cache.set(_question(name), question, QUESTION_SECONDS)
    _send(name)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = cache.get(_answer(name))
        if answer is not None:
            cache.delete(_answer(name))
            if "refusal" in answer:
                raise RecipeError(*answer["refusal"])
            return dict(answer)
        time.sleep(_POLL_SECONDS)
    raise PreviewBusy


def _send(name: str) -> None:
    # The task's module imports this one.
    from editing.tasks import preview_make as task

    try:
        task.apply_async(args=(name,), retry=False, expires=QUESTION_SECONDS)
    except OperationalError as error:
        raise PreviewBusy from error


def preview_answer(name: str) -> None:
    """Make the preview that was asked for under ``name``, unless nobody waits for it any more."""
    question = cache.get(_question(name))
    if question is None:
        return
    cache.delete(_question(name))
    owner = User.objects.get(pk=question["owner"])
    try:
        answer = preview_make(owner=owner, recipe=EditRecipe.from_dict(question["recipe"]))
    except (RecipeError, FaceError) as error:
        answer = {"refusal": [error.code, error.sentence, error.way_on]}
    cache.set(_answer(name), answer, ANSWER_SECONDS)


def preview_make(*, owner: User, recipe: EditRecipe) -> dict[str, Any]:
    """The face of ``recipe`` before and after, as data addresses, and the check's figures.

    Raises:
        RecipeError, FaceError: the edit cannot be made.
    """
    photo, face = edit_check(owner=owner, recipe=recipe)
    engine = get_engine()
    base = edit_base(photo, recipe.face, face, recipe.request(), engine.name)
    start, small = face_cutout(photo_read(base.photo), base.face)
    result = engine.run(start, small, base.request, identity_threshold())
    before = start if base.photo == photo else face_cutout(photo_read(photo), base.face)[0]
    return {
        **edit_figures(result),
        "before": _data_address(before),
        "after": _data_address(before if result.image is None else result.image),
    }


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


def _question(name: str) -> str:
    return f"preview-question-{name}"


def _answer(name: str) -> str:
    return f"preview-answer-{name}"
