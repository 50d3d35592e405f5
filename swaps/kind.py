"""The job kind ``swap``: from a queued recipe to a result photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from faceweb.core.stored import StoredError
from faceweb.ledger.services import bases_record
from faceweb.media.details import Details, UsedModel, asset_details
from faceweb.media.makers import Description, Entry, Fact, Text
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.errors import JobError
from faceweb.work.kinds import Again, Found, Kind, Outcome, Start
from faceweb.work.kinds.recipes import recipe_faces, recipe_photos
from faceweb.work.models import Job
from faceweb.work.reporter import Reporter
from swaps import views
from swaps.choice import engine_choice, engine_known
from swaps.describe import LABEL, options_facts, swap_again, swap_describe, swap_entries
from swaps.engines.base import FaceOutcome, Source, SwapResult, Target
from swaps.made import ChangedFace, SwapFigures, SwapWhat
from swaps.recipe import FaceMapping, SwapRecipe
from swaps.services import (
    KIND,
    FaceNotice,
    get_engine,
    pick_faces,
    swap_check,
    takes_several,
)
from swaps.words import WORDS

if TYPE_CHECKING:
    import numpy as np

    from faceweb.media.results import PreparedResult
    from models.faces.face import Face

# The engine's stages as codes of the catalogue, and where each begins and ends on the bar.
_STAGES = {
    "prepare": ("stage_swap_prepare", 0.1, 0.3),
    "swap": ("stage_swap_swap", 0.3, 0.8),
    "measure": ("stage_swap_measure", 0.8, 0.9),
}
_SAVING = 0.9


def swap_run(job: Job, report: Reporter) -> Outcome:
    """Do one swap; the result photo is stored by the returned outcome's ``save``.

    Raises:
        Refusal: it cannot be done.
        ResultBlocked: the result must not be kept.
    """

    from faceweb.media.face_analysis import assets_analyse_now
    from faceweb.media.pictures import asset_read
    from faceweb.media.results import result_prepare
    from models.sessions import OutOfMemory

    started = time.perf_counter()
    report.stage("stage_opening", 0.0)
    recipe = SwapRecipe.from_dict(job.recipe)
    photos = recipe_photos(owner=job.owner, ids=[recipe.target, *recipe.sources])
    assets_analyse_now(photos.values())
    target = photos[recipe.target]
    images = {pk: asset_read(photo) for pk, photo in photos.items()}
    sources, targets = _faces_of(recipe, photos, images)
    opened = time.perf_counter()

    try:
        engine = get_engine()
        result = engine.run(
            images[recipe.target],
            sources,
            targets,
            # The site may offer less than when this was asked for.
            engine_choice().offer.options.fit(recipe.options),
            partial(_forward, report),
        )
    except OutOfMemory as error:
        raise JobError("out_of_memory") from error
    report.stage("stage_saving", _SAVING)

    timings = {"open": round(1000 * (opened - started), 1), **result.timings_ms}
    options = engine_choice().offer.options.fit(recipe.options)
    figures = _figures(recipe, target, result)
    what = SwapWhat(len(recipe.mapping), len(recipe.sources), engine.name, options)
    models = tuple(UsedModel(model.name, model.digest) for model in result.models)
    prepared = result_prepare(
        owner=job.owner,
        image=result.image,
        kind=KIND,
        engine=engine.name,
        what=what.to_dict(),
        target=target,
        sources=[photos[source] for source in _sources_used(recipe, result)],
        making=Details(engine.name, options, models, timings, figures.to_dict()),
    )
    changed = _faces_changed(recipe, photos, sources, targets, result)
    return Outcome(
        save=partial(_save, prepared, target, changed),
        engine=engine.name,
        figures=figures.to_dict(),
        timings_ms=timings,
    )


def _save(
    prepared: PreparedResult,
    target: Asset,
    faces: list[tuple[Face, list[tuple[Asset, Face]]]],
) -> Asset:
    from faceweb.media.results import result_store

    result = result_store(prepared)
    bases_record(result=result, target=target, faces=faces)
    return result


def _faces_changed(
    recipe: SwapRecipe,
    photos: Mapping[UUID, Asset],
    sources: list[Source],
    targets: list[Target],
    result: SwapResult,
) -> list[tuple[Face, list[tuple[Asset, Face]]]]:
    """Each face that was changed, with the photos and faces that the new one was made of."""
    changed = []
    for mapping, source, target, outcome in zip(
        recipe.mapping, sources, targets, result.outcomes, strict=True
    ):
        more = [photos[pk] for pk in _more_used(mapping, outcome)]
        made_of = [(photos[mapping.source], source.face)]
        made_of += [(photo, face) for photo in more for face in photo.found_faces()]
        changed.append((target.face, made_of))
    return changed


def _forward(report: Reporter, stage: str, fraction: float) -> None:
    words, begin, end = _STAGES[stage]
    report.stage(words, begin + (end - begin) * fraction)


def _faces_of(
    recipe: SwapRecipe, photos: Mapping[UUID, Asset], images: Mapping[UUID, np.ndarray]
) -> tuple[list[Source], list[Target]]:
    """The new faces of a recipe and the faces that get them, in its order."""
    faces = {pk: recipe_faces(photos[pk]) for pk in recipe.must_show_a_face}
    sources, targets = [], []
    for number, mapping in enumerate(recipe.mapping):
        target, source = pick_faces(mapping, faces[recipe.target], faces[mapping.source])
        more = tuple((images[pk], tuple(photos[pk].found_faces())) for pk in mapping.more_sources)
        sources.append(Source(images[mapping.source], source, more if takes_several() else ()))
        targets.append(Target(target, number))
    return sources, targets


def _more_used(mapping: FaceMapping, outcome: FaceOutcome) -> list[UUID]:
    if not takes_several():
        return []
    return [
        photo for number, photo in enumerate(mapping.more_sources) if number not in outcome.left_out
    ]


def _sources_used(recipe: SwapRecipe, result: SwapResult) -> list[UUID]:
    """The photos a face was really taken from, each once."""
    return list(
        dict.fromkeys(
            photo
            for mapping, outcome in zip(recipe.mapping, result.outcomes, strict=True)
            for photo in (mapping.source, *_more_used(mapping, outcome))
        )
    )


def _figures(recipe: SwapRecipe, target: Asset, result: SwapResult) -> SwapFigures:
    return SwapFigures(
        len(target.faces),
        tuple(
            ChangedFace(
                target_face=mapping.target_face,
                source_photo=str(mapping.source),
                source_face=mapping.source_face,
                more_sources=tuple(str(photo) for photo in _more_used(mapping, outcome)),
                similarity_to_source=_rounded(outcome.similarity_to_source),
                similarity_to_target=_rounded(outcome.similarity_to_target),
                notices=outcome.notices,
            )
            for mapping, outcome in zip(recipe.mapping, result.outcomes, strict=True)
        ),
    )


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 3)


class SwapKind(Kind):
    """Faces of one photo onto those of another."""

    name = KIND
    label = LABEL
    words = WORDS
    urls = "swaps.urls"
    job_template = "swaps/_job.html"
    about_template = "swaps/_about.html"
    stylesheet = "swaps/swaps.css"

    @property
    def studio(self) -> Callable[[HttpRequest], HttpResponse]:
        return views.studio

    def starts(self) -> Sequence[Start]:
        return (Start(gettext_lazy("Swap faces"), reverse("studio")),)

    def run(self, job: Job, report: Reporter) -> Outcome:
        return swap_run(job, report)

    def check(self, *, owner: User, recipe: Mapping[str, Any]) -> list[FaceNotice]:
        return swap_check(owner=owner, recipe=SwapRecipe.from_dict(dict(recipe)))

    def engine(self) -> str:
        return engine_choice().spec.name

    def warm_up(self) -> None:
        get_engine().warm_up()

    def describe(self, what: Mapping[str, Any]) -> Description:
        return swap_describe(what)

    def entries(self, photo: Asset) -> Iterable[Entry]:
        return swap_entries(photo)

    def about(self, photo: Asset, target: Asset | None) -> dict[str, Any]:
        details = asset_details(photo)
        try:
            made = SwapFigures.from_dict(details.own if details else None)
        except StoredError:
            return {}
        return {"faces_found": made.faces_found, "faces": made.faces}

    def engine_label(self, engine: str) -> Text:
        spec = engine_known(engine)
        return gettext(spec.label) if spec else super().engine_label(engine)

    def options_told(self, details: Details) -> Sequence[Fact]:
        return options_facts(details.engine, details.options)

    def subject(self, job: Job) -> str:
        return str(job.recipe.get("target", ""))

    def job_shown(self, job: Job) -> dict[str, Any]:
        return job.recipe

    def again(self, job: Job) -> Again | None:
        url = swap_again(job.recipe)
        return Again(gettext_lazy("Back to the studio with these photos"), url) if url else None

    def findings(self) -> Iterable[Found]:
        choice = engine_choice()
        value = f"{settings.ENGINE}: {choice.spec.label}"
        if choice.offer.missing:
            yield Found("FACEWEB_ENGINE", "broken", value, choice.offer.missing)
            return
        get_engine()
        yield Found("FACEWEB_ENGINE", "ok", value)
        for name, reason in choice.passed_over:
            yield Found(name, "broken", reason, "manage.py models verify")
        if absent := ", ".join(choice.offer.absent):
            yield Found("not offered", "note", absent, "manage.py models pull")


SWAP = SwapKind()
