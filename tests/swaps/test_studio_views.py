"""The studio's pages: what lies in them, who gets whose face, and how the work is started."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.urls import reverse
from PIL import Image

from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.models import Asset
from faceweb.work.models import Job
from models.faces.face import Face, Pose, Quality
from swaps.forms import SourceFace, StudioState
from swaps.recipe import MAX_SOURCES, RecipeError
from tests.media.conftest import encoded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published")]

HTMX = {"HX-Request": "true"}


def face(*, yaw: float = 0.0, width: float = 200.0) -> dict[str, Any]:
    """A face in its stored form; landmarks lie on a line, enough for a check."""
    return Face(
        box=np.array([100, 100, 300, 330], np.float32),
        kps=np.array([[160, 180], [240, 180], [200, 230], [170, 280], [230, 280]], np.float32),
        landmarks=np.array([[100 + 3 * n, 150 + 2 * n] for n in range(68)], np.float32),
        score=1.0,
        pose=Pose(yaw=yaw, pitch=0.0, roll=0.0),
        quality=Quality(width_px=width, sharpness=12.0, occlusion=0.0),
    ).to_dict()


@pytest.fixture
def couple(user, photo_factory) -> Asset:
    """A target with two faces."""
    return photo_factory(user, faces=[face(), face(width=150)])


@pytest.fixture
def single(user, photo_factory) -> Asset:
    """A source with one face."""
    return photo_factory(user, faces=[face()])


@pytest.fixture
def browser(client_for, user) -> Any:
    return client_for(user)


class Inputs(HTMLParser):
    """The inputs of a page, as (name, value, checked)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.found.append(
                (given.get("name") or "", given.get("value") or "", "checked" in given)
            )

    def checked(self) -> dict[str, str]:
        return {name: value for name, value, checked in self.found if checked}

    def values(self, name: str) -> list[str]:
        return [value for found, value, _ in self.found if found == name]


def shown(browser: Any, *photos: Asset, slot: str = "target", query: str = "") -> Any:
    target, *sources = photos
    address = f"{reverse('studio')}?{slot}={target.pk}"
    address += "".join(f"&source={source.pk}" for source in sources)
    return browser.get(address + query)


def test_the_empty_studio_offers_two_wells_that_work_without_a_script(browser):
    page = browser.get(reverse("studio")).content.decode()
    inputs = Inputs(page)
    assert inputs.values("next_as") == ["target", "source"]
    assert len(inputs.values("file")) == len(inputs.values("consent")) == 2
    assert page.count('enctype="multipart/form-data"') == 2
    assert "swap-form" not in page


def test_the_state_survives_its_own_address():
    state = StudioState(
        target=uuid4(),
        sources=(uuid4(), uuid4()),
        chosen={0: SourceFace(uuid4(), 2), 1: None},
        options={"blend": "poisson"},
    )
    assert StudioState.from_query(QueryDict(state.query())) == state


def test_what_cannot_be_read_is_left_out():
    query = QueryDict("target=x&source=y&source=&map-0=nothing&map-x=1&blend=magic&map-1=::")
    assert StudioState.from_query(query) == StudioState()
    assert StudioState.from_query(QueryDict("map-0=")) == StudioState(chosen={0: None})


def test_sources_are_kept_once_and_are_bounded():
    ids = [uuid4() for _ in range(MAX_SOURCES + 3)]
    query = QueryDict("&".join(f"source={photo}" for photo in [ids[0], *ids]))
    assert StudioState.from_query(query).sources == tuple(ids[:MAX_SOURCES])


def test_a_new_target_forgets_who_got_what():
    state = StudioState(target=uuid4(), chosen={0: SourceFace(uuid4(), 0)})
    assert state.with_photo("target", uuid4()).chosen == {}


def test_a_removed_source_takes_its_choices_along():
    gone, stays = uuid4(), uuid4()
    state = StudioState(
        sources=(gone, stays), chosen={0: SourceFace(gone, 0), 1: SourceFace(stays, 0), 2: None}
    )
    left = state.without_photo("source", gone)
    assert left.sources == (stays,)
    assert left.chosen == {1: SourceFace(stays, 0), 2: None}


def test_a_recipe_needs_a_target_and_a_choice():
    with pytest.raises(RecipeError) as no_target:
        StudioState(chosen={0: SourceFace(uuid4(), 0)}).recipe()
    assert no_target.value.code == "no_target"
    with pytest.raises(RecipeError) as nothing:
        StudioState(target=uuid4(), chosen={0: None}).recipe()
    assert nothing.value.code == "nothing_mapped"


def test_faces_are_drawn_in_the_photos_own_pixels(browser, couple, single):
    page = shown(browser, couple, single).content.decode()
    assert f'viewBox="0 0 {couple.width} {couple.height}"' in page
    boxes = re.findall(
        r'class="face"[^>]*>\s*<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"',
        page,
    )
    assert boxes == [("100.0", "100.0", "200.0", "230.0")] * 3


def test_one_source_face_goes_to_the_largest_target_face(browser, couple, single):
    page = shown(browser, couple, single).content.decode()
    checked = Inputs(page).checked()
    assert checked == {"map-0": f"{single.pk}:0", "map-1": "", "blend": "multiband"}


def test_two_source_photos_go_to_two_faces_in_turn(browser, couple, single, user, photo_factory):
    second = photo_factory(user, faces=[face()])
    checked = Inputs(shown(browser, couple, single, second).content.decode()).checked()
    assert checked["map-0"] == f"{single.pk}:0"
    assert checked["map-1"] == f"{second.pk}:0"


def test_the_best_of_several_photos_is_proposed_and_said_to_be(browser, user, photo_factory):
    target = photo_factory(user, faces=[face()])
    small, good, turned = (
        photo_factory(user, faces=[found]) for found in (face(width=70), face(), face(yaw=19))
    )
    page = shown(browser, target, small, good, turned).content.decode()
    assert Inputs(page).checked()["map-0"] == f"{good.pk}:0"
    assert page.count("Clearest") == 1
    assert page.index("Clearest") > page.index(f'value="{good.pk}:0"')
    # Proposed, not imposed.
    query = f"&map-0={turned.pk}:0"
    page = shown(browser, target, small, good, turned, query=query).content.decode()
    assert Inputs(page).checked()["map-0"] == f"{turned.pk}:0"


def test_of_a_photo_with_several_faces_the_best_is_proposed(browser, user, photo_factory, single):
    group = photo_factory(user, faces=[face(yaw=33), face(width=150), face(width=60)])
    checked = Inputs(shown(browser, single, group).content.decode()).checked()
    assert checked["map-0"] == f"{group.pk}:1"


def test_one_face_alone_is_not_called_the_clearest(browser, couple, single):
    assert "Clearest" not in shown(browser, couple, single).content.decode()


def test_a_choice_in_the_address_is_kept_and_a_stale_one_is_not(browser, couple, single):
    query = f"&map-0=&map-1={single.pk}:0&blend=alpha"
    checked = Inputs(shown(browser, couple, single, query=query).content.decode()).checked()
    assert checked == {"map-0": "", "map-1": f"{single.pk}:0", "blend": "alpha"}
    stale = f"&map-1={uuid4()}:0"
    checked = Inputs(shown(browser, couple, single, query=stale).content.decode()).checked()
    assert checked["map-0"] == f"{single.pk}:0"


def test_a_default_is_not_carried_on_as_if_it_were_a_choice(browser, couple, single):
    page = shown(browser, couple).content.decode()
    assert set(Inputs(page).values("next")) == {f"{reverse('studio')}?target={couple.pk}"}


def test_two_uploads_by_plain_forms_end_in_a_swap(browser, user, media, passing_screener):
    """As without a script: each upload goes where its form says, and the page is read again."""
    page = browser.get(reverse("studio")).content.decode()
    for slot, shade in (("target", 80), ("source", 160)):
        place = Inputs(page).values("next_as").index(slot)
        form = {
            "next_as": slot,
            "next": Inputs(page).values("next")[place],
            "consent": CONSENT_VERSION,
            "file": SimpleUploadedFile("a.jpg", encoded(Image.new("L", (400, 400), shade))),
        }
        address = browser.post(reverse("photo_upload"), form).headers["Location"]
        assert "map-" not in address
        Asset.objects.update(
            analysis=Asset.Analysis.DONE, faces=[face()], screening=Asset.Screening.CLEAR
        )
        page = browser.get(address).content.decode()
    checked = Inputs(page).checked()
    source = parse_qs(urlsplit(address).query)["source"][0]
    assert checked["map-0"] == f"{source}:0"
    posted = {name: Inputs(page).values(name) for name in ("target", "source")} | checked
    assert browser.post(reverse("swaps"), posted).status_code == 303


def test_keep_is_no_choice_while_there_is_no_other_face(browser, couple, single):
    page = shown(browser, couple, query="&map-0=&map-1=").content.decode()
    assert set(Inputs(page).values("next")) == {f"{reverse('studio')}?target={couple.pk}"}
    assert "map-" not in page


def test_a_form_full_of_defaults_is_carried_on_as_no_choice(
    browser, couple, single, user, photo_factory
):
    query = f"&map-0={single.pk}:0&map-1="
    page = shown(browser, couple, single, query=query).content.decode()
    (address,) = set(Inputs(page).values("next"))
    assert "map-" not in address
    second = photo_factory(user, faces=[face()])
    page = browser.get(f"{address}&source={second.pk}").content.decode()
    assert Inputs(page).checked()["map-1"] == f"{second.pk}:0"


def test_one_photo_may_be_both_target_and_source(browser, couple):
    page = shown(browser, couple, couple).content.decode()
    assert Inputs(page).values("map-0") == [f"{couple.pk}:0", f"{couple.pk}:1", ""]


def test_a_photo_without_a_face_says_so(browser, user, photo_factory, single):
    page = shown(browser, photo_factory(user, faces=[]), single).content.decode()
    assert "No face found in this photo." in page
    assert "swap-form" not in page


def test_a_photo_that_could_not_be_searched_says_so(browser, user, photo_factory):
    failed = photo_factory(user, analysis=Asset.Analysis.FAILED)
    assert "could not be searched for faces" in shown(browser, failed).content.decode()


def test_a_pending_photo_polls_and_reloads_without_a_script(browser, user, photo_factory):
    pending = photo_factory(user, analysis=Asset.Analysis.PENDING)
    page = shown(browser, pending).content.decode()
    assert f"{reverse('studio_slot')}?slot=target&amp;photo={pending.pk}" in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_the_slot_answers_204_until_its_faces_are_known(browser, user, photo_factory):
    photo = photo_factory(user, analysis=Asset.Analysis.PENDING)
    address = f"{reverse('studio_slot')}?slot=source&photo={photo.pk}&source={photo.pk}"
    assert browser.get(address, headers=HTMX).status_code == 204
    Asset.objects.filter(pk=photo.pk).update(analysis=Asset.Analysis.DONE, faces=[face()])
    answer = browser.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert "faces-found" in answer.headers["HX-Trigger-After-Settle"]
    assert f'data-face="{photo.pk}:0"' in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["slot=target", "slot=elsewhere&photo={0}", "slot=target&photo=x"]
)
def test_a_slot_that_makes_no_sense_is_not_there(browser, couple, query):
    assert browser.get(f"{reverse('studio_slot')}?{query.format(couple.pk)}").status_code == 404


def test_somebody_elses_photo_is_not_there(client_for, other_user, couple, single):
    stranger = client_for(other_user)
    page = shown(stranger, couple, single).content.decode()
    assert "A photo that was here is not there any more." in page
    assert str(couple.pk) not in page
    assert str(single.pk) not in page
    slot = f"{reverse('studio_slot')}?slot=target&photo={couple.pk}"
    assert stranger.get(slot).status_code == 404


def test_the_picker_shows_ones_own_photos_as_ready_made_addresses(
    browser, couple, single, other_user, photo_factory
):
    foreign = photo_factory(other_user, faces=[face()])
    address = f"{reverse('studio_pick')}?slot=source&target={couple.pk}"
    fragment = browser.get(address, headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert f"?target={couple.pk}&amp;source={single.pk}" in fragment
    assert str(foreign.pk) not in fragment
    whole = browser.get(address).content.decode()
    assert "<html" in whole
    assert f"?target={couple.pk}&amp;source={single.pk}" in whole


def test_the_picker_needs_as_many_queries_for_many_photos_as_for_few(
    browser, user, photo_factory, django_assert_max_num_queries
):
    for _ in range(12):
        photo_factory(user, faces=[face()])
    with django_assert_max_num_queries(6):
        browser.get(f"{reverse('studio_pick')}?slot=target", headers=HTMX)


def test_a_warning_stands_beside_the_button_before_the_start(browser, couple, user, photo_factory):
    turned = photo_factory(user, faces=[face(yaw=19)])
    page = shown(browser, couple, turned).content.decode()
    assert "note-warning" in page
    assert reverse("photo_face", args=[couple.pk, 0]) in page.split('id="start"')[1]


def test_the_check_answers_for_the_form_as_it_stands(browser, couple, user, photo_factory):
    turned = photo_factory(user, faces=[face(yaw=50)])
    address = f"{reverse('studio_check')}?target={couple.pk}&source={turned.pk}"
    assert "note-error" in browser.get(f"{address}&map-0={turned.pk}:0").content.decode()
    kept = browser.get(f"{address}&map-0=").content.decode()
    assert "No face is chosen yet." in kept
    assert not Job.objects.exists()


def posted(couple: Asset, single: Asset, **more: Any) -> dict[str, Any]:
    return {
        "target": str(couple.pk),
        "source": [str(single.pk)],
        "map-0": f"{single.pk}:0",
        "map-1": "",
        "blend": "poisson",
        **more,
    }


def test_the_form_starts_a_job_and_leads_to_its_page(browser, user, couple, single):
    answer = browser.post(reverse("swaps"), posted(couple, single))
    job = Job.objects.get()
    assert answer.status_code == 303
    assert answer.headers["Location"] == job.get_absolute_url()
    assert job.owner == user
    assert job.recipe == {
        "version": 1,
        "target": str(couple.pk),
        "mapping": [{"target_face": 0, "source": str(single.pk), "source_face": 0}],
        "options": {"blend": "poisson"},
    }


def test_a_refusal_shows_the_studio_again_with_nothing_lost(browser, couple, user, photo_factory):
    turned = photo_factory(user, faces=[face(yaw=50)])
    answer = browser.post(reverse("swaps"), posted(couple, turned))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "note-error" in page
    assert Inputs(page).checked() == {"map-0": f"{turned.pk}:0", "map-1": "", "blend": "poisson"}
    assert not Job.objects.exists()


def test_keeping_every_face_is_refused_in_words(browser, couple, single):
    answer = browser.post(reverse("swaps"), posted(couple, single, **{"map-0": ""}))
    assert answer.status_code == 400
    assert "No face is chosen yet." in answer.content.decode()
    assert Inputs(answer.content.decode()).checked()["map-0"] == ""


def test_too_many_jobs_is_429_and_says_when_to_come_back(browser, couple, single, settings):
    settings.JOBS_QUEUED_PER_PERSON = 1
    assert browser.post(reverse("swaps"), posted(couple, single)).status_code == 303
    answer = browser.post(reverse("swaps"), posted(couple, single))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert Inputs(answer.content.decode()).checked()["map-0"] == f"{single.pk}:0"
    assert Job.objects.count() == 1


def test_somebody_elses_photos_start_nothing(client_for, other_user, couple, single):
    answer = client_for(other_user).post(reverse("swaps"), posted(couple, single))
    assert answer.status_code == 400
    assert not Job.objects.exists()
    assert str(couple.pk) not in answer.content.decode()
