"""The queue and the page of one case, as moderators use them."""

import re
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from faceweb.marks.models import MarkedResult
from faceweb.media.models import Asset, Lineage
from faceweb.moderation.appeals import appeal_create
from faceweb.moderation.cases import case_open
from faceweb.moderation.models import (
    AuditEntry,
    Case,
    Decision,
    ProtectedFace,
    Report,
    Screening,
    Strike,
)
from faceweb.moderation.protected import protected_face_study
from faceweb.moderation.sealing import seal
from tests.moderation.deciding import admin, decide, lead, mod, other_mod, reported, share

__all__ = ["admin", "decide", "lead", "mod", "other_mod"]

pytestmark = pytest.mark.django_db

QUEUE = "/admin/moderation/case/"


@pytest.fixture(autouse=True)
def no_broker(published: Any) -> None:
    """Notices stay here."""


@pytest.fixture
def photo(user: Any, photo_factory: Any, portrait: Any) -> Asset:
    made: Asset = photo_factory(user, portrait, origin=Asset.Origin.RESULT, made_by="swap")
    return made


@pytest.fixture
def case(photo: Asset) -> Case:
    return reported(photo)


@pytest.fixture
def panel(mod: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(mod)
    return signed_in


def url(name: str, *args: object) -> str:
    return reverse(f"admin:moderation_case_{name}", args=args)


def page_of(case: Case) -> str:
    return url("change", case.pk)


def decision(case: Case, action: str, reason: str, **more: Any) -> dict[str, Any]:
    case.refresh_from_db()
    return {
        "version": case.version, "action": action, f"reason-{action}": reason, **more,
    }  # fmt: skip


def tickets(response: Any) -> list[str]:
    return [row.ticket for row in response.context["cl"].result_list]


# --- the queue ----------------------------------------------------------------------------------
def queue_of_all_kinds(user: Any, photo_factory: Any) -> dict[str, Case]:
    now = timezone.now()

    def one(kind: Case.Kind, reason: str, hours: float | None = None) -> Case:
        due = None if hours is None else now + timedelta(hours=hours)
        return case_open(kind=kind, reason=reason, photo=photo_factory(user), due_at=due)

    return {
        "report": one(Case.Kind.REPORT, "likeness"),
        "screening": one(Case.Kind.SCREENING, "nudity"),
        "overdue": one(Case.Kind.TAKEDOWN, "likeness", -3),
        "running": one(Case.Kind.TAKEDOWN, "rights", 30),
        "grave": one(Case.Kind.REPORT, "minor"),
    }


def test_the_most_urgent_is_first_and_the_clock_is_in_words(
    panel: Client, user: Any, photo_factory: Any
) -> None:
    cases = queue_of_all_kinds(user, photo_factory)
    response = panel.get(QUEUE)
    order = ["grave", "overdue", "running", "report", "screening"]
    assert tickets(response) == [cases[name].ticket for name in order]
    page = response.content.decode()
    assert re.search(r'clock-over">overdue by 3 h<', page)
    assert re.search(r'clock-calm">29 h left<', page)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kind__exact=takedown", {"overdue", "running"}),
        ("clock=overdue", {"overdue"}),
        ("clock=running", {"running"}),
        ("reason=minor", {"grave"}),
        ("assignee=me", {"report"}),
        ("assignee=nobody", {"screening", "overdue", "running", "grave"}),
        ("state=closed", {"dismissed"}),
        ("state=all&reason=deception", {"dismissed"}),
    ],
)
def test_the_queue_is_narrowed_down(
    query: str, names: set[str], panel: Client, mod: Any, user: Any, photo_factory: Any, decide: Any
) -> None:
    cases = queue_of_all_kinds(user, photo_factory)
    cases["dismissed"] = reported(photo_factory(user), "deception")
    decide(cases["dismissed"], mod, "dismiss", "allowed")
    Case.objects.filter(pk=cases["report"].pk).update(assignee=mod)
    found = tickets(panel.get(f"{QUEUE}?{query}"))
    assert set(found) == {cases[name].ticket for name in names}


def test_cases_are_found_by_ticket_and_by_what_reporters_were_told(
    panel: Client, case: Case, user: Any, photo_factory: Any
) -> None:
    reported(photo_factory(user))
    report = Report.objects.create(case=case, category="likeness")
    for words in (case.ticket, report.ticket, case.ticket.lower(), str(case.photo_id)):
        assert tickets(panel.get(QUEUE, {"q": words})) == [case.ticket]


def test_the_queue_costs_the_same_for_many(
    panel: Client, user: Any, photo_factory: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        reported(photo_factory(user))
    with django_assert_max_num_queries(20):
        assert len(tickets(panel.get(QUEUE))) == 12


# --- several at once ----------------------------------------------------------------------------
def ask(panel: Client, action: str, cases: list[Case]) -> Any:
    return panel.post(QUEUE, {"action": action, "_selected_action": [str(c.pk) for c in cases]})


def test_several_are_dismissed_after_asking(
    panel: Client, mod: Any, user: Any, photo_factory: Any, decide: Any
) -> None:
    cases = [reported(photo_factory(user)) for _ in range(3)]
    response = ask(panel, "dismiss", cases)
    assert Decision.objects.count() == 0
    page = response.content.decode()
    versions = re.findall(r'name="case" value="([^"]+)"', page)
    assert len(versions) == 3
    # Meanwhile somebody adds to one of them.
    case_open(kind=Case.Kind.REPORT, reason="deception", photo=cases[0].photo)
    form = {"action": "dismiss", "reason": "allowed", "case": versions}
    done = panel.post(url("bulk"), form, follow=True)
    assert Decision.objects.filter(action="dismiss", by=mod).count() == 2
    cases[0].refresh_from_db()
    assert cases[0].is_open
    assert f"{cases[0].ticket} was left as it is." in done.content.decode()


def test_what_does_not_fit_is_left_out(panel: Client, case: Case) -> None:
    other = case_open(kind=Case.Kind.PROTECTED_FACE, reason="protected_face")
    context = ask(panel, "unshare", [case, other]).context
    assert [row[0] for row in context["cases"]] == [case]
    assert context["unfit"] == [other]


def test_several_are_taken(panel: Client, mod: Any, user: Any, photo_factory: Any) -> None:
    cases = [reported(photo_factory(user)) for _ in range(2)]
    ask(panel, "take", cases)
    assert Case.objects.filter(assignee=mod).count() == 2


# --- pictures -----------------------------------------------------------------------------------
def test_nothing_of_a_picture_reaches_the_browser_before_it_is_asked_for(
    panel: Client, case: Case, user: Any, photo_factory: Any
) -> None:
    assert case.photo is not None
    parent = photo_factory(user)
    Lineage.objects.create(child=case.photo, parent=parent, role="source")
    page = panel.get(page_of(case)).content.decode()
    sources = re.findall(r'<img[^>]* src="([^"]+)"', page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert all(len(source) < 700 for source in sources)
    assert "/photos/" not in page
    assert not AuditEntry.objects.filter(action="picture.reveal").exists()


def test_looking_is_logged_and_gives_an_address_for_a_short_time(
    panel: Client, mod: Any, case: Case, client_for: Any, other_mod: Any
) -> None:
    what = str(case.photo_id)
    form = {"what": what}
    answer = panel.post(url("reveal", case.pk), form, headers={"accept": "application/json"})
    address = answer.json()["address"]
    entry = AuditEntry.objects.get(action="picture.reveal")
    assert (entry.actor_id, entry.target_id, entry.case_ticket) == (mod.pk, what, case.ticket)
    shown = panel.get(address)
    assert shown["Content-Type"] == "image/webp"
    assert "no-store" in shown["Cache-Control"]
    assert "ETag" not in shown
    assert client_for(other_mod).get(address).status_code == 404
    assert panel.get(address[:-3] + "xy/").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(seconds=121), tick=False):
        assert panel.get(address).status_code == 404


def test_a_picture_is_revealed_without_scripts_too(panel: Client, case: Case) -> None:
    page = panel.post(url("reveal", case.pk), {"what": str(case.photo_id)})
    [address] = re.findall(r'<img src="(/admin/[^"]+)"', page.content.decode())
    assert panel.get(address).status_code == 200


def test_only_a_cases_own_pictures_are_revealed(
    panel: Client, case: Case, other_user: Any, photo_factory: Any
) -> None:
    foreign = photo_factory(other_user)
    for what in (str(foreign.pk), "selfie", "nonsense", ""):
        assert panel.post(url("reveal", case.pk), {"what": what}).status_code == 404
    assert not AuditEntry.objects.filter(action="picture.reveal").exists()
    assert panel.get(url("reveal", case.pk)).status_code == 405


def test_who_may_not_reveal_gets_nothing(case: Case, make_user: Any, client_for: Any) -> None:
    clerk = make_user("clerk@example.org", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_case"))
    client = client_for(clerk)
    page = client.get(page_of(case))
    assert page.status_code == 200
    assert "data-reveal" not in page.content.decode()
    assert client.post(url("reveal", case.pk), {"what": str(case.photo_id)}).status_code == 403


# --- what one reads -----------------------------------------------------------------------------
def test_the_page_tells_what_one_needs(
    panel: Client, case: Case, user: Any, photo_factory: Any, mod: Any, decide: Any
) -> None:
    assert case.photo is not None
    earlier = reported(photo_factory(user), "deception")
    decide(earlier, mod, "warn", "deception")
    Report.objects.create(case=case, category="likeness", text="That is <b>me</b>.")
    Report.objects.create(case=case, category="deception", text="A second one.")
    Screening.objects.create(
        photo=case.photo, person=user, subject="result", state="review", reason="nudity",
        scores={"nudity": 0.437}, model="some-model",
    )  # fmt: skip
    share(case.photo, views=17)
    page = panel.get(page_of(case)).content.decode()
    for words in (
        "2 reports", "That is &lt;b&gt;me&lt;/b&gt;.", "A second one.", "0.44", "some-model",
        "1 working, seen 17 times", "1 counting, 1 in all", earlier.ticket, "case.open",
    ):  # fmt: skip
        assert words in page, words
    assert user.email not in page


def test_the_page_costs_the_same_for_many(
    panel: Client, case: Case, user: Any, photo_factory: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        reported(photo_factory(user))
        Report.objects.create(case=case, category="other")
    with django_assert_max_num_queries(45):
        panel.get(page_of(case))


# --- deciding -----------------------------------------------------------------------------------
def test_a_decision_leads_to_the_next_case_and_says_what_was_done(
    panel: Client, mod: Any, case: Case, user: Any, photo_factory: Any
) -> None:
    following = reported(photo_factory(user), "deception")
    form = decision(case, "unshare", "likeness", text="Please ask first.")
    response = panel.post(url("decide", case.pk), form)
    made = Decision.objects.get()
    assert (made.action, made.reason, made.text) == ("unshare", "likeness", "Please ask first.")
    assert response["Location"] == f"{page_of(following)}?done={made.pk}"
    following.refresh_from_db()
    assert following.assignee == mod
    assert case.ticket in panel.get(response["Location"]).content.decode()


def test_two_moderators_cannot_decide_twice_and_lose_no_word(
    panel: Client, case: Case, other_mod: Any, decide: Any
) -> None:
    stale = decision(case, "warn", "likeness", text="My long explanation.")
    decide(case, other_mod, "dismiss", "allowed")
    response = panel.post(url("decide", case.pk), stale)
    assert response.status_code == 409
    page = response.content.decode()
    assert "Somebody else has decided this case already." in page
    moment = Decision.objects.get().decided_at
    assert f"Decided at {moment:%H:%M} UTC by {other_mod.email}: Dismiss, Within the rules." in page
    assert "My long explanation." in page
    assert Decision.objects.count() == 1


def test_what_was_added_meanwhile_is_read_first(panel: Client, case: Case) -> None:
    stale = decision(case, "warn", "deception", text="Typed already.")
    case_open(kind=Case.Kind.REPORT, reason="deception", photo=case.photo)
    response = panel.post(url("decide", case.pk), stale)
    assert response.status_code == 409
    page = response.content.decode()
    assert "Something was added to this case" in page
    assert "Typed already." in page
    case.refresh_from_db()
    assert f'name="version" value="{case.version}"' in page
    assert re.search(r'value="warn"[^>]* checked', page)
    assert re.search(r'<option value="deception" selected>', page)


@pytest.mark.parametrize(
    "change",
    [{"action": "nonsense"}, {"reason-dismiss": "minor"}, {"action": "suspend"}, {"version": "x"}],
)
def test_what_does_not_fit_changes_nothing(
    change: dict[str, str], panel: Client, case: Case
) -> None:
    form = {**decision(case, "dismiss", "allowed"), **change}
    response = panel.post(url("decide", case.pk), form)
    assert response.status_code in {400, 403, 409}
    assert 'role="alert"' in response.content.decode()
    assert not Decision.objects.exists()


def test_decisions_come_by_post_alone(panel: Client, case: Case) -> None:
    for name in ("decide", "undo", "assign", "release", "hold", "reveal"):
        assert panel.get(url(name, case.pk)).status_code == 405, name
    assert panel.get(url("next")).status_code == 405
    assert panel.get(url("bulk")).status_code == 405


def test_ones_own_picture_is_for_somebody_else(
    photo_factory: Any, mod: Any, client_for: Any
) -> None:
    own = reported(photo_factory(mod))
    client = client_for(mod)
    page = client.get(page_of(own)).content.decode()
    assert "Somebody else has to decide it." in page
    assert "data-decide" not in page
    form = decision(own, "dismiss", "allowed")
    assert client.post(url("decide", own.pk), form).status_code == 403


def test_a_lead_undoes_right_after(
    lead: Any, case: Case, client_for: Any, user: Any, photo_factory: Any
) -> None:
    reported(photo_factory(user))
    client = client_for(lead)
    response = client.post(url("decide", case.pk), decision(case, "warn", "likeness"), follow=True)
    made = Decision.objects.get()
    page = response.content.decode()
    assert url("undo", case.pk) in page
    client.post(url("undo", case.pk), {"decision": made.pk})
    case.refresh_from_db()
    assert case.is_open
    assert not Strike.objects.standing().exists()


def test_what_is_deleted_is_not_offered_for_undo(
    lead: Any, case: Case, client_for: Any, user: Any, photo_factory: Any
) -> None:
    reported(photo_factory(user))
    client = client_for(lead)
    response = client.post(
        url("decide", case.pk), decision(case, "delete", "likeness"), follow=True
    )
    assert url("undo", case.pk) not in response.content.decode()
    undo = client.post(url("undo", case.pk), {"decision": Decision.objects.get().pk})
    assert undo.status_code == 400
    assert "cannot be taken back" in undo.content.decode()


# --- whose it is --------------------------------------------------------------------------------
def test_next_walks_through_the_queue_and_puts_back_what_was_left(
    panel: Client, mod: Any, other_mod: Any, user: Any, photo_factory: Any
) -> None:
    cases = [reported(photo_factory(user)) for _ in range(3)]
    Case.objects.filter(pk=cases[1].pk).update(assignee=other_mod)
    first = panel.post(url("next"))
    assert first["Location"] == page_of(cases[0])
    second = panel.post(url("next"), {"case": str(cases[0].pk)})
    assert second["Location"] == page_of(cases[2])
    cases[0].refresh_from_db()
    assert cases[0].assignee is None
    third = panel.post(url("next"), {"case": str(cases[2].pk)})
    assert third["Location"] == page_of(cases[0])


def test_what_was_taken_on_purpose_stays_with_whom_took_it(
    panel: Client, mod: Any, user: Any, photo_factory: Any
) -> None:
    first, _second = [reported(photo_factory(user)) for _ in range(2)]
    panel.post(url("assign", first.pk))
    panel.post(url("next"), {"case": str(first.pk)})
    first.refresh_from_db()
    assert first.assignee == mod
    panel.post(url("release", first.pk))
    first.refresh_from_db()
    assert first.assignee is None


def test_a_lead_gives_a_case_to_somebody(
    lead: Any, mod: Any, other_mod: Any, case: Case, client_for: Any
) -> None:
    client_for(lead).post(url("assign", case.pk), {"to": str(mod.pk)})
    case.refresh_from_db()
    assert case.assignee == mod
    refused = client_for(other_mod).post(url("assign", case.pk))
    assert refused.status_code == 403


def test_legal_hold_is_for_leads(lead: Any, panel: Client, case: Case, client_for: Any) -> None:
    form = {"hold": "on", "note": "Order 12/26"}
    assert panel.post(url("hold", case.pk), form).status_code == 403
    client = client_for(lead)
    assert client.post(url("hold", case.pk), {"hold": "on", "note": " "}).status_code == 400
    client.post(url("hold", case.pk), form)
    assert case.photo is not None
    case.photo.refresh_from_db()
    assert case.photo.legal_hold
    assert "Release the hold" in client.get(page_of(case)).content.decode()
    client.post(url("hold", case.pk), {"hold": "off", "note": "Order lifted"})
    case.photo.refresh_from_db()
    assert not case.photo.legal_hold


# --- appeals ------------------------------------------------------------------------------------
def test_an_appeal_is_answered_by_somebody_else(
    mod: Any, other_mod: Any, user: Any, case: Case, client_for: Any, decide: Any
) -> None:
    decide(case, mod, "warn", "likeness", "Not without asking.")
    appeal = appeal_create(person=user, text="She had agreed.", strike=user.strikes.get())
    url_of = page_of(appeal.case)
    mine = client_for(mod).get(url_of).content.decode()
    assert "This appeal is against a decision of yours." in mine
    client = client_for(other_mod)
    page = client.get(url_of).content.decode()
    for words in ("She had agreed.", "Not without asking.", page_of(case), mod.email):
        assert words in page, words
    client.post(url("decide", appeal.case_id), decision(appeal.case, "grant", "mistake"))
    assert not Strike.objects.standing().exists()
    appeal.refresh_from_db()
    assert appeal.is_granted


# --- protected faces ----------------------------------------------------------------------------
def test_what_the_registry_of_faces_cannot_do_is_said_and_changes_nothing(panel: Client) -> None:
    flat = cv2.imencode(".webp", np.full((200, 200, 3), 127, np.uint8))[1].tobytes()
    case = case_open(kind=Case.Kind.PROTECTED_FACE, reason="protected_face")
    face = ProtectedFace.objects.create(case=case, selfie=seal(flat), proof=seal(flat))
    assert protected_face_study(face.pk)
    form = decision(case, "grant", "proven", text="Typed already.")
    response = panel.post(url("decide", case.pk), form)
    assert response.status_code == 400
    for words in ("No face was found in the selfie.", "Refuse the request", "Typed already."):
        assert words in response.content.decode()
    case.refresh_from_db()
    assert case.is_open


# --- copies -------------------------------------------------------------------------------------
def test_what_looks_the_same_is_shown_veiled_and_revealed_like_the_rest(
    panel: Client, case: Case, other_user: Any, photo_factory: Any, portrait: Any
) -> None:
    copy = photo_factory(other_user, portrait, origin=Asset.Origin.RESULT, made_by="swap")
    for number, photo in enumerate((case.photo, copy)):
        MarkedResult.objects.create(
            mark_id=f"{number:016x}", pdq="5a" * 32, pdq_badged="a5" * 32, pdq_quality=90,
            kind="swap", photo=photo,
        )  # fmt: skip
    page = panel.get(page_of(case)).content.decode()
    [more] = re.findall(r'href="([^"#]+)[^"]*" data-copies', page)
    page = panel.get(more).content.decode()
    assert "Looks the same" in page
    assert "another person" in page
    form = {"what": str(copy.pk)}
    answer = panel.post(url("reveal", case.pk), form, headers={"accept": "application/json"})
    assert panel.get(answer.json()["address"]).status_code == 200
    assert AuditEntry.objects.get(action="picture.reveal").target_id == str(copy.pk)
    shown = panel.post(url("reveal", case.pk), form).content.decode()
    assert len(re.findall(r'<img src="/admin/', shown)) == 1
