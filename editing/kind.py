"""The job kind ``edit``: from a queued recipe to a new version, or a plain answer why not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from editing.choice import editor_choice, engine_known
from editing.describe import LABEL, changes_asked, edit_again, edit_describe, edit_entries
from editing.engines.base import Box, EditEngine, EditRequest, EditResult, sliders_of
from editing.made import EditFigures, EditMade, EditWhat, JudgedShare
from editing.recipe import EditRecipe
from editing.services import (
    KIND,
    edit_check,
    get_engine,
    identity_threshold,
    recipe_request,
)
from editing.words import WORDS
from faceweb.core.stored import StoredError
from faceweb.ledger.services import Standing, spending_record
from faceweb.ledger.spent import Spent
from faceweb.media.details import Details, asset_details
from faceweb.media.makers import Description, Entry, Text
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.kinds import Again, Found, Kind, Outcome, Start
from faceweb.work.kinds.recipes import recipe_photos
from faceweb.work.models import Job
from faceweb.work.reporter import Reporter
from models.engines import Notice
from models.refusals import Refusal

if TYPE_CHECKING:
    from editing.base import EditBase
    from faceweb.media.results import PreparedResult
    from models.pixels.imaging import Image

# The engine's stages as codes of the catalogue, and where each begins and ends on the bar.
_STAGES = {
    "prepare": ("stage_edit_prepare", 0.1, 0.3),
    "edit": ("stage_edit_edit", 0.3, 0.6),
    "check": ("stage_edit_check", 0.6, 0.9),
}
_SAVING = 0.9


def edit_run(job: Job, report: Reporter) -> Outcome:
    """Do one edit; a version that passed the identity check is stored by ``save``.

    Where none passed the job is done all the same, without a picture: an unchanged photo must
    never pass for an edit.

    Raises:
        Refusal: it cannot be done.
        ResultBlocked: the result must not be kept.
    """

    from editing.base import edit_base
    from faceweb.media.face_analysis import assets_analyse_now

    started = time.perf_counter()
    report.stage("stage_opening", 0.0)
    recipe = EditRecipe.from_dict(job.recipe)
    assets_analyse_now(recipe_photos(owner=job.owner, ids=[recipe.photo]).values())
    photo, face = edit_check(owner=job.owner, recipe=recipe)
    engine = get_engine()
    offered = {slider.key for slider in sliders_of(engine.options)}
    base = edit_base(photo, face, recipe_request(recipe), identity_threshold(), offered)
    image, _, start = base.opened()
    opened = time.perf_counter()
    delivery = _Delivery(job.owner, photo, engine)
    result = engine.run(
        image,
        base.face,
        base.request,
        base.threshold,
        partial(_forward, report),
        replace(start, finish=delivery),
    )

    timings = {"open": round(1000 * (opened - started), 1), **result.timings_ms}
    figures = edit_figures(result, base)
    if result.image is None or result.touched is None or delivery.prepared is None:
        why = result.reason or Notice("nothing_visible", level="refused")
        reason = Refusal(why.code, **why.params)
        return Outcome(
            engine=engine.name, figures=figures.to_dict(), timings_ms=timings, reason=reason
        )

    report.stage("stage_saving", _SAVING)
    what = EditWhat(figures.applied, recipe.face, engine.name)
    prepared = delivery.prepared.described(what.to_dict(), _details(engine, base, figures, timings))
    save = partial(_save, prepared, base.standing, base.spent_after(result), result.touched)
    return Outcome(save=save, engine=engine.name, figures=figures.to_dict(), timings_ms=timings)


class _Delivery:
    """Makes of a version what would be given out, and keeps the last one, to be stored."""

    def __init__(self, owner: User, photo: Asset, engine: EditEngine) -> None:
        self._owner, self._photo, self._engine = owner, photo, engine
        self.prepared: PreparedResult | None = None

    def __call__(self, image: Image) -> Image:
        from faceweb.media.results import result_prepare

        self.prepared = result_prepare(
            owner=self._owner,
            image=image,
            kind=KIND,
            engine=self._engine.name,
            what={},
            target=self._photo,
            sources=[],
            making=Details(self._engine.name),
        )
        return self.prepared.pixels()


def _save(prepared: PreparedResult, standing: Standing, spent: Spent, touched: Box) -> Asset:
    from faceweb.media.results import result_store

    result = result_store(prepared)
    spending_record(result=result, standing=standing, spent=spent, touched=touched)
    return result


def _forward(report: Reporter, stage: str, fraction: float) -> None:
    words, begin, end = _STAGES[stage]
    report.stage(words, begin + (end - begin) * fraction)


def edit_figures(result: EditResult, base: EditBase) -> EditFigures:
    """What the identity check found; strengths are counted from where the face was untouched."""
    return EditFigures(
        verdict=result.verdict,
        asked=base.totals(_percents(result.asked)),
        applied=base.totals(_percents(result.applied)),
        similarity=_rounded(result.similarity),
        threshold=result.threshold,
        evaluations=result.evaluations,
        curve=tuple(
            JudgedShare(round(point.strength, 3), _rounded(point.similarity))
            for point in result.curve
        ),
        reason=result.reason,
    )


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 3)


def _percents(request: EditRequest) -> dict[str, int]:
    return {key: round(100 * strength) for key, strength in request.strengths.items()}


def _details(
    engine: EditEngine, base: EditBase, figures: EditFigures, timings: dict[str, float]
) -> Details:
    """How the version came about, as it is kept with the photo."""
    first = base.standing.base
    made = EditMade(
        base=None if first is None else str(first.picture.pk),
        judge=f"judge_{engine.analyser.name}" if engine.analyser else "",
        figures=figures,
    )
    return Details(engine.name, timings_ms=timings, own=made.to_dict())


class EditKind(Kind):
    """One face of one photo, smiling or ageing."""

    name = KIND
    label = LABEL
    words = WORDS
    urls = "editing.urls"
    job_template = "editing/_job.html"
    about_template = "editing/_about.html"
    stylesheet = "editing/editing.css"

    def starts(self) -> Sequence[Start]:
        text = gettext_lazy("Choose a photo in your gallery.")
        return (Start(LABEL, reverse("photos"), text),)

    def run(self, job: Job, report: Reporter) -> Outcome:
        return edit_run(job, report)

    def check(self, *, owner: User, recipe: Mapping[str, Any]) -> tuple[()]:
        edit_check(owner=owner, recipe=EditRecipe.from_dict(dict(recipe)))
        return ()

    def engine(self) -> str:
        return editor_choice().spec.name

    def warm_up(self) -> None:
        get_engine().warm_up()

    def describe(self, what: Mapping[str, Any]) -> Description:
        return edit_describe(what)

    def entries(self, photo: Asset) -> Iterable[Entry]:
        return edit_entries(photo)

    def about(self, photo: Asset, target: Asset | None) -> dict[str, Any]:
        details = asset_details(photo)
        try:
            made = EditMade.from_dict(details.own if details else None)
        except StoredError:
            return {}
        since = made.base is not None and target is not None and made.base != str(target.pk)
        return {"figures": made.figures, "judge": made.judge, "from_the_first": since}

    def engine_label(self, engine: str) -> Text:
        spec = engine_known(engine)
        return gettext(spec.label) if spec else super().engine_label(engine)

    def subject(self, job: Job) -> str:
        return str(job.recipe.get("photo", ""))

    def job_shown(self, job: Job) -> dict[str, Any]:
        return {"photo": job.recipe.get("photo"), "changes": changes_asked(job.recipe)}

    def again(self, job: Job) -> Again | None:
        url = edit_again(job.recipe)
        return Again(gettext_lazy("Back to the sliders"), url) if url else None

    def findings(self) -> Iterable[Found]:
        choice = editor_choice()
        if choice.offer.missing:
            yield Found("edits", "broken", choice.spec.label, choice.offer.missing)
            return
        yield Found("edits", "ok", choice.spec.label)
        for name, reason in choice.passed_over:
            yield Found(name, "note", reason, "docs/models.md")
        if absent := ", ".join(choice.offer.absent):
            yield Found("edits not offered", "note", absent, "manage.py models pull")


EDIT = EditKind()
