"""Everything that may happen to jobs, in any order: messages doubled, late and lost, workers that
die, come back as ghosts or give up, people who cancel and try again, a broker that goes away."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from faceweb.core.durable.errors import LeaseLost
from faceweb.media.models import Asset
from faceweb.work import progress, services
from faceweb.work.errors import JobCancelled, TooManyJobs
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from models.refusals import Refusal
from tests.work.conftest import KIND, FakeBroker, Work, store_photo

PEOPLE = 2
QUEUED_PER_PERSON = 3
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
pick = st.integers(min_value=0, max_value=1_000)


class JobMachine(RuleBasedStateMachine):
    """Drives the services as people, workers, beat and a bad network would."""

    broker: FakeBroker

    def __init__(self) -> None:
        super().__init__()
        # Whoever claimed a job and has not ended it, whether the lease still is theirs or not.
        self.workers: list[Job] = []
        self.versions: dict[UUID, int] = {}
        self.ended: dict[UUID, str] = {}

    @initialize()
    def begin(self) -> None:
        self.broker.messages.clear()
        self.broker.is_away = False
        make = get_user_model().objects.create_user
        self.people = [make(f"person{number}@example.org") for number in range(PEOPLE)]

    # --- people
    @precondition(lambda self: Job.objects.count() < 8)
    @rule(who=pick)
    def create(self, who: int) -> None:
        person = self.people[who % PEOPLE]
        waiting = Job.objects.for_user(person).queued().count()
        try:
            services.job_create(owner=person, kind=KIND, recipe={})
        except TooManyJobs:
            assert waiting == QUEUED_PER_PERSON
        else:
            assert waiting < QUEUED_PER_PERSON

    @precondition(lambda self: Job.objects.exists())
    @rule(which=pick, wish=st.sampled_from(["cancel", "retry"]))
    def change_ones_mind(self, which: int, wish: str) -> None:
        job = self.any_job(which)
        if wish == "cancel":
            assert services.job_cancel(job=job) == (not job.is_finished)
            return
        try:
            retried = services.job_retry(job=job)
        except TooManyJobs:
            return
        assert retried == (job.state in {"failed", "cancelled"})
        if retried:
            del self.ended[job.pk]

    # --- workers
    @precondition(lambda self: self.broker.messages)
    @rule(which=pick)
    def deliver(self, which: int) -> None:
        position = which % len(self.broker.messages)
        job_id = self.broker.messages[position]
        del self.broker.messages[position]
        self.claim(job_id)

    @precondition(lambda self: Job.objects.exists())
    @rule(which=pick)
    def deliver_what_nobody_sent(self, which: int) -> None:
        self.claim(self.any_job(which).pk)

    @precondition(lambda self: self.workers)
    @rule(which=pick, percent=st.integers(min_value=0, max_value=99))
    def report(self, which: int, percent: int) -> None:
        job = self.workers[which % len(self.workers)]
        held = Job.objects.held_by(job).exists()
        before = Job.objects.get(pk=job.pk).percent
        try:
            services.job_progress(job=job, stage="Working", percent=percent)
        except LeaseLost:
            assert not held
            self.workers.remove(job)
        except JobCancelled:
            self.workers.remove(job)
            assert services.job_stop(job=job)
        else:
            assert held
            assert Job.objects.get(pk=job.pk).percent == max(before, percent)

    @precondition(lambda self: self.workers)
    @rule(which=pick)
    def finish(self, which: int) -> None:
        self.end(self.workers[which % len(self.workers)])

    @precondition(lambda self: self.workers)
    @rule(which=pick, how=st.sampled_from(["fail", "block", "fault", "shutdown"]))
    def give_up(self, which: int, how: str) -> None:
        job = self.workers.pop(which % len(self.workers))
        held = Job.objects.held_by(job).exists()
        if how == "fail":
            done = services.job_fail(job=job, reason=Refusal("test"))
        elif how == "block":
            done = services.job_block(job=job, reason=Refusal("test"))
        else:
            done = services.job_release(job=job, counted=how == "fault")
        assert done == held

    @precondition(lambda self: self.workers)
    @rule(which=pick, is_dead=st.booleans(), is_taken_over=st.booleans())
    def stall(self, which: int, is_dead: bool, is_taken_over: bool) -> None:
        """The worker dies, or hangs until its lease runs out and may yet wake up and go on."""
        job = self.workers[which % len(self.workers)]
        Job.objects.filter(pk=job.pk, lease_token=job.lease_token).update(lease_until=LONG_AGO)
        if is_dead:
            self.workers.remove(job)
        if is_taken_over:
            self.sweep()
            self.claim(job.pk)

    # --- clock and broker
    @rule()
    def sweep(self) -> None:
        running = Job.objects.running().count()
        late = Job.objects.running().filter(lease_until=LONG_AGO).count()
        assert jobs.reap() == late
        assert Job.objects.running().count() == running - late
        jobs.dispatch_due()

    @rule()
    def wait(self) -> None:
        Job.objects.filter(dispatched_at__isnull=False).update(dispatched_at=LONG_AGO)
        Job.objects.filter(not_before__isnull=False).update(not_before=LONG_AGO)

    @rule(what=st.sampled_from(["goes away", "comes back", "loses all", "doubles all"]))
    def broker_trouble(self, what: str) -> None:
        if what == "loses all":
            self.broker.messages.clear()
        elif what == "doubles all":
            self.broker.messages.extend(list(self.broker.messages)[:30])
        else:
            self.broker.is_away = what == "goes away"

    # --- what always holds
    @invariant()
    def rows_are_sound(self) -> None:
        running: dict[Any, int] = {}
        tokens = set()
        for job in Job.objects.all():
            assert job.attempt <= 3
            assert job.version >= self.versions.get(job.pk, 0)
            self.versions[job.pk] = job.version
            is_running = job.state == Job.State.RUNNING
            assert (job.lease_token is not None) == is_running
            if is_running:
                assert job.lease_token not in tokens
                tokens.add(job.lease_token)
                running[job.owner_id] = running.get(job.owner_id, 0) + 1
            if job.is_finished:
                assert self.ended.setdefault(job.pk, job.state) == job.state
                assert job.finished_at is not None
            else:
                assert job.pk not in self.ended, "an ended job came back to life"
            assert (job.result_id is not None) == (job.state == Job.State.DONE)
            if job.state == Job.State.FAILED:
                assert job.error_code
        assert max(running.values(), default=0) <= 2
        assert Asset.objects.count() == Job.objects.filter(state=Job.State.DONE).count()

    def teardown(self) -> None:
        """Whatever went wrong: once the network is well again, every job comes to an end."""
        self.broker.is_away = False
        Job.objects.running().update(lease_until=LONG_AGO)
        self.workers.clear()
        for _ in range(4 * PEOPLE * QUEUED_PER_PERSON):
            self.wait()
            jobs.reap()
            jobs.dispatch_due()
            while self.broker.messages:
                self.claim(self.broker.messages.popleft())
                for job in list(self.workers):
                    self.end(job)
            if not Job.objects.unfinished().exists():
                break
        self.rows_are_sound()
        left = Job.objects.unfinished().count()
        Job.objects.all().delete()
        Asset.objects.all().delete()
        get_user_model().objects.all().delete()
        assert left == 0

    # --- parts
    def any_job(self, which: int) -> Job:
        jobs = list(Job.objects.order_by("created_at", "pk"))
        return jobs[which % len(jobs)]

    def claim(self, job_id: UUID) -> None:
        job = services.job_claim(job_id)
        if job is not None:
            self.workers.append(job)

    def end(self, job: Job) -> None:
        self.workers.remove(job)
        row = Job.objects.get(pk=job.pk)
        held = row.state == Job.State.RUNNING and row.lease_token == job.lease_token
        before = Asset.objects.count()
        try:
            services.job_finish(job=job, outcome=Outcome("none", lambda: store_photo(job)))
        except LeaseLost:
            assert not held
            assert Asset.objects.count() == before
        except JobCancelled:
            assert row.cancel_requested
            assert Asset.objects.count() == before
            assert services.job_stop(job=job)
        else:
            assert held
            assert Asset.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_any_order_of_events_keeps_every_promise(
    fake_broker: FakeBroker, work: Work, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No page is open, and telling none of them takes longer than the rest.
    monkeypatch.setattr(progress, "_send", lambda group, message: None)
    settings.JOBS_QUEUED_PER_PERSON = QUEUED_PER_PERSON
    JobMachine.broker = fake_broker
    run_state_machine_as_test(JobMachine, settings=MACHINE)


MACHINE = settings(
    max_examples=20,
    stateful_step_count=35,
    deadline=None,
    database=None,
    # Shrinking repeats the whole run hundreds of times; the steps printed are short enough.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
