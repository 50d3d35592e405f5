"""The job kind ``edit``: from a queued recipe to a new version, or a plain answer why not."""

import time
from functools import partial
from typing import Any

from editing.base import EditBase, edit_base
from editing.engines.former import EditEngine, EditRequest, EditResult
from editing.recipe import EditRecipe
from editing.services import KIND, edit_check, get_engine, identity_threshold
from faceweb.media.face_analysis import assets_analyse_now
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.media.results import result_prepare, result_store
from faceweb.work.errors import JobError
from faceweb.work.kinds import JobKind, Outcome
from faceweb.work.models import Job
from faceweb.work.recipes import RecipeError, recipe_photos
from faceweb.work.reporter import Reporter
from models.faces.errors import FaceError

# The engine's stages in plain words, and where each begins and ends on the bar.
_STAGES = {
    "prepare": ("Studying the face", 0.1, 0.3),
    "edit": ("Changing the face", 0.3, 0.6),
    "check": ("Checking that it is still you", 0.6, 0.9),
}
_SAVING = 0.9


def edit_run(job: Job, report: Reporter) -> Outcome:
    """Do one edit; a version that passed the identity check is stored by ``save``.

    Where none passed the job is done all the same, without a picture: an unchanged photo must
    never pass for an edit.

    Raises:
        JobError: with the reason for the person, when it cannot be done.
        ResultBlocked: the result must not be kept.
    """
    started = time.perf_counter()
    report.stage("Opening the photo", 0.0)
    try:
        recipe = EditRecipe.from_dict(job.recipe)
        assets_analyse_now(recipe_photos(owner=job.owner, ids=[recipe.photo]).values())
        photo, face = edit_check(owner=job.owner, recipe=recipe)
        engine = get_engine()
        base = edit_base(photo, recipe.face, face, recipe.request(), engine.name)
        image = asset_read(base.photo)
        opened = time.perf_counter()
        result = engine.run(
            image, base.face, base.request, identity_threshold(), partial(_forward, report)
        )
    except (RecipeError, FaceError) as error:
        raise JobError(error.code, error.sentence, error.way_on) from error

    timings = {"open": round(1000 * (opened - started), 1), **result.timings_ms}
    figures = edit_figures(result)
    if result.image is None:
        # What a job that is done without a picture says instead.
        answer = {**figures, "message": figures["reason"]}
        return Outcome(engine=engine.name, figures=answer, timings_ms=timings)

    report.stage("Saving the new version", _SAVING)
    prepared = result_prepare(
        owner=job.owner,
        image=result.image,
        origin=Asset.Origin.EDIT,
        target=photo,
        sources=[],
        making=_making(engine, base, figures, timings),
    )
    save = partial(result_store, prepared)
    return Outcome(save=save, engine=engine.name, figures=figures, timings_ms=timings)


def _forward(report: Reporter, stage: str, fraction: float) -> None:
    words, begin, end = _STAGES[stage]
    report.stage(words, begin + (end - begin) * fraction)


def edit_figures(result: EditResult) -> dict[str, Any]:
    """What the identity check found, JSON-safe. Strengths are percent."""
    reason = result.reason
    return {
        "verdict": result.verdict,
        "asked": _percents(result.asked),
        "applied": _percents(result.applied),
        "similarity": None if result.similarity is None else round(result.similarity, 3),
        "threshold": result.threshold,
        "evaluations": result.evaluations,
        "curve": [
            {
                "share": round(point.strength, 3),
                "similarity": None if point.similarity is None else round(point.similarity, 3),
            }
            for point in result.curve
        ],
        "reason": reason.sentence if reason else "",
        "way_on": reason.way_on if reason else "",
    }


def _percents(request: EditRequest) -> dict[str, int]:
    return {key: round(100 * strength) for key, strength in request.strengths.items()}


def _making(
    engine: EditEngine, base: EditBase, figures: dict[str, Any], timings: dict[str, float]
) -> dict[str, Any]:
    """How the version came about, as its page shows it and as it is kept with the photo."""
    return {
        "engine": engine.name,
        "engine_label": engine.label,
        # The strengths below count from this photo and this face of it.
        "base": str(base.photo.pk),
        "face": base.number,
        "edit": figures,
        "timings_ms": timings,
    }


def warm_up() -> None:
    """Load the engine's models, so that the first job does not wait for them."""
    get_engine().warm_up()


EDIT = JobKind(name=KIND, label="Smile and age", run=edit_run, warm_up=warm_up)
