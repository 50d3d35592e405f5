"""The built-in engine on a real site: what is stored is what was judged, however long the chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from editing import kind, services
from editing.engines.builtin import OPTIONS
from editing.engines.builtin.engine import BuiltinEditEngine
from editing.recipe import EditRecipe
from faceweb.ledger.services import standing_of
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.work.models import Job
from faceweb.work.worker import job_work

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener"),
]

THRESHOLD = 0.8


def edited(analyser: Any, user: Any, photo: Asset, **percents: int) -> Asset | None:
    """A new version of a photo's only face, its faces found as a worker finds them."""
    recipe = EditRecipe(photo.pk, 0, percents)
    job = services.edit_request(owner=user, recipe=recipe)
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error_code
    if job.result is None:
        return None
    faces = [face.to_dict() for face in analyser.find_faces(asset_read(job.result))]
    Asset.objects.filter(pk=job.result.pk).update(faces=faces, analysis="done", screening="clear")
    return Asset.objects.get(pk=job.result.pk)


def test_three_edits_and_a_deleted_base_keep_the_person(
    user: Any,
    photo_factory: Any,
    portrait: np.ndarray,
    builtin_analyser: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = BuiltinEditEngine(builtin_analyser, builtin_analyser, OPTIONS)
    for module in (services, kind):
        monkeypatch.setattr(module, "get_engine", lambda: engine)
    faces = [face.to_dict() for face in builtin_analyser.find_faces(portrait)][:1]
    photo: Asset = photo_factory(user, portrait, faces=faces)
    pixels = asset_read(photo)
    first = builtin_analyser.embed(pixels, photo.found_faces()[0])

    def likeness(version: Asset) -> float:
        image = asset_read(version)
        return float(
            builtin_analyser.similarity(
                first, builtin_analyser.embed(image, version.found_faces()[0])
            )
        )

    smiling = edited(builtin_analyser, user, photo, smile=60)
    assert smiling is not None
    assert likeness(smiling) >= THRESHOLD
    older = edited(builtin_analyser, user, smiling, age=50)
    assert older is not None
    standing = standing_of(older, older.found_faces()[0])
    assert standing.base is not None
    assert standing.base.picture == photo
    assert set(standing.spent.strengths) == {"smile", "age"}
    assert likeness(older) >= THRESHOLD
    # What the page says is the likeness of the stored file to the first face.
    assert older.making["own"]["figures"]["similarity"] == pytest.approx(likeness(older), abs=0.03)
    photo.delete()
    last = edited(builtin_analyser, user, older, smile=40, age=50)
    if last is not None:
        assert likeness(last) >= THRESHOLD
