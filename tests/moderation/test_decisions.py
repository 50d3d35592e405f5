"""Who may decide what, once, and what follows."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from faceweb.core.words import refusal_text
from faceweb.marks.models import MarkedResult
from faceweb.media.models import Asset, Lineage
from faceweb.moderation import notices
from faceweb.moderation.cases import case_open
from faceweb.moderation.copies import looks_keep
from faceweb.moderation.decisions import (
    actions_for,
    actions_open_to,
    case_assign,
    case_decide,
    case_next,
    case_release,
    cases_decide,
    decision_undo,
)
from faceweb.moderation.errors import CaseChanged, DecisionRefused, ModerationError, NotPermitted
from faceweb.moderation.holds import hold_release, hold_set
from faceweb.moderation.models import (
    AuditEntry,
    BlockedHash,
    Case,
    Decision,
    Notice,
    Report,
    Strike,
)
from faceweb.moderation.reasons import REASONS, reasons_for
from tests.moderation.deciding import (
    admin,
    decide,
    lead,
    mod,
    other_mod,
    parallel_database,
    reported,
    share,
)

__all__ = ["admin", "decide", "lead", "mod", "other_mod", "parallel_database"]

pytestmark = pytest.mark.django_db

A = Decision.Action


@pytest.fixture(autouse=True)
def no_broker(published):
    """Notices are sent by hand here."""


@pytest.fixture
def photo(user, photo_factory):
    return photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap")


# --- what can be decided -------------------------------------------------------------------------
def test_every_action_has_a_reason_and_every_reason_a_sentence():
    assert all(reasons_for(action) for action in A)
    assert all(reason.label and reason.sentence for reason in REASONS.values())


def test_a_case_offers_what_fits_it(user, photo):
    report = reported(photo)
    assert actions_for(report) == (
        A.DISMISS, A.LABEL, A.UNSHARE, A.DELETE, A.BLOCK_HASH, A.WARN, A.FREEZE, A.SUSPEND,
    )  # fmt: skip
    hit = Case(kind=Case.Kind.SCREENING, photo=photo, person=user)
    assert A.LABEL not in actions_for(hit)
    nobody = case_open(kind=Case.Kind.TAKEDOWN, reason="likeness")
    assert actions_for(nobody) == (A.DISMISS,)
    assert actions_for(Case(kind=Case.Kind.APPEAL)) == (A.GRANT, A.REFUSE)
    assert actions_for(Case(kind=Case.Kind.PROTECTED_FACE)) == (A.GRANT, A.REFUSE)


def test_roles_see_what_they_may_do(photo, mod, lead, other_user):
    case = reported(photo)
    assert A.SUSPEND not in actions_open_to(case, mod)
    assert A.FREEZE not in actions_open_to(case, mod)
    assert A.WARN in actions_open_to(case, mod)
    assert A.SUSPEND in actions_open_to(case, lead)
    assert actions_open_to(case, other_user) == ()


@pytest.mark.parametrize("action", [A.FREEZE, A.SUSPEND])
def test_a_moderator_may_not_lock_anybody_out(photo, mod, decide, action):
    with pytest.raises(NotPermitted):
        decide(reported(photo), mod, action, "deception")
    photo.owner.refresh_from_db()
    assert photo.owner.may_make
    assert not Decision.objects.exists()


def test_people_without_the_role_decide_nothing(photo, other_user, decide):
    with pytest.raises(NotPermitted):
        decide(reported(photo), other_user, A.DISMISS, "allowed")


def test_only_an_administrator_locks_an_administrator_out(make_user, photo_factory, lead, decide):
    boss = make_user("boss@example.org", is_superuser=True)
    case = reported(photo_factory(boss))
    with pytest.raises(NotPermitted):
        decide(case, lead, A.SUSPEND, "deception")
    decide(case, make_user("root@example.org", is_superuser=True), A.SUSPEND, "deception")
    boss.refresh_from_db()
    assert not boss.is_active


def test_nobody_decides_about_their_own_picture(photo_factory, mod, other_mod, decide):
    case = reported(photo_factory(mod))
    with pytest.raises(NotPermitted) as refusal:
        decide(case, mod, A.DISMISS, "allowed")
    assert refusal.value.code == "own_picture"
    assert actions_open_to(case, mod) == ()
    decide(case, other_mod, A.DISMISS, "allowed")


@pytest.mark.parametrize(
    ("action", "reason", "code"),
    [
        (A.GRANT, "mistake", "action_unfit"),
        ("explode", "other", "action_unfit"),
        (A.DELETE, "allowed", "reason_unfit"),
        (A.DELETE, "no such", "reason_unfit"),
    ],
)
def test_what_does_not_fit_is_refused(photo, mod, decide, action, reason, code):
    with pytest.raises(DecisionRefused) as refusal:
        decide(reported(photo), mod, action, reason)
    assert refusal.value.code == code


# --- once ----------------------------------------------------------------------------------------
def test_a_closed_case_cannot_be_decided_again(photo, mod, other_mod, decide):
    case = reported(photo)
    decide(case, mod, A.DISMISS, "allowed")
    with pytest.raises(CaseChanged):
        decide(case, other_mod, A.DELETE, "likeness")
    assert Asset.objects.filter(pk=photo.pk).exists()


def test_news_since_it_was_read_forbid_the_decision(photo, mod):
    case = reported(photo)
    reported(photo, "minor")
    with pytest.raises(CaseChanged) as refusal:
        case_decide(
            case_id=case.pk, version=case.version, by=mod, action=A.DISMISS, reason="allowed"
        )
    assert "added" in refusal_text(refusal.value)
    assert Case.objects.get().is_open


@pytest.mark.django_db(transaction=True)
def test_two_moderators_at_once_decide_once(parallel_database, photo, mod, other_mod):
    case = reported(photo)
    start = threading.Barrier(2)
    outcomes: list[Decision | ModerationError] = []

    def act(by, action, reason):
        try:
            start.wait(10)
            outcomes.append(
                case_decide(
                    case_id=case.pk, version=case.version, by=by, action=action, reason=reason
                )
            )
        except ModerationError as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=act, args=(mod, A.DISMISS, "allowed")),
        threading.Thread(target=act, args=(other_mod, A.UNSHARE, "likeness")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CaseChanged", "Decision"]
    decision = Decision.objects.get()
    photo.refresh_from_db()
    assert photo.withheld == (decision.action == A.UNSHARE)
    assert AuditEntry.objects.filter(action__in=["case.dismiss", "case.unshare"]).count() == 1


def test_a_decision_that_fails_leaves_nothing(photo, mod, decide, monkeypatch):
    case = reported(photo)
    before = AuditEntry.objects.count()

    def fail(**values):
        raise RuntimeError

    monkeypatch.setattr("faceweb.moderation.decisions.audit_write", fail)
    with pytest.raises(RuntimeError):
        decide(case, mod, A.DELETE, "likeness")
    case.refresh_from_db()
    assert case.is_open
    assert Asset.objects.filter(pk=photo.pk).exists()
    assert not Strike.objects.exists()
    assert AuditEntry.objects.count() == before


# --- pictures ------------------------------------------------------------------------------------
def test_dismissing_shows_the_picture_again(photo, mod, decide):
    link = share(photo)
    decision = decide(reported(photo), mod, A.DISMISS, "allowed")
    photo.refresh_from_db()
    link.refresh_from_db()
    assert photo.may_leave
    assert link.revoked_at is None
    entry = AuditEntry.objects.get(action="case.dismiss")
    assert entry.actor_id == mod.pk
    assert entry.reason == "allowed"
    assert entry.details["decision"] == decision.pk


def test_dismissing_a_screening_hit_clears_the_picture(photo_factory, user, mod, decide):
    photo = photo_factory(user, screening=Asset.Screening.REVIEW)
    case = case_open(kind=Case.Kind.SCREENING, reason="nudity", photo=photo)
    decide(case, mod, A.DISMISS, "allowed")
    photo.refresh_from_db()
    assert photo.is_usable


def test_what_waited_for_a_person_is_refused_when_the_person_is_against_it(
    photo_factory, user, mod, decide
):
    photo = photo_factory(user, screening=Asset.Screening.REVIEW)
    case = case_open(kind=Case.Kind.SCREENING, reason="nudity", photo=photo)
    decide(case, mod, A.WARN, "nudity")
    photo.refresh_from_db()
    assert photo.screening == Asset.Screening.BLOCKED


def test_dismissing_a_report_does_not_clear_what_machines_hold_back(
    photo_factory, user, mod, decide
):
    photo = photo_factory(user, screening=Asset.Screening.BLOCKED)
    decide(reported(photo), mod, A.DISMISS, "allowed")
    photo.refresh_from_db()
    assert not photo.is_usable


def test_a_labelled_picture_says_so_on_its_page(photo, user, mod, decide, client_for):
    decide(reported(photo), mod, A.LABEL, "misleading")
    photo.refresh_from_db()
    assert photo.may_leave
    page = client_for(user).get(reverse("photo", args=[photo.pk])).content.decode()
    assert "Reported as misleading" in page


def test_an_unshared_picture_stays_with_its_owner_alone(photo, user, mod, decide, client_for):
    link = share(photo)
    decide(reported(photo), mod, A.UNSHARE, "likeness")
    photo.refresh_from_db()
    link.refresh_from_db()
    assert link.revoked_at is not None
    assert not photo.may_leave
    assert not Strike.objects.exists()
    assert client_for(user).get(reverse("photo", args=[photo.pk])).status_code == 200


def test_deleting_takes_copies_and_what_was_made_of_them(
    user, other_user, photo_factory, mod, decide, media, django_capture_on_commit_callbacks
):
    photo = photo_factory(user, upload_sha256="a" * 64)
    child = photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap")
    grandchild = photo_factory(user, origin=Asset.Origin.RESULT, made_by="edit")
    Lineage.objects.create(child=child, parent=photo, role=Lineage.Role.SOURCE)
    Lineage.objects.create(child=grandchild, parent=child, role=Lineage.Role.TARGET)
    copy = photo_factory(other_user, upload_sha256="a" * 64)
    innocent = photo_factory(other_user, upload_sha256="b" * 64)
    with django_capture_on_commit_callbacks(execute=True):
        decision = decide(reported(photo), mod, A.DELETE, "likeness")
    assert list(Asset.objects.all()) == [innocent]
    assert len([path for path in media.rglob("*") if path.is_file()]) == 3
    removed = decision.effects["removed"]
    assert set(removed) == {str(user.pk), str(other_user.pk)}
    assert removed[str(other_user.pk)] == [str(copy.pk)]
    assert list(Strike.objects.values_list("person", flat=True)) == [user.pk]


def test_copies_are_found_by_their_looks(user, other_user, photo_factory, mod, decide):
    def marked(owner, pdq):
        photo = photo_factory(owner, origin=Asset.Origin.RESULT, made_by="swap")
        MarkedResult.objects.create(
            mark_id=photo.pk.hex[:16], pdq=pdq, pdq_badged=pdq, pdq_quality=100,
            kind="swap", photo=photo,
        )  # fmt: skip
        return photo

    def uploaded(owner, pdq, quality):
        photo = photo_factory(owner)
        looks_keep(photo=photo, pdq=pdq, quality=quality)
        return photo

    plain = "0" * 64
    near = "7fffffff" + "0" * 56  # 31 bits
    far = "ffffffff" + "0" * 56  # 32 bits
    photo = marked(user, plain)
    copies = [marked(other_user, near), uploaded(other_user, near, 50)]
    others = [
        marked(other_user, far), uploaded(other_user, far, 100), uploaded(other_user, near, 49),
    ]  # fmt: skip
    decide(reported(photo), mod, A.DELETE, "likeness")
    assert not Asset.objects.filter(pk__in=[copy.pk for copy in copies]).exists()
    assert set(Asset.objects.all()) == set(others)


def test_a_picture_with_nothing_to_see_takes_no_others_with_it(
    user, other_user, photo_factory, mod, decide
):
    photo, other = photo_factory(user), photo_factory(other_user)
    for wall in (photo, other):
        looks_keep(photo=wall, pdq="0" * 64, quality=10)
    decide(reported(photo), mod, A.DELETE, "likeness")
    assert list(Asset.objects.all()) == [other]


def test_open_cases_about_a_copy_are_decided_with_it(user, other_user, photo_factory, mod, decide):
    photo = photo_factory(user, upload_sha256="a" * 64)
    copy = photo_factory(other_user, upload_sha256="a" * 64)
    with_it = reported(copy)
    case = reported(photo)
    decide(case, mod, A.DELETE, "likeness")
    with_it.refresh_from_db()
    assert not with_it.is_open
    assert with_it.decisions.get().effects == {"with": case.ticket}


def test_blocking_a_hash_reads_the_picture_before_it_goes(
    user, mod, decide, photo_factory, portrait
):
    case = reported(photo_factory(user, portrait, upload_sha256="ab" * 32))
    decide(case, mod, A.BLOCK_HASH, "likeness")
    blocked = BlockedHash.objects.filter(case=case, reason="likeness", added_by=mod, is_active=True)
    assert blocked.filter(kind=BlockedHash.Kind.SHA256, value="ab" * 32).count() == 1
    assert blocked.filter(kind=BlockedHash.Kind.PDQ).exists()
    assert not Asset.objects.exists()


def test_a_picture_that_cannot_be_read_cannot_be_blocked(photo, mod, decide):
    case = reported(photo)
    photo.file_of("original").storage.delete(photo.file_of("original").name)
    with pytest.raises(DecisionRefused) as refusal:
        decide(case, mod, A.BLOCK_HASH, "likeness")
    assert refusal.value.code == "picture_unreadable"
    case.refresh_from_db()
    assert case.is_open
    assert not BlockedHash.objects.exists()


def test_reasons_that_are_nobodys_fault_give_no_strike(photo, mod, decide):
    decide(reported(photo), mod, A.DELETE, "authority")
    assert not Asset.objects.exists()
    assert not Strike.objects.exists()


# --- legal hold ----------------------------------------------------------------------------------
def test_on_legal_hold_nothing_is_deleted(
    photo, user, mod, lead, decide, media, django_capture_on_commit_callbacks
):
    assert hold_set(photo=photo, by=lead, reason="order 4711")
    files = sorted(media.rglob("*"))
    with django_capture_on_commit_callbacks(execute=True):
        decision = decide(reported(photo), mod, A.DELETE, "intimate")
    assert decision.effects["held"] == [str(photo.pk)]
    assert sorted(media.rglob("*")) == files
    kept = Asset.objects.get(pk=photo.pk)
    assert not kept.is_visible
    assert not Asset.objects.for_user(user).exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert hold_release(photo=photo, by=lead, reason="over")
    assert not Asset.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]
    actions = AuditEntry.objects.filter(action__startswith="hold.").order_by("pk")
    assert [entry.action for entry in actions] == ["hold.set", "hold.release"]
    assert actions[0].details == {"note": "order 4711"}


def test_a_moderator_may_not_hold(photo, mod):
    with pytest.raises(NotPermitted):
        hold_set(photo=photo, by=mod, reason="x")
    with pytest.raises(NotPermitted):
        hold_release(photo=photo, by=mod, reason="x")


# --- undo ----------------------------------------------------------------------------------------
def state_of(photo):
    photo.refresh_from_db()
    owner = photo.owner
    owner.refresh_from_db()
    link = photo.share_links.get()
    return (
        photo.withheld, photo.screening, photo.label, link.revoked_at,
        owner.is_active, owner.frozen_at, owner.sharing_off_until,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (A.DISMISS, "allowed"), (A.LABEL, "misleading"), (A.UNSHARE, "likeness"),
        (A.WARN, "deception"), (A.WARN, "minor"), (A.FREEZE, "suspicion"),
        (A.SUSPEND, "deception"),
    ],
)  # fmt: skip
def test_undoing_puts_everything_back_and_opens_the_case(photo, lead, decide, action, reason):
    share(photo)
    case = reported(photo)
    before = state_of(photo)
    decision = decide(case, lead, action, reason)
    assert state_of(photo) != before
    case.refresh_from_db()
    version = case.version
    decision_undo(decision=decision, by=lead)
    assert state_of(photo) == before
    case.refresh_from_db()
    assert case.is_open
    assert case.version > version
    assert not Strike.objects.standing().exists()
    assert AuditEntry.objects.filter(action="case.undo").count() == 1
    with pytest.raises(DecisionRefused):
        decision_undo(decision=decision, by=lead)


def test_a_link_its_owner_had_revoked_stays_revoked(photo, lead, decide):
    link = share(photo, revoked_at=timezone.now())
    decision = decide(reported(photo), lead, A.UNSHARE, "likeness")
    decision_undo(decision=decision, by=lead)
    link.refresh_from_db()
    assert link.revoked_at is not None


def test_deleting_cannot_be_undone(photo, lead, decide):
    decision = decide(reported(photo), lead, A.DELETE, "likeness")
    with pytest.raises(DecisionRefused) as refusal:
        decision_undo(decision=decision, by=lead)
    assert refusal.value.code == "not_undoable"


def test_a_moderator_may_not_undo(photo, mod, decide):
    decision = decide(reported(photo), mod, A.DISMISS, "allowed")
    with pytest.raises(NotPermitted):
        decision_undo(decision=decision, by=mod)


# --- the queue -----------------------------------------------------------------------------------
def test_next_is_the_most_urgent_that_nobody_has(user, photo_factory, mod, other_mod):
    usual = reported(photo_factory(user))
    grave = reported(photo_factory(user), "minor")
    reported(photo_factory(mod), "minor")  # their own picture is not for them
    assert case_next(by=mod) == grave
    assert case_next(by=mod) == grave
    case_release(case_id=grave.pk, by=mod)
    case_assign(case_id=grave.pk, to=other_mod, by=other_mod)
    assert case_next(by=mod) == usual
    with pytest.raises(NotPermitted):
        case_assign(case_id=grave.pk, to=mod, by=mod)
    with pytest.raises(NotPermitted):
        case_release(case_id=grave.pk, by=mod)


def test_a_lead_takes_a_case_from_somebody(photo, mod, lead):
    case = reported(photo)
    case_assign(case_id=case.pk, to=mod, by=mod)
    assert case_assign(case_id=case.pk, to=lead, by=lead).assignee == lead
    assert AuditEntry.objects.filter(action="case.assign").count() == 2


def test_several_at_once_and_why_some_were_left(user, photo_factory, mod):
    good, own = reported(photo_factory(user)), reported(photo_factory(mod))
    stale = reported(photo_factory(user))
    outcome = cases_decide(
        versions=[(good.pk, good.version), (own.pk, own.version), (stale.pk, 99)],
        by=mod,
        action=A.DISMISS,
        reason="allowed",
    )
    assert [decision.case for decision in outcome.decisions] == [good]
    assert [(pk, error.code) for pk, error in outcome.refusals] == [
        (own.pk, "own_picture"),
        (stale.pk, "case_changed"),
    ]


# --- notices -------------------------------------------------------------------------------------
def test_both_sides_are_told_what_and_why(user, other_user, photo_factory, mod, decide):
    photo = photo_factory(user, upload_sha256="a" * 64)
    photo_factory(other_user, upload_sha256="a" * 64)
    case = reported(photo)
    Report.objects.create(case=case, category="likeness", email="victim@example.org", ticket="T-1")
    decision = decide(case, mod, A.DELETE, "likeness", "Please ask people first.")
    notices.decision_notify(decision.pk)
    by_address = {message.to[0]: message for message in mail.outbox}
    assert set(by_address) == {user.email, other_user.email, "victim@example.org"}
    person = by_address[user.email].body
    for part in (
        case.ticket, REASONS["likeness"].sentence, "Please ask people first.", "removed for good",
        "it is illegal, or the law", "somebody reported it", "nothing was decided by a machine",
        "this is a warning", "/appeal/", "court",
    ):  # fmt: skip
        assert part in person
    assert "victim@example.org" not in person
    reporter = by_address["victim@example.org"]
    assert "T-1" in reporter.subject
    assert case.ticket not in reporter.body
    assert user.email not in reporter.body
    assert "copy" in by_address[other_user.email].body
    notices.decision_notify(decision.pk)
    assert len(mail.outbox) == 3


def test_a_notice_is_kept_with_its_decision_and_sent_when_the_broker_is_back(
    photo, mod, decide, published
):
    decide(reported(photo), mod, A.DISMISS, "allowed")
    notice = Notice.objects.get()
    assert notice.kind == "decision"
    assert mail.outbox == []
    # Sent when the decision was through, or, where the broker was away, by the clock.
    published.clear()
    Notice.objects.update(dispatched_at=None)
    assert notices.notices.dispatch_due() == 1
    assert published == [("faceweb.moderation.tasks.notice_run", (str(notice.pk),))]
    notices.notice_work(notice.pk)
    notices.notice_work(notice.pk)
    assert len(mail.outbox) == 1
    notice.refresh_from_db()
    assert notice.state == Notice.State.DONE


def test_a_mail_server_that_is_away_is_tried_again(photo, mod, decide, settings):
    decision = decide(reported(photo), mod, A.DISMISS, "allowed")
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    notice = Notice.objects.get()
    notices.notice_work(notice.pk)
    decision.refresh_from_db()
    notice.refresh_from_db()
    assert not decision.noticed_at
    assert (notice.state, notice.attempt) == (Notice.State.QUEUED, 1)
    assert notice.not_before
    assert notice.not_before > timezone.now() + timedelta(minutes=4)
    settings.EMAIL_BACKEND = working
    notices.notice_work(notice.pk)
    decision.refresh_from_db()
    assert decision.noticed_at
    assert len(mail.outbox) == 1


def test_an_undone_decision_is_told_to_those_who_knew(photo, lead, decide):
    decision = decide(reported(photo), lead, A.UNSHARE, "likeness")
    notices.decision_notify(decision.pk)
    decision_undo(decision=decision, by=lead)
    notices.undo_notify(decision.pk)
    assert "taken back" in mail.outbox[-1].body
