"""Each change of a job by itself."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site
from django.utils import timezone

from faceweb.core.durable.errors import LeaseLost
from faceweb.core.words import refusal_headers, refusal_text, sentence_of, status_of
from faceweb.media.models import Asset
from faceweb.work import kinds, services
from faceweb.work.errors import JobCancelled, TooManyJobs
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from models.refusals import Refusal
from tests.work.conftest import KIND, FakeBroker, store_photo

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def claimed(job: Job) -> Job:
    found = services.job_claim(job.pk)
    assert found is not None
    return found


def test_a_new_job_waits_and_its_message_is_sent(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
    assert list(fake_broker.messages) == [job.pk]
    assert job.dispatched_at is not None


def test_a_job_of_an_unknown_kind_is_not_queued(user: Any, fake_broker: FakeBroker) -> None:
    with pytest.raises(KeyError):
        services.job_create(owner=user, kind="nothing of the sort", recipe={})
    assert not Job.objects.exists()


def test_one_may_queue_only_so_many(
    make_job: Callable[..., Job], user: Any, other_user: Any, settings: Any
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 3
    for _ in range(3):
        make_job(user)
    with pytest.raises(TooManyJobs) as refusal:
        make_job(user)
    assert status_of(refusal.value.code) == 429
    assert int(refusal_headers(refusal.value)["Retry-After"]) > 0
    assert "3 jobs" in refusal_text(refusal.value)
    make_job(other_user)
    assert Job.objects.for_user(user).count() == 3


def test_a_claim_counts_the_attempt_and_starts_a_lease_by_the_databases_clock(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    job = make_job(user)
    before = timezone.now()
    held = claimed(job)
    assert (held.state, held.attempt) == (Job.State.RUNNING, 1)
    assert held.version > job.version
    assert held.lease_until is not None
    lease = (held.lease_until - before).total_seconds()
    assert lease == pytest.approx(settings.JOB_LEASE_SECONDS, abs=2)


def test_a_doubled_message_finds_nothing(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    claimed(job)
    assert services.job_claim(job.pk) is None
    assert services.job_claim(uuid4()) is None


def test_a_claim_over_the_persons_limit_is_refused_and_sent_again_later(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    first, second, third = (make_job(user) for _ in range(3))
    assert list(fake_broker.messages) == [first.pk, second.pk]
    held = claimed(first)
    claimed(second)
    assert services.job_claim(third.pk) is None
    fake_broker.messages.clear()
    services.job_finish(job=held, outcome=Outcome("none"))
    assert list(fake_broker.messages) == [third.pk]
    claimed(third)


def test_progress_moves_forward_only(make_job: Callable[..., Job], user: Any) -> None:
    held = claimed(make_job(user))
    services.job_progress(job=held, stage="Second", percent=60)
    services.job_progress(job=held, stage="First", percent=20)
    held.refresh_from_db()
    assert (held.stage_key, held.percent) == ("First", 60)


def test_a_finished_job_has_its_result_and_its_figures(
    make_job: Callable[..., Job], user: Any
) -> None:
    held = claimed(make_job(user))
    outcome = Outcome("classic", lambda: store_photo(held), {"likeness": 0.5}, {"swap": 12.5})
    services.job_finish(job=held, outcome=outcome)
    held.refresh_from_db()
    assert (held.state, held.percent, held.engine) == (Job.State.DONE, 100, "classic")
    assert held.result == Asset.objects.get()
    assert held.figures == {"version": 1, "likeness": 0.5}
    assert held.made == Job.Made.PICTURE
    assert held.timings_ms == {"swap": 12.5}
    assert held.finished_at is not None
    assert held.lease_token is None


def test_who_lost_the_lease_can_change_nothing_and_stores_nothing(
    make_job: Callable[..., Job], user: Any
) -> None:
    lost = claimed(make_job(user))
    Job.objects.update(lease_until=LONG_AGO)
    assert jobs.reap() == 1
    holder = claimed(lost)
    assert holder.attempt == 2

    assert not jobs.renew(lost)
    with pytest.raises(LeaseLost):
        services.job_progress(job=lost, stage="Late", percent=90)
    with pytest.raises(LeaseLost):
        services.job_finish(job=lost, outcome=Outcome("none", lambda: store_photo(lost)))
    assert not services.job_fail(job=lost, reason=Refusal("time_limit"))
    assert not services.job_release(job=lost)
    assert not services.job_stop(job=lost)
    assert not Asset.objects.exists()

    services.job_finish(job=holder, outcome=Outcome("none", lambda: store_photo(holder)))
    holder.refresh_from_db()
    assert (holder.state, holder.stage_key) == (Job.State.DONE, "")
    assert Asset.objects.count() == 1


def test_a_result_that_cannot_be_stored_leaves_the_job_running(
    make_job: Callable[..., Job], user: Any
) -> None:
    held = claimed(make_job(user))

    def save() -> Asset:
        store_photo(held)
        raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(OSError, match="no space"):
        services.job_finish(job=held, outcome=Outcome("none", save))
    held.refresh_from_db()
    assert held.state == Job.State.RUNNING
    assert not Asset.objects.exists()


def test_a_waiting_job_is_cancelled_at_once(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    assert services.job_cancel(job=job)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert services.job_claim(job.pk) is None
    assert not services.job_cancel(job=job)


def test_a_running_job_is_cancelled_when_its_worker_next_looks(
    make_job: Callable[..., Job], user: Any
) -> None:
    held = claimed(make_job(user))
    assert services.job_cancel(job=held)
    with pytest.raises(JobCancelled):
        services.job_progress(job=held, stage="On", percent=50)
    with pytest.raises(JobCancelled):
        services.job_finish(job=held, outcome=Outcome("none", lambda: store_photo(held)))
    assert services.job_stop(job=held)
    held.refresh_from_db()
    assert held.state == Job.State.CANCELLED
    assert not Asset.objects.exists()


def test_a_cancelled_job_whose_worker_died_ends_cancelled(
    make_job: Callable[..., Job], user: Any
) -> None:
    held = claimed(make_job(user))
    services.job_cancel(job=held)
    Job.objects.update(lease_until=LONG_AGO)
    jobs.reap()
    held.refresh_from_db()
    assert held.state == Job.State.CANCELLED


def test_a_failed_job_can_be_tried_again_from_the_start(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    held = claimed(make_job(user))
    services.job_fail(job=held, reason=Refusal("no_face", which="target"))
    held.refresh_from_db()
    assert (held.state, held.error_code) == (Job.State.FAILED, "no_face")
    assert held.error_params == {"which": "target"}
    fake_broker.messages.clear()

    assert services.job_retry(job=held)
    held.refresh_from_db()
    assert (held.state, held.attempt, held.percent) == (Job.State.QUEUED, 0, 0)
    assert (held.error_code, held.error_params) == ("", {})
    assert list(fake_broker.messages) == [held.pk]
    assert claimed(held).attempt == 1


@pytest.mark.parametrize("end", ["done", "blocked"])
def test_what_is_done_or_blocked_stays_so(
    make_job: Callable[..., Job], user: Any, end: str
) -> None:
    held = claimed(make_job(user))
    if end == "done":
        services.job_finish(job=held, outcome=Outcome("none"))
    else:
        services.job_block(job=held, reason=Refusal("protected_face"))
    assert not services.job_retry(job=held)
    assert not services.job_cancel(job=held)
    held.refresh_from_db()
    assert held.state == end


def test_trying_again_counts_against_the_limit(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 1
    job = make_job(user)
    services.job_cancel(job=job)
    make_job(user)
    with pytest.raises(TooManyJobs):
        services.job_retry(job=job)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_a_passing_fault_is_tried_again_after_a_pause_and_only_so_often(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker, settings: Any
) -> None:
    job = make_job(user)
    pauses = []
    for attempt in range(1, settings.JOB_ATTEMPTS + 1):
        fake_broker.messages.clear()
        held = claimed(job)
        assert held.attempt == attempt
        assert services.job_release(job=held)
        job.refresh_from_db()
        if job.not_before is not None and job.state == Job.State.QUEUED:
            pauses.append((job.not_before - timezone.now()).total_seconds())
            assert jobs.dispatch_due() == 0
            Job.objects.update(not_before=LONG_AGO)
            assert jobs.dispatch_due() == 1
    assert job.state == Job.State.FAILED
    assert job.error_code == "too_many_attempts"
    assert pauses == [pytest.approx(5, abs=2), pytest.approx(10, abs=2)]


def test_a_stopping_worker_hands_its_job_back_without_an_attempt_lost(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    held = claimed(make_job(user))
    fake_broker.messages.clear()
    services.job_release(job=held, counted=False)
    held.refresh_from_db()
    assert (held.state, held.attempt) == (Job.State.QUEUED, 0)
    assert list(fake_broker.messages) == [held.pk]


def test_a_job_that_kills_its_workers_fails_after_three_with_a_reason(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    job = make_job(user)
    for attempt in range(1, 4):
        assert claimed(job).attempt == attempt
        Job.objects.update(lease_until=LONG_AGO)
        assert jobs.reap() == 1
    assert jobs.reap() == 0
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "too_many_attempts")
    assert "3 times" in sentence_of(job.error_code, job.error_params)
    assert services.job_claim(job.pk) is None


def test_a_living_lease_is_not_reaped(make_job: Callable[..., Job], user: Any) -> None:
    held = claimed(make_job(user))
    Job.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
    assert jobs.reap() == 0
    assert jobs.renew(held)
    held.refresh_from_db()
    assert held.lease_until is not None
    assert held.lease_until > timezone.now() + timedelta(seconds=5)


def test_a_broker_that_is_away_never_fails_the_request(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    fake_broker.is_away = True
    job = make_job(user)
    job.refresh_from_db()
    assert (job.state, job.dispatched_at) == (Job.State.QUEUED, None)
    assert jobs.dispatch_due() == 0
    fake_broker.is_away = False
    assert jobs.dispatch_due() == 1
    assert list(fake_broker.messages) == [job.pk]


def test_messages_lost_by_the_broker_are_sent_again(
    make_job: Callable[..., Job], user: Any, other_user: Any, fake_broker: FakeBroker
) -> None:
    waiting = [make_job(user), make_job(other_user)]
    fake_broker.messages.clear()
    assert jobs.dispatch_due() == 0, "they may still be on their way"
    Job.objects.update(dispatched_at=LONG_AGO)
    assert jobs.dispatch_due() == 2
    assert set(fake_broker.messages) == {job.pk for job in waiting}


def test_a_long_wait_breeds_no_duplicates(
    make_job: Callable[..., Job], user: Any, other_user: Any, fake_broker: FakeBroker
) -> None:
    for owner in (user, other_user):
        make_job(owner)
        make_job(owner)
    # One message has been taken by a worker that has not come to it yet.
    fake_broker.messages.popleft()
    for _ in range(50):
        Job.objects.update(dispatched_at=LONG_AGO)
        jobs.dispatch_due()
    assert len(fake_broker.messages) == 4


def test_a_job_of_an_erased_person_is_lost_to_its_worker(
    make_job: Callable[..., Job], user: Any
) -> None:
    held = claimed(make_job(user))
    user.delete()
    with pytest.raises(LeaseLost):
        services.job_finish(job=held, outcome=Outcome("none", lambda: store_photo(held)))
    assert not Asset.objects.exists()


def test_the_kind_is_named_in_plain_words(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    assert kinds.label(job.kind) == "Test work"
    assert kinds.label("gone") == "gone"


def test_a_refused_claim_counts_as_a_message_read(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker, settings: Any
) -> None:
    first, second = make_job(user), make_job(user)
    settings.JOBS_RUNNING_PER_PERSON = 1
    held = claimed(first)
    assert services.job_claim(second.pk) is None
    second.refresh_from_db()
    assert second.dispatched_at is None
    fake_broker.messages.clear()
    services.job_finish(job=held, outcome=Outcome("none"))
    assert list(fake_broker.messages) == [second.pk], "it is sent again when there is a place"


def test_a_job_whose_attempts_are_used_up_by_a_lower_limit_ends(
    make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker, settings: Any
) -> None:
    job = make_job(user)
    for _ in range(2):
        services.job_release(job=claimed(job))
    settings.JOB_ATTEMPTS = 2
    assert services.job_claim(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "too_many_attempts")
    fake_broker.messages.clear()
    Job.objects.update(not_before=LONG_AGO)
    assert jobs.dispatch_due() == 0
    assert not fake_broker.messages


def test_jobs_that_ended_long_ago_are_forgotten_but_for_those_that_have_their_result(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    kept, gone, recent, waiting = (make_job(user) for _ in range(4))
    services.job_finish(job=(held := claimed(kept)), outcome=Outcome("", lambda: store_photo(held)))
    for job in (gone, recent):
        services.job_fail(job=claimed(job), reason=Refusal("no_face"))
    Job.objects.filter(pk__in=[kept.pk, gone.pk]).update(finished_at=LONG_AGO)
    assert services.jobs_forget() == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {kept.pk, recent.pk, waiting.pk}
    settings.RETENTION_DAYS = 0
    Job.objects.filter(pk=recent.pk).update(finished_at=LONG_AGO)
    assert services.jobs_forget() == 0


def test_slow_work_of_one_person_is_sent_one_by_one_and_quick_work_in_twos(
    make_job: Callable[..., Job], user: Any, other_user: Any, fake_broker: FakeBroker
) -> None:
    make_job(user), make_job(user)
    assert len(fake_broker.messages) == 2
    fake_broker.messages.clear()
    make_job(other_user)
    Job.objects.for_user(other_user).update(expected_ms=60_000)
    make_job(other_user)
    assert len(fake_broker.messages) == 1, "a minute of theirs lies there already"
    services.job_claim(fake_broker.messages.popleft())
    assert len(fake_broker.messages) == 1, "a worker has taken it"


def test_what_a_kind_takes_is_learned_from_its_last_runs(
    make_job: Callable[..., Job], user: Any
) -> None:
    assert make_job(user).expected_ms == 1000
    for _ in range(5):
        Job.objects.create(
            owner=user,
            kind=KIND,
            recipe={},
            state=Job.State.DONE,
            started_at=LONG_AGO,
            finished_at=LONG_AGO + timedelta(seconds=7),
        )
    jobs.forget_learned()
    assert jobs.expected_ms(kind=KIND) == 7000
    assert jobs.expected_ms(kind="another") == 1000
    assert make_job(user).expected_ms == 7000


def test_the_clocks_messages_expire_before_the_next_ones() -> None:
    schedule: dict[str, Any] = site.CELERY_BEAT_SCHEDULE
    for name, entry in schedule.items():
        every = entry["schedule"]
        assert 0 < entry["options"]["expires"] <= (every if isinstance(every, float) else 3600), (
            name
        )
