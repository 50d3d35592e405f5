"""Reporting a shared picture."""

import re
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation import notices
from faceweb.moderation.models import CLOCK, AuditEntry, Case, Decision, Notice, Report
from faceweb.moderation.reports import report_create
from tests.moderation.deciding import decide, mod, parallel_database, share

__all__ = ["decide", "mod", "parallel_database"]

pytestmark = pytest.mark.django_db

TOKEN = "R" * 43
A = Decision.Action


@pytest.fixture(autouse=True)
def no_broker(published):
    # The limits of the form are counted in the cache, which outlives a test.
    cache.clear()
    return published


@pytest.fixture
def photo(user, photo_factory):
    return photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap")


@pytest.fixture
def link(photo):
    return share(photo, TOKEN)


@pytest.fixture
def send(client, link):
    def post(**fields):
        fields.setdefault("category", "likeness")
        return client.post(reverse("report", args=[TOKEN]), fields)

    return post


def test_a_stranger_reports_and_the_picture_is_hidden_at_once(
    send, photo, client, django_capture_on_commit_callbacks, no_broker
):
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(text="That is me.", email="v@example.org")
    report = Report.objects.get()
    assert answer.status_code == 303
    assert answer["Location"].startswith(reverse("takedown_status", args=[report.ticket]))
    photo.refresh_from_db()
    assert photo.withheld
    assert report.case.photo == photo
    assert report.case.kind == Case.Kind.REPORT
    assert report.reporter is None
    assert AuditEntry.objects.filter(action="photo.withhold").count() == 1
    assert Notice.objects.filter(kind="report", about=report.ticket).exists()
    assert [name for name, _ in no_broker] == ["faceweb.moderation.tasks.notice_run"]
    page = client.get(answer["Location"]).content.decode()
    assert report.ticket in page
    assert "Being looked at" in page


def test_the_receipt_names_the_ticket(send):
    send(email="v@example.org")
    report = Report.objects.get()
    notices.report_notify(report.ticket)
    notices.report_notify(report.ticket)
    [message] = mail.outbox
    assert message.to == ["v@example.org"]
    assert report.ticket in message.body


def test_somebody_signed_in_is_told_at_their_account(link, other_user, client_for, mod, decide):
    client = client_for(other_user)
    assert 'name="email"' not in client.get(reverse("report", args=[TOKEN])).content.decode()
    client.post(reverse("report", args=[TOKEN]), {"category": "other"})
    report = Report.objects.get()
    assert report.reporter == other_user
    decision = decide(report.case, mod, A.DISMISS, "allowed")
    notices.decision_notify(decision.pk)
    assert other_user.email in [message.to[0] for message in mail.outbox]


def test_reports_about_one_picture_share_a_case(send):
    send(category="other")
    send(category="minor")
    case = Case.objects.get()
    assert case.reports.count() == 2
    assert case.reason == "minor"
    assert case.urgency == 100
    assert case.version > 0


def test_something_must_be_wrong_with_it(send, photo):
    answer = send(category="")
    assert answer.status_code == 400
    assert "Choose what is wrong" in answer.content.decode()
    photo.refresh_from_db()
    assert not photo.withheld


def test_what_was_written_is_not_lost_with_a_mistake(send):
    answer = send(category="", text="That is me, in the red coat.")
    assert "in the red coat" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_reports_at_the_same_moment_share_a_case(parallel_database, link):
    start = threading.Barrier(4)

    def act():
        start.wait(10)
        try:
            report_create(link=link, category="likeness")
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Report.objects.count() == 4
    assert Case.objects.get().version == 3


@pytest.mark.parametrize("category", ["minor", "intimate"])
def test_what_may_be_grave_starts_the_clock(send, category, time_machine):
    now = timezone.now().replace(microsecond=0)
    time_machine.move_to(now, tick=False)
    send(category=category)
    assert Case.objects.get().due_at == now + CLOCK


def test_other_reports_have_no_clock(send):
    send()
    assert Case.objects.get().due_at is None


def test_a_picture_that_was_cleared_is_not_hidden_again(send, photo, mod, decide):
    send()
    decide(Case.objects.get(), mod, A.DISMISS, "allowed")
    send()
    photo.refresh_from_db()
    assert not photo.withheld
    assert Case.objects.open().count() == 1


def test_unless_it_is_grave(send, photo, mod, decide):
    send()
    decide(Case.objects.get(), mod, A.DISMISS, "allowed")
    send(category="intimate")
    photo.refresh_from_db()
    assert photo.withheld


def test_a_later_decision_against_it_counts_more_than_an_earlier_clearing(send, photo, mod, decide):
    send()
    decide(Case.objects.get(), mod, A.DISMISS, "allowed")
    send()
    decide(Case.objects.open().get(), mod, A.UNSHARE, "likeness")
    Asset.objects.filter(pk=photo.pk).update(withheld=False)
    send()
    photo.refresh_from_db()
    assert photo.withheld


def test_one_address_sends_only_so_many(send, photo):
    from allauth.account import app_settings

    limit = int(app_settings.RATE_LIMITS["report"].partition("/")[0])
    for _ in range(limit):
        assert send().status_code == 303
    answer = send(text="one more")
    assert answer.status_code == 429
    assert "one more" in answer.content.decode()
    assert Report.objects.count() == limit


@pytest.mark.parametrize(
    ("ended", "status"), [(timedelta(days=29), 200), (timedelta(days=31), 404)]
)
@pytest.mark.parametrize("how", ["revoked_at", "expires_at"])
def test_a_link_may_be_reported_for_a_while_after_its_end(client, link, ended, status, how):
    setattr(link, how, timezone.now() - ended)
    link.save()
    assert client.get(reverse("report", args=[TOKEN])).status_code == status


def test_a_picture_that_goes_in_this_moment_is_no_fault(link, photo):
    photo.delete()
    assert report_create(link=link, category="other") is None
    assert not Case.objects.exists()


def test_an_unknown_link_cannot_be_reported(client):
    assert client.get(reverse("report", args=["x" * 43])).status_code == 404
    assert client.post(reverse("report", args=["x" * 43]), {"category": "other"}).status_code == 404
    assert not Case.objects.exists()


def without_csrf(answer):
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())


def test_the_form_says_nothing_of_the_pictures_state(client, link, photo):
    before = client.get(reverse("report", args=[TOKEN]))
    Asset.objects.filter(pk=photo.pk).update(withheld=True)
    after = client.get(reverse("report", args=[TOKEN]))
    assert without_csrf(before) == without_csrf(after)


def test_no_address_with_a_token_is_kept(send):
    send(text=f"see https://faces.example/s/{TOKEN}/ and mine")
    report = Report.objects.get()
    assert TOKEN not in report.text
    assert TOKEN not in report.location
    assert "and mine" in report.text
