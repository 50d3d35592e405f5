"""The kind ``filter``: all that the site asks of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from faceweb.media.details import Details, asset_details
from faceweb.media.makers import Description, Entry, Fact, Text
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.media.results import result_prepare, result_store
from faceweb.people.models import User
from faceweb.work.kinds import Again, Found, Kind, Outcome, Start
from faceweb.work.kinds.recipes import recipe_photos
from faceweb.work.models import Job
from faceweb.work.reporter import Reporter
from tests.toykind.recipe import FilterRecipe

ENGINE = "grey"


class FilterKind(Kind):
    """A picture that loses its colours."""

    name = "filter"
    label = gettext_lazy("Picture filter")
    urls = "tests.toykind.urls"
    job_template = "toykind/_job.html"
    about_template = "toykind/_about.html"
    stylesheet = "toykind/toykind.css"

    def check(self, *, owner: User, recipe: Mapping[str, Any]) -> Sequence[Any]:
        asked = FilterRecipe.from_dict(recipe)
        recipe_photos(owner=owner, ids=[asked.photo])
        return ()

    def engine(self) -> str:
        return ENGINE

    def run(self, job: Job, report: Reporter) -> Outcome:
        asked = FilterRecipe.from_dict(job.recipe)
        photo = recipe_photos(owner=job.owner, ids=[asked.photo])[asked.photo]
        image = asset_read(photo)
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        share = asked.strength / 100
        prepared = result_prepare(
            owner=job.owner,
            image=np.asarray(cv2.addWeighted(grey, share, image, 1 - share, 0), np.uint8),
            kind=self.name,
            engine=ENGINE,
            what={"version": 1, "strength": asked.strength},
            target=photo,
            sources=[],
            making=Details(ENGINE, own={"version": 1, "strength": asked.strength}),
        )
        return Outcome(engine=ENGINE, save=partial(result_store, prepared))

    def describe(self, what: Mapping[str, Any]) -> Description:
        strength = what.get("strength")
        return Description(
            gettext("Picture filter"),
            gettext_lazy("A computer took the colours out of this picture."),
            [Fact(gettext_lazy("Strength"), f"{strength} %")] if strength else (),
        )

    def starts(self) -> Sequence[Start]:
        return (Start(self.label, reverse("photos"), gettext_lazy("Choose a photo.")),)

    def entries(self, photo: Asset) -> Iterable[Entry]:
        yield Entry(self.label, f"{reverse('filters')}?{urlencode({'photo': photo.pk})}", order=60)

    def about(self, photo: Asset, target: Asset | None) -> dict[str, Any]:
        details = asset_details(photo)
        return {"strength": details.own["strength"]} if details else {}

    def engine_label(self, engine: str) -> Text:
        return gettext_lazy("Grey engine")

    def subject(self, job: Job) -> str:
        return str(job.recipe["photo"])

    def job_shown(self, job: Job) -> dict[str, Any]:
        return {"strength": job.recipe["strength"]}

    def again(self, job: Job) -> Again:
        return Again(
            gettext_lazy("Back to the filter"), f"{reverse('filters')}?{urlencode(job.recipe)}"
        )

    def findings(self) -> Iterable[Found]:
        yield Found(ENGINE, "ok", "always there")


FILTER = FilterKind()
