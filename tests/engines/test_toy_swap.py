"""An engine is one module and one line: the toy is in form, recipe, result and command line."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from faceweb.core import words
from faceweb.media.models import Asset
from faceweb.work.engines import engine_words_register
from faceweb.work.models import Job
from faceweb.work.worker import job_work
from models.refusals import Refusal
from swaps import choice, engines, services
from tests.conftest import sample_path, stored_face
from tests.swaps.test_studio_views import Inputs

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("published", "passing_screener", "toy"),
]


@pytest.fixture
def toy(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The one line: the module's name among the others."""
    monkeypatch.setattr(engines, "MODULES", [*engines.MODULES, "tests.engines.toy_swap"])
    monkeypatch.setattr(choice, "MODULES", engines.MODULES)
    monkeypatch.setattr(words, "_catalogue", dict(words._catalogue))
    monkeypatch.setattr(words, "_late", [])
    engine_words_register(["tests.engines.toy_swap"])
    settings.ENGINE = "toy"
    choice.engine_choice.cache_clear()
    services._loaded_engine.cache_clear()
    yield
    choice.engine_choice.cache_clear()
    services._loaded_engine.cache_clear()


@pytest.fixture
def target(user: Any, photo_factory: Any) -> Asset:
    return photo_factory(user, np.full((400, 400, 3), 90, np.uint8), faces=[stored_face()])


@pytest.fixture
def source(user: Any, photo_factory: Any) -> Asset:
    return photo_factory(user, faces=[stored_face()])


def test_the_studio_asks_what_it_can_be_told(
    client_for: Any, user: Any, target: Asset, source: Asset
) -> None:
    query = f"?target={target.pk}&source={source.pk}&paint=green&cover=40"
    page = client_for(user).get(reverse("studio") + query).content.decode()
    inputs = Inputs(page)
    assert inputs.values("paint") == ["red", "green"]
    assert inputs.values("cover") == ["40"]
    chosen = {(name, value) for name, value, checked in inputs.found if checked}
    assert ("paint", "green") in chosen
    assert 'data-when-key="paint"' in page
    assert "Finger paint" in page
    assert "blend" not in {name for name, _, _ in inputs.found}


def test_a_job_is_done_by_it_and_its_page_says_how(
    client_for: Any, user: Any, target: Asset, source: Asset
) -> None:
    browser: Client = client_for(user)
    form = {
        "target": str(target.pk),
        "source": str(source.pk),
        "map-0": f"{source.pk}:0",
        "paint": "green",
        "cover": "50",
        "dots": ["0", "1"],
    }
    assert browser.post(reverse("swaps"), form).status_code == 303
    job = Job.objects.get()
    assert job.engine == "toy"
    assert job.recipe["options"] == {"paint": "green", "cover": 50, "dots": True}
    job_work(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    result = job.result
    assert result is not None
    stored = cv2.imdecode(
        np.frombuffer(result.file_of("original").read(), np.uint8), cv2.IMREAD_COLOR
    )
    assert stored is not None
    assert np.abs(stored[200, 200].astype(int) - [45, 172, 45]).max() < 20
    assert result.making["options"] == {"paint": "green", "cover": 50, "dots": True}
    page = browser.get(result.get_absolute_url()).content.decode()
    for said in ("Finger paint", "Colour of the paint", "Green", "50 %"):
        assert said in page


def test_what_it_cannot_be_told_is_refused(user: Any, target: Asset, source: Asset) -> None:
    from swaps.recipe import FaceMapping, SwapRecipe

    for options in ({"paint": "blue"}, {"cover": 101}, {"blend": "alpha"}):
        recipe = SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),), options)
        with pytest.raises(Refusal, match="option_"):
            services.swap_request(owner=user, recipe=recipe)
    assert not Job.objects.exists()


def test_what_it_notices_is_said_before_the_start(
    client_for: Any, user: Any, photo_factory: Any, source: Asset
) -> None:
    small = photo_factory(user, faces=[stored_face(width_px=70.0)])
    query = f"?target={small.pk}&source={source.pk}&map-0={source.pk}:0"
    answer = client_for(user).get(reverse("studio_check") + query).content.decode()
    assert "The paint will run on such a small face." in answer


def test_the_command_line_has_its_flags(tmp_path: Path) -> None:
    printed, out = io.StringIO(), tmp_path / "out.png"
    call_command(
        "swap",
        *map(str, (sample_path("astronaut"), sample_path("hopper"), "-o", out, "--json")),
        *("--paint", "green", "--cover", "100", "--dots"),
        stdout=printed,
    )
    assert json.loads(printed.getvalue())["engine"] == "toy"
    painted = cv2.imread(str(out))
    assert painted is not None
    assert (painted == [0, 255, 0]).all(axis=2).mean() > 0.02
