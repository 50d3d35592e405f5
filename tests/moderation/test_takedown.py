"""The public form for removal, its clock, its ticket."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation.clock import cases_alert
from faceweb.moderation.models import CLOCK, Case, Decision, Report
from tests.moderation.deciding import decide, lead, mod, share

__all__ = ["decide", "lead", "mod"]

pytestmark = pytest.mark.django_db

A = Decision.Action


@pytest.fixture(autouse=True)
def no_broker(published):
    # The limits of the form are counted in the cache, which outlives a test.
    cache.clear()
    return published


@pytest.fixture
def photos(user, photo_factory):
    made = [photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap") for _ in range(2)]
    for index, photo in enumerate(made):
        share(photo, address_token(index))
    return made


def address_token(index):
    return f"token{index}" + "x" * 30


def address(index):
    return f"https://faces.example/s/{address_token(index)}/"


@pytest.fixture
def send(client):
    def post(**fields):
        data = {
            "category": "intimate",
            "addresses": address(0),
            "text": "",
            "relation": "self",
            "name": "Vera Victim",
            "email": "vera@example.org",
            "good_faith": "on",
            "signature": "Vera Victim",
            **fields,
        }
        return client.post(
            reverse("takedown"), {key: value for key, value in data.items() if value}
        )

    return post


def test_everything_the_law_asks_for_is_kept(send, photos, time_machine):
    now = timezone.now().replace(microsecond=0)
    time_machine.move_to(now, tick=False)
    answer = send(text="From a private chat.")
    assert answer.status_code == 303
    report = Report.objects.get()
    assert report.is_takedown
    assert (report.name, report.email, report.signature) == (
        "Vera Victim", "vera@example.org", "Vera Victim",
    )  # fmt: skip
    assert report.good_faith
    assert report.relation == "self"
    assert report.case.kind == Case.Kind.TAKEDOWN
    assert report.case.photo == photos[0]
    assert report.case.due_at == now + CLOCK
    photos[0].refresh_from_db()
    photos[1].refresh_from_db()
    assert photos[0].withheld
    assert not photos[1].withheld


@pytest.mark.parametrize("missing", ["name", "email", "signature", "good_faith", "relation",
                                     "addresses", "category"])  # fmt: skip
def test_nothing_is_sent_while_something_is_missing(send, photos, missing):
    answer = send(**{missing: ""})
    assert answer.status_code == 400
    assert not Report.objects.exists()
    assert "Vera" in answer.content.decode()


@pytest.mark.parametrize("category", ["likeness", "deception", "rights", "other"])
def test_what_does_not_speak_for_itself_needs_a_reason(send, photos, category):
    assert send(category=category).status_code == 400
    assert send(category=category, text="It is my painting.").status_code == 303


def test_nobody_has_to_give_a_name_for_the_sake_of_a_child(send, photos):
    answer = send(category="minor", name="", email="", signature="", relation="other")
    assert answer.status_code == 303
    photos[0].refresh_from_db()
    assert photos[0].withheld


def test_several_pictures_one_ticket(send, photos):
    send(addresses=f"{address(0)}\n{address(1)}\nhttps://elsewhere.example/x.jpg")
    reports = Report.objects.all()
    assert len(reports) == 3
    assert len({report.ticket for report in reports}) == 1
    assert {report.case.photo for report in reports} == {*photos, None}
    [lost] = [report for report in reports if report.case.photo is None]
    assert lost.location == "https://elsewhere.example/x.jpg"


def test_the_same_picture_twice_is_one_report(send, photos):
    send(addresses=f"{address(0)} {address(0)}?again")
    assert Report.objects.count() == 1


def test_tokens_are_never_kept(send, photos):
    send(addresses=f"{address(0)} {address(1)} https://f.example/s/{'u' * 43}/", text=address(0))
    for report in Report.objects.all():
        assert "/s/" not in report.location.replace("/s/…", "")
        assert address_token(0) not in report.text


def test_too_many_addresses_are_refused_with_a_remedy(send, photos):
    answer = send(addresses="\n".join(f"https://f.example/{index}" for index in range(21)))
    assert answer.status_code == 400
    assert "send the others after these" in answer.content.decode()


def test_requests_about_one_picture_share_a_case_and_keep_the_earlier_clock(
    send, photos, time_machine
):
    start = timezone.now().replace(microsecond=0)
    time_machine.move_to(start, tick=False)
    send()
    time_machine.move_to(start + timedelta(hours=10), tick=False)
    send(email="second@example.org")
    case = Case.objects.get()
    assert case.reports.count() == 2
    assert case.due_at == start + CLOCK


def test_the_status_page_says_open_or_decided_and_nothing_else(send, photos, client, mod, decide):
    send(text="Secret words.")
    ticket = Report.objects.get().ticket
    page = client.get(reverse("takedown_status", args=[ticket])).content.decode()
    assert "Being looked at" in page
    decide(Case.objects.get(), mod, A.DELETE, "intimate")
    page = client.get(reverse("takedown_status", args=[ticket])).content.decode()
    assert "Decided" in page
    assert "Secret words" not in page
    assert "vera@" not in page
    assert client.get(reverse("takedown_status", args=["AAAAA-BBBBB-CCCCC"])).status_code == 404


def test_anybody_can_open_the_form_from_every_page(client):
    assert reverse("takedown") in client.get(reverse("landing")).content.decode()
    assert client.get(reverse("takedown")).status_code == 200


# --- the clock -----------------------------------------------------------------------------------
def alerts():
    return [message for message in mail.outbox if "undecided" in message.subject]


def test_moderators_are_reminded_at_24_and_40_hours_once_each(
    send, photos, mod, lead, other_user, time_machine
):
    start = timezone.now().replace(microsecond=0)
    time_machine.move_to(start, tick=False)
    send()
    for hours, mails, alerted in [(23.9, 0, 0), (24, 2, 24), (30, 2, 24), (39.9, 2, 24),
                                  (40, 4, 40), (47, 4, 40), (49, 4, 40)]:  # fmt: skip
        time_machine.move_to(start + timedelta(hours=hours), tick=False)
        cases_alert()
        assert len(alerts()) == mails, hours
        assert Case.objects.get().alerted_hours == alerted
    assert {message.to[0] for message in alerts()} == {mod.email, lead.email}
    assert Case.objects.get().is_overdue


def test_a_beat_that_slept_through_the_first_alert_sends_the_second(
    send, photos, mod, time_machine
):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    send()
    time_machine.move_to(start + timedelta(hours=41), tick=False)
    cases_alert()
    [message] = alerts()
    assert "40 hours" in message.subject


def test_a_decided_case_reminds_nobody(send, photos, mod, decide, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    send()
    decide(Case.objects.get(), mod, A.DISMISS, "allowed")
    time_machine.move_to(start + timedelta(hours=41), tick=False)
    assert cases_alert() == 0
    assert not alerts()


def test_an_alert_that_did_not_leave_is_tried_again(send, photos, mod, settings, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    send()
    time_machine.move_to(start + timedelta(hours=25), tick=False)
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    cases_alert()
    assert Case.objects.get().alerted_hours == 0
    settings.EMAIL_BACKEND = working
    cases_alert()
    assert len(alerts()) == 1
