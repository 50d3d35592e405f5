"""Several workers and several requests at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.db import connection

from faceweb.work import services
from faceweb.work.errors import TooManyJobs
from faceweb.work.kinds import PartPlan, Split
from faceweb.work.models import Job, JobPart
from faceweb.work.parts import job_split, part_finish, parts
from faceweb.work.queue import jobs
from tests.work.conftest import KIND, FakeBroker, Work

pytestmark = pytest.mark.usefixtures("parallel_database")

AT_ONCE = 10
T = TypeVar("T")


def at_once(act: Callable[[int], T], threads: int = AT_ONCE) -> list[T]:
    """``act`` in so many threads, begun together, each with its own connection."""
    barrier = Barrier(threads)

    def run(number: int) -> T:
        try:
            barrier.wait(timeout=10)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_ten_copies_of_a_message_start_one_run(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    claims = at_once(lambda _: services.job_claim(job.pk))
    assert sum(claim is not None for claim in claims) == 1
    job.refresh_from_db()
    assert job.attempt == 1


def test_workers_at_the_same_moment_do_not_exceed_a_persons_share(
    make_job: Callable[..., Job], user: Any
) -> None:
    jobs = [make_job(user) for _ in range(AT_ONCE)]
    claims = at_once(lambda number: services.job_claim(jobs[number].pk))
    assert sum(claim is not None for claim in claims) == 2
    assert Job.objects.running().count() == 2


def test_requests_at_the_same_moment_do_not_exceed_the_queue_limit(
    make_job: Callable[..., Job], user: Any, settings: Any
) -> None:
    settings.JOBS_QUEUED_PER_PERSON = 4

    def create(_: int) -> bool:
        try:
            services.job_create(owner=user, kind=KIND, recipe={})
        except TooManyJobs:
            return False
        return True

    make_job(user)
    assert sum(at_once(create)) == 3
    assert Job.objects.queued().count() == 4


def test_twenty_equal_posts_at_once_make_one_job(
    work: Work, fake_broker: FakeBroker, user: Any
) -> None:
    def create(_: int) -> Any:
        return services.job_create(
            owner=user, kind=KIND, recipe={"photo": 1}, once="of this form"
        ).pk

    assert len(set(at_once(create, threads=20))) == 1
    assert Job.objects.count() == 1
    assert len(fake_broker.messages) == 1


def test_another_request_of_the_same_form_and_the_same_of_another_are_jobs_of_their_own(
    work: Work, fake_broker: FakeBroker, user: Any, other_user: Any
) -> None:
    def create(owner: Any, smile: int, once: str) -> Any:
        return services.job_create(owner=owner, kind=KIND, recipe={"smile": smile}, once=once).pk

    first = create(user, 10, "a")
    assert create(user, 10, "a") == first
    made = {first, create(user, 20, "a"), create(user, 10, "b"), create(other_user, 10, "a")}
    assert len(made) == 4
    assert create(user, 10, "") != create(user, 10, ""), "without a key each is its own"


def test_the_last_parts_of_a_phase_ending_at_once_start_the_next_once(
    work: Work, make_job: Callable[..., Job], user: Any
) -> None:
    job = services.job_claim(make_job(user).pk)
    assert job is not None
    plans = [PartPlan(1, {"number": number}) for number in range(AT_ONCE)]
    job_split(job=job, split=Split([*plans, PartPlan(2, {})]))
    held = [parts.claim(part.pk) for part in JobPart.objects.filter(phase=1)]

    def finish(number: int) -> None:
        part = held[number]
        assert part is not None
        part_finish(part=part, made={})

    at_once(finish)
    job.refresh_from_db()
    assert (job.state, job.phase) == (Job.State.RUNNING, 2)
    following = JobPart.objects.get(phase=2)
    assert sum(claim is not None for claim in at_once(lambda _: parts.claim(following.pk))) == 1


def test_two_reapers_take_a_job_back_once(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    assert services.job_claim(job.pk)
    Job.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert sum(at_once(lambda _: jobs.reap())) == 1
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.QUEUED, 1)


def test_cancel_against_claim_leaves_no_job_in_between(
    make_job: Callable[..., Job], make_user: Callable[..., Any]
) -> None:
    jobs = [make_job(make_user(f"person{number}@example.org")) for number in range(AT_ONCE // 2)]

    def act(number: int) -> None:
        job = jobs[number // 2]
        if number % 2:
            services.job_cancel(job=job)
        else:
            services.job_claim(job.pk)

    at_once(act)
    for job in Job.objects.all():
        assert job.state == Job.State.CANCELLED or (
            job.state == Job.State.RUNNING and job.cancel_requested
        )
