"""Several workers and several requests at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.db import connection

from faceweb.work import services
from faceweb.work.errors import TooManyJobs
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from tests.work.conftest import KIND

pytestmark = pytest.mark.usefixtures("parallel_database")

AT_ONCE = 10
T = TypeVar("T")


def at_once(act: Callable[[int], T]) -> list[T]:
    """``act`` in AT_ONCE threads, begun together, each with its own connection."""
    barrier = Barrier(AT_ONCE)

    def run(number: int) -> T:
        try:
            barrier.wait(timeout=10)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


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
