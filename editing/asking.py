"""How a page asks a worker for a quick look at an edit; `editing.preview` answers there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from editing.choice import editor_choice
from editing.recipe import EditRecipe
from editing.services import edit_check, face_check
from faceweb.people.models import User
from faceweb.work import previews
from faceweb.work.errors import AccountFrozen
from faceweb.work.kinds.recipes import RecipeError

# How long a page waits, for an engine that answers within a second and for one that studies first.
WAIT_SECONDS = 4.0
STUDY_WAIT_SECONDS = 30.0

PREVIEW = "edit.preview"
PREPARE = "edit.prepare"


def preview_ask(*, owner: User, recipe: EditRecipe, timeout: float | None = None) -> dict[str, Any]:
    """The answer of a worker: `preview.preview_make`'s dict.

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
    """The answer of a worker: `preview.prepare_make`'s dict.

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
