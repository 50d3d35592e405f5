"""One word against each strike and each refused picture."""

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation import notices
from faceweb.moderation.appeals import appeal_create
from faceweb.moderation.errors import AppealRefused, NotPermitted
from faceweb.moderation.models import Appeal, AuditEntry, Case, Decision, Strike
from faceweb.moderation.tokens import appeal_token
from tests.moderation.deciding import decide, lead, mod, other_mod, reported

__all__ = ["decide", "lead", "mod", "other_mod"]

pytestmark = pytest.mark.django_db

A = Decision.Action


@pytest.fixture(autouse=True)
def no_broker(published):
    return published


@pytest.fixture
def strike(user, photo_factory, mod, decide):
    decision = decide(reported(photo_factory(user)), mod, A.WARN, "deception", "Really?")
    return Strike.objects.get(decision=decision)


@pytest.fixture
def suspension(user, photo_factory, lead, decide):
    decision = decide(reported(photo_factory(user)), lead, A.SUSPEND, "deception")
    return Strike.objects.get(decision=decision)


def test_a_granted_appeal_lifts_the_strike_and_frees_the_picture(strike, user, other_mod, decide):
    appeal = appeal_create(person=user, text="It is satire.", strike=strike)
    assert appeal.case.kind == Case.Kind.APPEAL
    decide(appeal.case, other_mod, A.GRANT, "mistake")
    strike.refresh_from_db()
    appeal.refresh_from_db()
    assert strike.lifted_at is not None
    assert appeal.is_granted
    assert Asset.objects.get().may_leave


def test_a_refused_one_changes_nothing_but_the_answer(strike, user, other_mod, decide):
    appeal = appeal_create(person=user, text="No.", strike=strike)
    decision = decide(appeal.case, other_mod, A.REFUSE, "upheld")
    strike.refresh_from_db()
    appeal.refresh_from_db()
    assert strike.lifted_at is None
    assert appeal.is_granted is False
    notices.decision_notify(decision.pk)
    assert "The decision stands" in mail.outbox[-1].body


def test_nobody_judges_an_appeal_against_their_own_decision(strike, user, mod, decide):
    appeal = appeal_create(person=user, text="No.", strike=strike)
    with pytest.raises(NotPermitted) as refusal:
        decide(appeal.case, mod, A.REFUSE, "upheld")
    assert refusal.value.code == "own_decision"


def test_nor_about_a_picture_that_they_had_refused(user, photo_factory, mod, other_mod, decide):
    photo = photo_factory(user)
    decide(reported(photo), mod, A.UNSHARE, "likeness")
    appeal = appeal_create(person=user, text="She agreed.", photo=photo)
    with pytest.raises(NotPermitted):
        decide(appeal.case, mod, A.REFUSE, "upheld")
    decide(appeal.case, other_mod, A.GRANT, "mistake")
    photo.refresh_from_db()
    assert photo.may_leave


def test_one_appeals_once(strike, user):
    appeal_create(person=user, text="No.", strike=strike)
    with pytest.raises(AppealRefused) as refusal:
        appeal_create(person=user, text="No, no.", strike=strike)
    assert refusal.value.code == "appealed_before"
    assert Appeal.objects.count() == 1


def test_nobody_appeals_for_others(strike, other_user):
    with pytest.raises(AppealRefused):
        appeal_create(person=other_user, text="Let them.", strike=strike)


def test_a_lifted_strike_needs_no_appeal(strike, user):
    strike.lifted_at = timezone.now()
    strike.save()
    with pytest.raises(AppealRefused):
        appeal_create(person=user, text="No.", strike=strike)


def test_a_blocked_picture_is_cleared_on_appeal(user, photo_factory, mod, decide):
    photo = photo_factory(user, screening=Asset.Screening.BLOCKED)
    appeal = appeal_create(person=user, text="A statue.", photo=photo)
    decide(appeal.case, mod, A.GRANT, "mistake")
    photo.refresh_from_db()
    assert photo.is_usable


def test_what_is_not_refused_cannot_be_appealed(user, photo_factory):
    with pytest.raises(AppealRefused):
        appeal_create(person=user, text="?", photo=photo_factory(user))
    undecided = photo_factory(user)
    reported(undecided)
    undecided.refresh_from_db()
    assert undecided.withheld
    with pytest.raises(AppealRefused):
        appeal_create(person=user, text="?", photo=undecided)


def test_reports_do_not_merge_into_an_appeal(user, photo_factory):
    photo = photo_factory(user, screening=Asset.Screening.BLOCKED)
    appeal = appeal_create(person=user, text="A statue.", photo=photo)
    assert reported(photo) != appeal.case


# --- pages ---------------------------------------------------------------------------------------
def test_the_page_sends_the_appeal(strike, user, client_for):
    client = client_for(user)
    address = reverse("appeal_strike", args=[strike.pk])
    page = client.get(address).content.decode()
    assert "Really?" in page
    assert client.post(address, {"text": ""}).status_code == 400
    assert client.post(address, {"text": "It is satire."}).status_code == 302
    appeal = Appeal.objects.get()
    assert appeal.text == "It is satire."
    assert AuditEntry.objects.filter(action="appeal.make", actor_id=user.pk).count() == 1
    again = client.post(address, {"text": "Again."})
    assert again.status_code == 409
    assert "one can do so once" in again.content.decode()


def test_others_strikes_and_pictures_do_not_exist(strike, other_user, client_for):
    client = client_for(other_user)
    photo = Asset.objects.get()
    for address in (
        reverse("appeal_strike", args=[strike.pk]), reverse("appeal_photo", args=[photo.pk]),
    ):  # fmt: skip
        assert client.get(address).status_code == 404


def test_whoever_is_suspended_appeals_by_the_link_in_the_mail(
    suspension, user, client, mod, decide
):
    notices.decision_notify(suspension.decision_id)
    [message] = [message for message in mail.outbox if message.to == [user.email]]
    address = reverse("appeal_signed", args=[appeal_token(suspension)])
    assert address in message.body
    answer = client.post(address, {"text": "It was not me."})
    appeal = Appeal.objects.get()
    assert appeal.case.ticket in answer.content.decode()
    decide(appeal.case, mod, A.GRANT, "mistake")
    user.refresh_from_db()
    assert user.is_active


def test_a_made_up_link_leads_nowhere(client, suspension):
    token = appeal_token(suspension)
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), str(suspension.pk), "x"):
        assert client.get(reverse("appeal_signed", args=[wrong])).status_code == 404
