"""A broker one can look into, a kind of work one can steer, a database for several threads."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection

from faceweb.core.durable import broker, stopping
from faceweb.core.durable.queue import registered
from faceweb.media.makers import Description
from faceweb.media.models import Asset
from faceweb.work import kinds
from faceweb.work.kinds import Kind, Outcome, Split
from faceweb.work.models import Job, JobPart
from faceweb.work.reporter import Reporter
from faceweb.work.services import job_create

KIND = "test"


class FakeBroker:
    """A line of messages, first in, first out."""

    def __init__(self) -> None:
        self.messages: deque[UUID] = deque()
        self.sent: deque[tuple[str, Any]] = deque()
        self.is_away = False

    def send(self, task: str, job_id: UUID) -> None:
        if self.is_away:
            raise ConnectionError
        self.messages.append(job_id)
        self.sent.append((task, job_id))

    def depth(self, task: str) -> int:
        if self.is_away:
            raise ConnectionError
        return len(self.messages)


class Work:
    """What the registered kind does; ``run`` may be replaced. Every started job is noted."""

    def __init__(self) -> None:
        self.started: list[UUID] = []
        self.run: Callable[[Job, Reporter], Outcome | Split] = lambda job, reporter: Outcome("none")
        self.part_run: Callable[[JobPart, Reporter], Mapping[str, Any]] = lambda part, reporter: {}

    def __call__(self, job: Job, reporter: Reporter) -> Outcome | Split:
        self.started.append(job.pk)
        return self.run(job, reporter)


class SteeredKind(Kind):
    """A kind of work that does what a test gives it."""

    def __init__(
        self,
        name: str,
        label: str,
        run: Callable[[Job, Reporter], Outcome | Split],
        warm_up: Callable[[], None] | None = None,
    ) -> None:
        self.name, self.label = name, label
        self._run, self._warm_up = run, warm_up

    def run(self, job: Job, report: Reporter) -> Outcome | Split:
        return self._run(job, report)

    def part_run(self, part: JobPart, report: Reporter) -> Mapping[str, Any]:
        return self._run.part_run(part, report)  # type: ignore[attr-defined]

    def warm_up(self) -> None:
        if self._warm_up:
            self._warm_up()

    def describe(self, what: Mapping[str, Any]) -> Description:
        return Description(self.label, "This was a test.")


def store_photo(job: Job) -> Asset:
    """A result's row, without a picture."""
    return Asset.objects.create(
        owner_id=job.owner_id,
        origin=Asset.Origin.RESULT,
        made_by="swap",
        width=1,
        height=1,
        bytes=1,
    )


@pytest.fixture
def fake_broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    fake = FakeBroker()
    monkeypatch.setattr(broker, "send", fake.send)
    monkeypatch.setattr(broker, "depth", fake.depth)
    return fake


@pytest.fixture
def work() -> Iterator[Work]:
    """The kind named ``KIND``."""
    steered = Work()
    kinds.register(SteeredKind(KIND, "Test work", steered))
    yield steered
    kinds.unregister(KIND)


@pytest.fixture
def make_job(work: Work, fake_broker: FakeBroker) -> Callable[..., Job]:
    """Queues a job for somebody."""

    def make(owner: Any) -> Job:
        return job_create(owner=owner, kind=KIND, recipe={})

    return make


@pytest.fixture(autouse=True)
def no_shutdown() -> Iterator[None]:
    yield
    stopping.reset()
    for queue in registered():
        queue.forget_learned()


def _forget_in_async_thread() -> None:
    """Let the one thread that serves asynchronous code connect anew, to the database of now.

    It outlives a test, and with it a connection to the database of the test before.
    """

    def forget() -> None:
        connection.connection = None

    SyncToAsync.single_thread_executor.submit(forget).result()


@pytest.fixture
def parallel_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A database that several threads may use as several processes would.

    Connections to SQLite's in-memory database share one cache and with it each other's locks, so
    a copy of it in a file takes its place.
    """
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    in_memory, name = connection.connection, connection.settings_dict["NAME"]
    path = tmp_path / "parallel.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    connection.connection = None
    connection.settings_dict["NAME"] = str(path)
    _forget_in_async_thread()
    yield
    _forget_in_async_thread()
    connection.close()
    connection.connection = in_memory
    connection.settings_dict["NAME"] = name
