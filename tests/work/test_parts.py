"""Long jobs in parts: phases, their order, progress, cancelling, failing, trying again."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from faceweb.core.durable.errors import LeaseLost
from faceweb.work import parts as work_parts
from faceweb.work import services, worker
from faceweb.work.errors import JobCancelled, JobError
from faceweb.work.kinds import Outcome, PartPlan, Split
from faceweb.work.models import Job, JobPart
from faceweb.work.parts import part_finish, part_progress, parts, parts_percent
from faceweb.work.queue import jobs
from faceweb.work.reporter import Reporter
from tests.work.conftest import FakeBroker, Work, store_photo

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PLANS = [PartPlan(1, {"n": 1}), PartPlan(1, {"n": 2}, weight=3), PartPlan(2, {"n": 3})]


@pytest.fixture
def long_work(work: Work) -> Work:
    """A job of two parts, then one, then a picture."""

    def run(job: Job, reporter: Reporter) -> Outcome | Split:
        if job.phase == 0:
            return Split(PLANS)
        made = [part.made["square"] for part in JobPart.objects.filter(job=job)]
        return Outcome("none", lambda: store_photo(job), figures={"squares": made})

    def part_run(part: JobPart, reporter: Reporter) -> Mapping[str, Any]:
        reporter.stage("stage_saving", 0.5)
        return {"square": part.what["n"] ** 2}

    work.run = run
    work.part_run = part_run
    return work


def deliver(broker: FakeBroker, at_most: int = 100) -> list[str]:
    """One worker, message after message; returns what it was given."""
    seen: list[str] = []
    while broker.sent and len(seen) < at_most:
        task, row_id = broker.sent.popleft()
        broker.messages.popleft()
        seen.append(task.rpartition(".")[2])
        (worker.part_work if task.endswith("part_run") else worker.job_work)(row_id)
    return seen


def split(job: Job, broker: FakeBroker) -> list[JobPart]:
    """A job whose run has just divided it."""
    assert deliver(broker, at_most=1) == ["job_run"]
    job.refresh_from_db()
    assert (job.state, job.phase, job.lease_token) == (Job.State.RUNNING, 1, None)
    return list(JobPart.objects.filter(job=job))


def claimed(part: JobPart) -> JobPart:
    found = parts.claim(part.pk)
    assert found is not None
    return found


def test_all_parts_are_worked_on_phase_after_phase_and_then_the_job_is_done(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    seen = deliver(fake_broker)
    job.refresh_from_db()
    assert seen == ["job_run", "part_run", "part_run", "part_run", "job_run"]
    assert (job.state, job.percent, job.made) == (Job.State.DONE, 100, Job.Made.PICTURE)
    assert job.figures == {"version": 1, "squares": [1, 4, 9]}
    assert job.result is not None


def test_a_part_of_a_later_phase_cannot_be_taken_before_its_time(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    first, second, third = split(make_job(user), fake_broker)
    assert parts.claim(third.pk) is None
    part_finish(part=claimed(first), made={})
    assert parts.claim(third.pk) is None
    part_finish(part=claimed(second), made={})
    claimed(third)


def test_a_doubled_message_of_a_part_finds_nothing(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    first, *_ = split(make_job(user), fake_broker)
    claimed(first)
    assert parts.claim(first.pk) is None


def test_progress_is_the_weighted_sum_and_the_page_sees_at_most_two_steps_a_second(
    long_work: Work,
    make_job: Callable[..., Job],
    user: Any,
    fake_broker: FakeBroker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert timedelta(seconds=0.5) <= work_parts.BETWEEN_STEPS
    # However slow the machine is that the test runs on, the second step is too early.
    monkeypatch.setattr(work_parts, "BETWEEN_STEPS", timedelta(hours=1))
    job = make_job(user)
    first, second, _ = split(job, fake_broker)
    held = claimed(first), claimed(second)
    job.refresh_from_db()
    version = job.version
    for percent in range(0, 101, 10):
        for part in held:
            part_progress(part=part, stage="stage_saving", percent=percent)
    job.refresh_from_db()
    assert job.version == version + 1
    assert parts_percent(job.pk) == 95 * 4 // 5
    Job.objects.update(progressed_at=LONG_AGO)
    part_progress(part=held[0], stage="stage_saving", percent=50)
    job.refresh_from_db()
    assert (job.percent, job.version) == (76, version + 2), "it never falls"


def test_cancelling_reaches_every_part(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    first, second, _ = split(job, fake_broker)
    held = claimed(first)
    assert services.job_cancel(job=job)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    with pytest.raises(LeaseLost):
        part_progress(part=held, stage="stage_saving", percent=50)
    with pytest.raises(LeaseLost):
        part_finish(part=held, made={})
    assert parts.claim(second.pk) is None
    assert parts.dispatch_due() == 0
    deliver(fake_broker)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_a_part_claimed_while_its_job_was_cancelled_stops_at_its_next_stage(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    first, *_ = split(job, fake_broker)
    held = claimed(first)
    Job.objects.update(state=Job.State.CANCELLED)
    with pytest.raises(JobCancelled):
        part_progress(part=held, stage="stage_saving", percent=50)


def test_a_failed_part_fails_the_job_and_only_what_was_not_done_is_repeated(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    worked: list[int] = []
    good = long_work.part_run

    def second_breaks(part: JobPart, reporter: Reporter) -> Mapping[str, Any]:
        worked.append(part.what["n"])
        if part.what["n"] == 2 and worked.count(2) == 1:
            raise JobError("no_face")
        return good(part, reporter)

    long_work.part_run = second_breaks
    deliver(fake_broker)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "no_face")
    assert 0 < job.percent < 95

    assert services.job_retry(job=job)
    deliver(fake_broker)
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    assert worked == [1, 2, 2, 3]
    assert len(long_work.started) == 2, "it was planned once, and made of its parts once"


def test_a_job_that_fails_when_its_parts_are_done_repeats_none_of_them(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    good, asked = long_work.run, []

    def breaks_once(job: Job, reporter: Reporter) -> Any:
        asked.append(job.phase)
        if asked == [0, 3]:
            raise JobError("disk_full")
        return good(job, reporter)

    long_work.run = breaks_once
    deliver(fake_broker)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "disk_full")
    services.job_retry(job=job)
    seen = deliver(fake_broker)
    job.refresh_from_db()
    assert (job.state, seen) == (Job.State.DONE, ["job_run"])


def test_a_lost_worker_of_a_part_is_replaced_and_three_are_enough(
    long_work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    job = make_job(user)
    first, second, _ = split(job, fake_broker)
    other = claimed(second)
    for attempt in range(1, 4):
        assert claimed(first).attempt == attempt
        JobPart.objects.filter(pk=first.pk).update(lease_until=LONG_AGO)
        assert parts.reap() == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "too_many_attempts")
    with pytest.raises(LeaseLost):
        part_progress(part=other, stage="stage_saving", percent=1)


def test_a_divided_job_counts_as_at_work_and_is_not_reaped(
    long_work: Work,
    make_job: Callable[..., Job],
    user: Any,
    fake_broker: FakeBroker,
    settings: Any,
) -> None:
    settings.JOBS_RUNNING_PER_PERSON = 1
    job = make_job(user)
    split(job, fake_broker)
    waiting = make_job(user)
    assert services.job_claim(waiting.pk) is None
    assert jobs.reap() == 0


def test_parts_of_one_person_lie_at_the_broker_for_a_few_seconds_of_work_only(
    work: Work, make_job: Callable[..., Job], user: Any, fake_broker: FakeBroker
) -> None:
    plans = [PartPlan(1, {"n": number}, seconds=0.5) for number in range(100)]
    work.run = lambda job, reporter: Split(plans)
    make_job(user)
    assert deliver(fake_broker, at_most=1) == ["job_run"]
    assert len(fake_broker.messages) == 4
    parts.claim(fake_broker.messages[0])
    assert len(fake_broker.messages) == 5
