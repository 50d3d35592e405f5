"""The socket behind a job's page."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from typing import Any, ClassVar
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.template.loader import render_to_string

from faceweb.work.models import Job
from faceweb.work.presentation import STATUS_TEMPLATE, status_context
from faceweb.work.progress import QUEUE_GROUP, job_group

MAX_MESSAGE_BYTES = 4096
# A page has nothing to say here; one that keeps talking is not ours.
MAX_MESSAGES = 10


class Close(IntEnum):
    """Why the socket closed. From 4000 on the codes are the application's own."""

    FINISHED = 1000
    CHATTER = 1008
    TOO_BIG = 1009
    SIGNED_OUT = 4401
    NOT_FOUND = 4404
    TOO_MANY = 4429


class Refused(Exception):
    """The socket must close with ``code``."""

    def __init__(self, code: Close) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Snapshot:
    """The rendered fragment and the version of the row that it shows."""

    html: str
    version: int
    is_finished: bool


class JobConsumer(AsyncWebsocketConsumer):
    """Sends a job's fragment when the page connects and whenever the row has changed.

    Nudges are only hints: each makes it read the row again, at most four times a second, the
    newest state standing for all that was skipped. It also looks by itself every few seconds, since
    a nudge may be lost. Each time it makes sure that the session still is the owner's.

    A person may hold WEBSOCKETS_PER_PERSON sockets in one web process.
    """

    seconds_between_sends: ClassVar[float] = 0.25
    seconds_between_looks: ClassVar[float] = 10.0

    _sockets: ClassVar[Counter[Any]] = Counter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._changed = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._person: Any = None
        self._received = 0

    @property
    def job_id(self) -> UUID:
        return self.scope["url_route"]["kwargs"]["job_id"]

    async def connect(self) -> None:
        try:
            person = await database_sync_to_async(self._authorise)()
            if self._sockets[person] >= settings.WEBSOCKETS_PER_PERSON:
                raise Refused(Close.TOO_MANY)
        except Refused as refusal:
            await self.close(code=refusal.code)
            return
        self._person = person
        self._sockets[person] += 1
        await self.accept()
        # Groups first: what changes while the snapshot is read is then read once more, not missed.
        await self._join_groups()
        self._sender = asyncio.create_task(self._send_changes())

    async def disconnect(self, code: int) -> None:
        if self._person is None:
            return
        self._sockets[self._person] -= 1
        if not self._sockets[self._person]:
            del self._sockets[self._person]
        self._person = None
        if self._sender is not None and self._sender is not asyncio.current_task():
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
        await self.channel_layer.group_discard(job_group(self.job_id), self.channel_name)
        await self.channel_layer.group_discard(QUEUE_GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        size = len(bytes_data) if bytes_data else len((text_data or "").encode())
        self._received += 1
        if size > MAX_MESSAGE_BYTES:
            await self.close(code=Close.TOO_BIG)
        elif self._received > MAX_MESSAGES:
            await self.close(code=Close.CHATTER)

    async def job_changed(self, message: dict[str, Any]) -> None:
        """The row of this job has a new version."""
        self._changed.set()

    async def queue_moved(self, message: dict[str, Any]) -> None:
        """The place in the queue may be another one."""
        self._changed.set()

    async def _join_groups(self) -> None:
        await self.channel_layer.group_add(job_group(self.job_id), self.channel_name)
        await self.channel_layer.group_add(QUEUE_GROUP, self.channel_name)

    async def _send_changes(self) -> None:
        sent: Snapshot | None = None
        try:
            while True:
                self._changed.clear()
                snapshot = await database_sync_to_async(self._read)()
                if sent is None or (
                    snapshot.version >= sent.version and snapshot.html != sent.html
                ):
                    await self.send(text_data=snapshot.html)
                    sent = snapshot
                if snapshot.is_finished:
                    await self.close(code=Close.FINISHED)
                    return
                await asyncio.sleep(self.seconds_between_sends)
                await self._wait()
        except Refused as refusal:
            await self.close(code=refusal.code)

    async def _wait(self) -> None:
        """Until the next nudge, or until it is time to look without one."""
        try:
            await asyncio.wait_for(self._changed.wait(), self.seconds_between_looks)
        except TimeoutError:
            # A channel layer that was restarted has forgotten who is in which group.
            await self._join_groups()

    def _request(self) -> HttpRequest:
        """The session as it is now: the one in the scope was read when the socket was opened."""
        session = self.scope.get("session")
        store = import_module(settings.SESSION_ENGINE).SessionStore
        request = HttpRequest()
        request.session = store(session.session_key if session is not None else None)
        request.user = get_user(request)
        return request

    def _authorise(self) -> Any:
        """The id of the signed-in owner."""
        return self._owned(self._request()).owner_id

    def _owned(self, request: HttpRequest) -> Job:
        if not request.user.is_authenticated:
            raise Refused(Close.SIGNED_OUT)
        job = Job.objects.for_user(request.user).filter(pk=self.job_id).first()
        if job is None:
            raise Refused(Close.NOT_FOUND)
        return job

    def _read(self) -> Snapshot:
        job = self._owned(self._request())
        html = render_to_string(STATUS_TEMPLATE, status_context(job, over_socket=True))
        return Snapshot(html, job.version, job.is_finished)
