"""The socket behind a job's page."""

import asyncio
import contextlib
from collections import Counter
from enum import IntEnum
from typing import Any, ClassVar
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from faceweb.work.models import Job
from faceweb.work.signed_in import people_signed_in
from faceweb.work.watching import Snapshot, watching

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


class JobConsumer(AsyncWebsocketConsumer):
    """Sends a job's fragment when the page connects and whenever what it shows has changed.

    What it sends is read by `faceweb.work.watching`, for all sockets of this process together.
    A person may hold WEBSOCKETS_PER_PERSON sockets in one web process.
    """

    # Nothing is ever sent to one socket by way of the channel layer.
    channel_layer_alias = "none"

    _sockets: ClassVar[Counter[Any]] = Counter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._news = asyncio.Event()
        self._latest: Snapshot | None = None
        self._ending: Close | None = None
        self._sender: asyncio.Task[None] | None = None
        self._person: Any = None
        self._received = 0

    @property
    def job_id(self) -> UUID:
        return self.scope["url_route"]["kwargs"]["job_id"]

    @property
    def session_key(self) -> str:
        session = self.scope.get("session")
        return (session.session_key if session is not None else None) or ""

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
        self._sender = asyncio.create_task(self._send_news())
        await watching().join(self)

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
        await watching().leave(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        size = len(bytes_data) if bytes_data else len((text_data or "").encode())
        self._received += 1
        if size > MAX_MESSAGE_BYTES:
            await self.close(code=Close.TOO_BIG)
        elif self._received > MAX_MESSAGES:
            await self.close(code=Close.CHATTER)

    def told(self, snapshot: Snapshot) -> None:
        self._latest = snapshot
        self._news.set()

    def signed_out(self) -> None:
        self._ending = Close.SIGNED_OUT
        self._news.set()

    def bereft(self) -> None:
        self._ending = Close.NOT_FOUND
        self._news.set()

    async def _send_news(self) -> None:
        """Send the newest fragment whenever it is another one. A slow client skips some."""
        sent: Snapshot | None = None
        while True:
            await self._news.wait()
            self._news.clear()
            if self._ending is not None:
                await self.close(code=self._ending)
                return
            latest = self._latest
            if latest is None:
                continue
            if sent is None or (latest.version >= sent.version and latest.html != sent.html):
                await self.send(text_data=latest.html)
                sent = latest
            if latest.is_finished:
                await self.close(code=Close.FINISHED)
                return

    def _authorise(self) -> Any:
        """The id of the signed-in owner, by the session as it is now.

        The one in the scope was read when the socket was opened.
        """
        person = people_signed_in([self.session_key])[self.session_key]
        if person is None:
            raise Refused(Close.SIGNED_OUT)
        if not Job.objects.filter(pk=self.job_id, owner_id=person).exists():
            raise Refused(Close.NOT_FOUND)
        return person
