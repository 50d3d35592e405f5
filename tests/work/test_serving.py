"""Who is served when, and whether the page's place in the queue is the truth."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceweb.work import services
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from faceweb.work.serving import Waiting, Working, serving_order
from tests.work.conftest import KIND, FakeBroker


def serve(broker: FakeBroker, at_most: int = 1_000) -> list[UUID]:
    """One worker, job after job, until nothing is left; returns the order of starting."""
    order: list[UUID] = []
    while broker.messages and len(order) < at_most:
        job = services.job_claim(broker.messages.popleft())
        if job is not None:
            order.append(job.pk)
            services.job_finish(job=job, outcome=Outcome("none"))
    return order


@pytest.mark.django_db(transaction=True)
def test_five_hundred_jobs_of_one_person_do_not_starve_ten_others(
    make_job: Callable[..., Job], make_user: Callable[..., Any], fake_broker: FakeBroker
) -> None:
    flooder = make_user("flood@example.org")
    Job.objects.bulk_create(Job(owner=flooder, kind=KIND, recipe={}) for _ in range(500))
    jobs.dispatch_due()
    small = [make_job(make_user(f"small{number}@example.org")).pk for number in range(10)]
    assert len(fake_broker.messages) == 12

    order = serve(fake_broker, at_most=30)

    # Before them go the flooder's two that were sent first, and nothing more.
    assert order[2:12] == small
    assert Job.objects.for_user(flooder).filter(state=Job.State.DONE).count() == 20


@pytest.mark.django_db(transaction=True)
def test_the_place_on_the_page_is_the_place_of_service(
    make_job: Callable[..., Job], make_user: Callable[..., Any], fake_broker: FakeBroker
) -> None:
    people = [make_user(f"person{number}@example.org") for number in range(4)]
    for person in (0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 1, 0, 3, 3, 1):
        make_job(people[person])
    places = {job.pk: services.job_place(job) for job in Job.objects.queued()}
    assert sorted(place for place in places.values() if place) == list(range(1, 16))

    order = serve(fake_broker)

    assert sorted(places, key=lambda pk: places[pk] or 0) == order


@pytest.mark.django_db(transaction=True)
def test_only_a_waiting_job_has_a_place(make_job: Callable[..., Job], user: Any) -> None:
    job = make_job(user)
    behind = make_job(user)
    assert (services.job_place(job), services.job_place(behind)) == (1, 2)
    running = services.job_claim(job.pk)
    assert running is not None
    assert services.job_place(running) is None
    assert services.job_place(behind) == 1


@given(
    owners=st.lists(st.integers(0, 4), max_size=30),
    running=st.lists(st.integers(0, 4), max_size=4),
    window=st.integers(1, 3),
)
def test_everybody_is_served_once_and_nobody_is_kept_from_their_turn(
    owners: list[int], running: list[int], window: int
) -> None:
    queued = [Waiting(number, owner) for number, owner in enumerate(owners)]
    at_work = map(Working, running)
    order = list(serving_order(at_work, queued, places=window, share_ms=2000))
    assert sorted(order) == list(range(len(owners)))  # type: ignore[type-var]
    served: defaultdict[int, list[Any]] = defaultdict(list)
    for job in order:
        served[owners[job]].append(job)  # type: ignore[call-overload]
    assert all(jobs == sorted(jobs) for jobs in served.values()), "each person's oldest goes first"


def test_with_idle_workers_the_first_two_of_each_go_before_the_third_of_any() -> None:
    queued = [Waiting(owner + str(turn), owner) for owner in "abc" for turn in range(5)]
    order = [str(job) for job in serving_order([], queued, places=2, share_ms=2000)]
    assert sorted(order[:6]) == ["a0", "a1", "b0", "b1", "c0", "c1"]
    assert sorted(order[6:12]) == ["a2", "a3", "b2", "b3", "c2", "c3"]
