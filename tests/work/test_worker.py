"""One job from its message to its end, whatever its work does."""

import errno
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from faceweb.core.durable import lease, stopping
from faceweb.core.durable.lease import Lease
from faceweb.core.words import remedy_of, sentence_of
from faceweb.media.errors import IntakeError, ResultBlocked, ScreeningFailed
from faceweb.media.models import Asset
from faceweb.moderation.screening.screener import PictureScreener
from faceweb.work import kinds, services, worker
from faceweb.work.errors import JobBlocked, JobError
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from faceweb.work.reporter import Reporter
from tests.work.conftest import FakeBroker, SteeredKind, Work, store_photo

pytestmark = pytest.mark.django_db(transaction=True)


def do(job: Job) -> Job:
    """Let a worker take the job's message; returns the row as it is then."""
    worker.job_work(job.pk)
    job.refresh_from_db()
    return job


def raising(error: BaseException) -> Callable[[Job, Reporter], Outcome]:
    def run(job: Job, reporter: Reporter) -> Outcome:
        raise error

    return run


def test_a_job_is_worked_on_once_and_ends_done(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    seen: list[tuple[str, int]] = []

    def run(job: Job, reporter: Reporter) -> Outcome:
        for stage, fraction in (("Opening", 0.0), ("Swapping", 0.5)):
            reporter.stage(stage, fraction)
            row = Job.objects.get(pk=job.pk)
            seen.append((row.stage_key, row.percent))
        return Outcome("classic", lambda: store_photo(job))

    work.run = run
    job = make_job(user)
    do(job)
    do(job)
    assert seen == [("Opening", 0), ("Swapping", 50)]
    assert (job.state, job.percent) == (Job.State.DONE, 100)
    assert work.started == [job.pk]
    assert Asset.objects.count() == 1


def test_a_message_for_no_job_is_let_go(work: Work) -> None:
    worker.job_work(uuid4())
    assert not work.started


@pytest.mark.parametrize("stages", [1, 50], ids=["one stage", "many stages"])
def test_the_row_is_written_twice_a_second(
    make_job: Callable[..., Job],
    user: Any,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
    stages: int,
) -> None:
    clock = [1000.0]
    writes: list[float] = []

    def write(**given: Any) -> None:
        writes.append(clock[0])
        services.job_progress(**given)

    monkeypatch.setattr("faceweb.work.lease_reporter.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("faceweb.work.worker.job_progress", write)
    monkeypatch.setattr(Lease, "is_overdue", False)

    def run(job: Job, reporter: Reporter) -> Outcome:
        for step in range(200):
            clock[0] += 0.01
            reporter.stage(f"Swapping {step % stages}", step / 200)
        return Outcome("none")

    work.run = run
    do(make_job(user))
    assert 4 <= len(writes) <= 5
    assert all(third - first >= 0.99 for first, third in zip(writes, writes[2:], strict=False)), (
        "never three within one second"
    )


@pytest.mark.usefixtures("parallel_database")
def test_a_stage_that_says_nothing_more_is_shown_all_the_same(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    shown: list[tuple[str, int]] = []

    def run(job: Job, reporter: Reporter) -> Outcome:
        for number, stage in enumerate(("Opening", "Swapping", "Saving")):
            reporter.stage(stage, number / 4)
        deadline = time.monotonic() + 5
        while Job.objects.get(pk=job.pk).stage_key != "Saving" and time.monotonic() < deadline:
            time.sleep(0.05)
        shown.append(Job.objects.values_list("stage_key", "percent").get(pk=job.pk))
        return Outcome("none")

    work.run = run
    do(make_job(user))
    assert shown == [("Saving", 50)]


def test_what_the_owner_can_understand_is_told_to_them(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    work.run = raising(JobError("quota_photos", limit=7))
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.FAILED, "quota_photos")
    assert job.error_params == {"limit": 7}


def test_what_may_not_be_done_ends_blocked(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    work.run = raising(JobBlocked("screened"))
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.BLOCKED, "screened")
    assert not job.can_retry


def test_a_result_that_must_not_be_kept_ends_blocked_with_its_reason(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    work.run = raising(ResultBlocked("result_nudity"))
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.BLOCKED, "result_nudity")
    assert job.result is None


def test_a_result_that_could_not_be_screened_can_be_tried_again(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    work.run = raising(ScreeningFailed())
    assert do(make_job(user)).can_retry


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "no space left on device"), "disk_full"),
        (MemoryError(), "out_of_memory"),
        (IntakeError("quota_photos", limit=7), "quota_photos"),
        (ScreeningFailed("secret.jpg"), "not_screened"),
        (ZeroDivisionError("secret.jpg"), "internal"),
    ],
)
def test_a_fault_that_will_not_pass_fails_the_job_with_a_sentence(
    make_job: Callable[..., Job],
    user: Any,
    work: Work,
    error: Exception,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work.run = raising(error)
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.FAILED, code)
    assert sentence_of(job.error_code, job.error_params)
    assert remedy_of(job.error_code, job.error_params)
    assert "secret" not in caplog.text


def test_the_log_says_where_an_unknown_fault_was_raised(
    make_job: Callable[..., Job], user: Any, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    work.run = raising(ZeroDivisionError("olive@example.org"))
    job = do(make_job(user))
    assert "ZeroDivisionError" in caplog.text
    assert "test_worker.py" in caplog.text
    assert str(job.pk) in caplog.text
    assert "olive" not in caplog.text


@pytest.mark.parametrize("fault", [ConnectionResetError(), OperationalError(), TimeoutError()])
def test_a_fault_that_may_pass_is_tried_again(
    make_job: Callable[..., Job], user: Any, work: Work, fault: Exception
) -> None:
    work.run = raising(fault)
    job = do(make_job(user))
    assert (job.state, job.attempt) == (Job.State.QUEUED, 1)
    assert job.not_before is not None
    Job.objects.update(not_before=None)
    work.run = lambda job, reporter: Outcome("none")
    do(job)
    assert (job.state, job.attempt) == (Job.State.DONE, 2)


def test_a_result_that_does_not_fit_on_the_disk_leaves_nothing_behind(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    def save(job: Job) -> Asset:
        store_photo(job)
        raise OSError(errno.ENOSPC, "no space left on device")

    work.run = lambda job, reporter: Outcome("none", lambda: save(job))
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.FAILED, "disk_full")
    assert not Asset.objects.exists()


def test_a_database_that_restarts_while_a_job_ends_is_waited_out(
    make_job: Callable[..., Job], user: Any, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OperationalError(), OperationalError()]
    real = services.job_finish

    def finish(**given: Any) -> None:
        if faults:
            raise faults.pop()
        real(**given)

    monkeypatch.setattr(worker, "job_finish", finish)
    monkeypatch.setattr("faceweb.core.durable.running.time.sleep", lambda seconds: None)
    # An in-memory database would be gone with its connection.
    monkeypatch.setattr(connection, "close", lambda: None)
    work.run = lambda job, reporter: Outcome("none", lambda: store_photo(job))
    job = do(make_job(user))
    assert (job.state, job.attempt) == (Job.State.DONE, 1)


def test_a_job_of_a_kind_that_is_gone_fails(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    kinds.unregister(job.kind)
    assert do(job).error_code == "internal"


def test_cancelling_stops_the_work_at_its_next_stage(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    reached = []

    def run(job: Job, reporter: Reporter) -> Outcome:
        reporter.stage("First", 0.1)
        services.job_cancel(job=job)
        reporter.stage("Second", 0.5)
        reached.append(job.pk)
        return Outcome("none", lambda: store_photo(job))

    work.run = run
    job = do(make_job(user))
    assert job.state == Job.State.CANCELLED
    assert not reached
    assert not Asset.objects.exists()


def test_a_worker_that_lost_its_job_stops_and_leaves_it_alone(
    make_job: Callable[..., Job], user: Any, work: Work
) -> None:
    def run(job: Job, reporter: Reporter) -> Outcome:
        Job.objects.filter(pk=job.pk).update(lease_until="2020-01-01T00:00:00Z")
        jobs.reap()
        reporter.stage("Too late", 0.5)
        raise AssertionError("it went on without a lease")

    work.run = run
    job = do(make_job(user))
    assert (job.state, job.stage_key, job.attempt) == (Job.State.QUEUED, "", 1)


def test_a_stopping_worker_hands_its_job_back(
    make_job: Callable[..., Job], user: Any, work: Work, fake_broker: FakeBroker
) -> None:
    def run(job: Job, reporter: Reporter) -> Outcome:
        stopping.begin(grace=60)
        reporter.stage("There is time to finish", 0.3)
        stopping.begin(grace=0)
        reporter.stage("There is none", 0.6)
        raise AssertionError("it went on after its time was up")

    work.run = run
    job = make_job(user)
    fake_broker.messages.clear()
    do(job)
    assert (job.state, job.attempt) == (Job.State.QUEUED, 0)
    assert list(fake_broker.messages) == [job.pk]


def test_a_job_over_its_time_is_ended_at_its_next_stage(
    make_job: Callable[..., Job], user: Any, work: Work, settings: Any
) -> None:
    settings.JOB_TIME_LIMIT_SECONDS = 0.01

    def run(job: Job, reporter: Reporter) -> Outcome:
        time.sleep(0.05)
        reporter.stage("On and on", 0.5)
        raise AssertionError("it went on over its time")

    work.run = run
    job = do(make_job(user))
    assert (job.state, job.error_code) == (Job.State.FAILED, "time_limit")


def test_a_stuck_job_ends_its_worker(
    make_job: Callable[..., Job], user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JOB_TIME_LIMIT_SECONDS = 0.05
    ended = threading.Event()
    monkeypatch.setattr(lease, "WATCHDOG_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(lease, "end_process", ended.set)
    job = services.job_claim(make_job(user).pk)
    assert job is not None
    with Lease(jobs, job):
        assert ended.wait(timeout=5)


@pytest.mark.usefixtures("parallel_database")
def test_the_lease_is_renewed_while_the_work_goes_on_and_its_loss_is_noticed(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    settings.JOB_LEASE_SECONDS = 0.3
    job = services.job_claim(make_job(user).pk)
    assert job is not None
    with Lease(jobs, job) as held:
        time.sleep(0.8)
        assert jobs.reap() == 0
        assert not held.is_lost
        row = Job.objects.get(pk=job.pk)
        assert row.lease_until is not None
        assert row.lease_until > timezone.now()
        Job.objects.update(lease_token=uuid4())
        deadline = time.monotonic() + 5
        while not held.is_lost and time.monotonic() < deadline:
            time.sleep(0.02)
        assert held.is_lost


def test_warming_up_reaches_every_kind_though_one_of_them_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kinds, "_kinds", {})
    warmed: list[str] = []

    def broken() -> None:
        raise OSError("weights are missing")

    def ready() -> None:
        warmed.append("ready")

    kinds.register(SteeredKind("broken", "Broken", Work(), broken))
    kinds.register(SteeredKind("ready", "Ready", Work(), ready))
    monkeypatch.setattr(PictureScreener, "warm_up", lambda self: warmed.append("screening"))
    worker.warm_up()
    assert warmed == ["ready", "screening"]


def test_two_kinds_cannot_share_a_name(work: Work) -> None:
    with pytest.raises(ValueError, match="registered already"):
        kinds.register(SteeredKind("test", "Another", work))


def test_nudges_that_cannot_be_sent_do_not_disturb_the_work(
    make_job: Callable[..., Job],
    user: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NoLayer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise ConnectionRefusedError("redis at 10.0.0.1")

    monkeypatch.setattr("faceweb.work.progress.get_channel_layer", NoLayer)
    with caplog.at_level(logging.WARNING):
        assert do(make_job(user)).state == Job.State.DONE
    assert "ConnectionRefusedError" in caplog.text
    assert "10.0.0.1" not in caplog.text
