"""The pages of one web process that watch jobs: read for together, told what changed for them.

However many sockets are open, a nudge arrives once a process, the queue is read once for all who
wait in it, a job once for all who look at it, and a claim tells only those whose place it changed.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.template.loader import render_to_string

from faceweb.work.models import Job
from faceweb.work.presentation import STATUS_TEMPLATE, status_context
from faceweb.work.progress import QUEUE_GROUP, job_group
from faceweb.work.services import jobs_places
from faceweb.work.signed_in import people_signed_in

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The rendered fragment, and what it was rendered from."""

    html: str
    version: int
    place: int | None
    is_finished: bool
    owner: Any


class Watcher(Protocol):
    """A socket that watches one job."""

    @property
    def job_id(self) -> UUID: ...

    @property
    def session_key(self) -> str:
        """The key of the session it was opened with."""
        ...

    def told(self, snapshot: Snapshot) -> None:
        """How the job is now; it may be what this socket knows already."""
        ...

    def signed_out(self) -> None:
        """Its session is nobody's any more."""
        ...

    def bereft(self) -> None:
        """There is no such job for this session's person."""
        ...


@dataclass(frozen=True)
class _Question:
    """What is to be read: these jobs, and those whose place in the queue is another one now."""

    jobs: frozenset[UUID]
    queue_moved: bool
    watched: Mapping[UUID, tuple[Watcher, ...]]
    known: Mapping[UUID, Snapshot]


@dataclass(frozen=True)
class _Answer:
    """How the jobs are, None for one that is gone, and who looks by which session."""

    snapshots: dict[UUID, Snapshot | None]
    people: dict[str, Any]


class Watching:
    """All sockets of one event loop that watch jobs.

    Nudges are only hints: each makes it read the rows again, at most four times a second, the
    newest state standing for all that was skipped. It also looks at everything by itself every few
    seconds, since a nudge may be lost. Whenever a socket is told something, its session is read
    again first.
    """

    seconds_between_reads: ClassVar[float] = 0.25
    seconds_between_looks: ClassVar[float] = 10.0

    def __init__(self) -> None:
        self._watchers: defaultdict[UUID, set[Watcher]] = defaultdict(set)
        self._known: dict[UUID, Snapshot] = {}
        self._dirty: set[UUID] = set()
        self._queue_moved = False
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._layer: Any = None
        self._channel = ""

    async def join(self, watcher: Watcher) -> None:
        """Tell ``watcher`` how its job is, and whatever changes from now on."""
        if not self._tasks:
            await self._open()
        is_first = not self._watchers[watcher.job_id]
        self._watchers[watcher.job_id].add(watcher)
        # Groups first: what changes while the row is read is then read once more, not missed.
        if is_first:
            await self._layer.group_add(job_group(watcher.job_id), self._channel)
        self._look_again(watcher.job_id)

    async def leave(self, watcher: Watcher) -> None:
        """Tell ``watcher`` nothing more."""
        job_id = watcher.job_id
        watchers = self._watchers.get(job_id, set())
        watchers.discard(watcher)
        if watchers:
            return
        self._watchers.pop(job_id, None)
        self._known.pop(job_id, None)
        layer, channel = self._layer, self._channel
        if not self._watchers:
            self._close()
            await layer.group_discard(QUEUE_GROUP, channel)
        await layer.group_discard(job_group(job_id), channel)

    def _look_again(self, job_id: UUID) -> None:
        if job_id in self._watchers:
            self._dirty.add(job_id)
            self._wake.set()

    async def _open(self) -> None:
        self._layer = get_channel_layer()
        self._channel = await self._layer.new_channel("watching")
        # Both before the first group is joined, since another socket may be joining meanwhile.
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tell())]
        await self._layer.group_add(QUEUE_GROUP, self._channel)

    def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _listen(self) -> None:
        """Note what the channel layer says; a layer that is away is asked again."""
        layer, channel = self._layer, self._channel
        while True:
            try:
                message = await layer.receive(channel)
            # Whatever its client raises: pages go on by looking for themselves.
            except Exception as error:
                logger.warning("nudges cannot be received (%s)", type(error).__name__)
                await asyncio.sleep(1.0)
                continue
            if message.get("type") == "queue.moved":
                self._queue_moved = True
                self._wake.set()
            elif message.get("type") == "job.changed":
                with contextlib.suppress(KeyError, ValueError):
                    self._look_again(UUID(message["job"]))

    async def _tell(self) -> None:
        looked_at = time.monotonic()
        while True:
            rest = looked_at + self.seconds_between_looks - time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(rest, 0.0))
            if time.monotonic() >= looked_at + self.seconds_between_looks:
                looked_at = time.monotonic()
                await self._look_at_all()
            self._wake.clear()
            try:
                await self._read_and_tell()
            except Exception as error:
                logger.warning("jobs could not be read (%s)", type(error).__name__)
            await asyncio.sleep(self.seconds_between_reads)

    async def _look_at_all(self) -> None:
        self._dirty.update(self._watchers)
        self._queue_moved = True
        # A channel layer that was restarted has forgotten who is in which group.
        with contextlib.suppress(Exception):
            for group in (QUEUE_GROUP, *map(job_group, list(self._watchers))):
                await self._layer.group_add(group, self._channel)

    async def _read_and_tell(self) -> None:
        question = _Question(
            frozenset(self._dirty),
            self._queue_moved,
            {job_id: tuple(watchers) for job_id, watchers in self._watchers.items()},
            dict(self._known),
        )
        self._dirty, self._queue_moved = set(), False
        try:
            answer = await database_sync_to_async(_read)(question)
        except BaseException:
            self._dirty |= question.jobs
            self._queue_moved |= question.queue_moved
            raise
        for job_id, snapshot in answer.snapshots.items():
            if snapshot is not None and job_id in self._watchers:
                self._known[job_id] = snapshot
            for watcher in question.watched.get(job_id, ()):
                _tell_one(watcher, snapshot, answer.people.get(watcher.session_key))


def _tell_one(watcher: Watcher, snapshot: Snapshot | None, person: Any) -> None:
    if person is None:
        watcher.signed_out()
    elif snapshot is None or snapshot.owner != person:
        watcher.bereft()
    else:
        watcher.told(snapshot)


def _read(question: _Question) -> _Answer:
    asked = question.jobs & question.watched.keys()
    waiting = {pk for pk, known in question.known.items() if known.place is not None}
    # Who has never been told anything may be waiting too.
    places: dict[UUID, int] | None = None
    if question.queue_moved and waiting:
        places = jobs_places()
        asked |= {pk for pk in waiting if places.get(pk) != question.known[pk].place}
    asked &= question.watched.keys()
    if not asked:
        return _Answer({}, {})
    rows = Job.objects.select_related("result").in_bulk(list(asked))
    if places is None and any(job.state == Job.State.QUEUED for job in rows.values()):
        places = jobs_places()
    snapshots = {
        job_id: _snapshot(rows.get(job_id), places or {}, question.known.get(job_id))
        for job_id in asked
    }
    return _Answer(snapshots, people_signed_in(_sessions(question, asked)))


def _sessions(question: _Question, asked: Iterable[UUID]) -> set[str]:
    return {watcher.session_key for job_id in asked for watcher in question.watched[job_id]}


def _snapshot(
    job: Job | None, places: Mapping[UUID, int], known: Snapshot | None
) -> Snapshot | None:
    if job is None:
        return None
    place = places.get(job.pk)
    if known is not None and (known.version, known.place) == (job.version, place):
        return known
    if known is not None and known.version > job.version:
        return known
    html = render_to_string(STATUS_TEMPLATE, status_context(job, place=place, over_socket=True))
    return Snapshot(html, job.version, place, job.is_finished, job.owner_id)


_of_loops: "WeakKeyDictionary[asyncio.AbstractEventLoop, Watching]" = WeakKeyDictionary()


def watching() -> Watching:
    """That of the running event loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), Watching())
