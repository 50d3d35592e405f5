"""A cap on request bodies that acts while they arrive.

Django's ASGI handler spools a whole body to disk before a view sees it, and no Django setting
limits a file's size, so the cap has to sit in front.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.template.loader import render_to_string

from faceweb.core.words import refusal_answer
from models.refusals import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """More bytes arrived than are allowed."""


class BodyLimit:
    """ASGI middleware that answers 413 as soon as a body is known to exceed ``max_bytes``.

    A declared Content-Length is judged before a byte is read; a chunked body is counted. The rest
    is not read: the connection closes.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._declared_length(scope) > self.max_bytes:
            await self._refuse(scope, send)
            return

        received = 0
        started = False

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self.max_bytes:
                    raise BodyTooLarge
            return message

        async def watching_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, counting_receive, watching_send)
        except BodyTooLarge:
            if not started:
                await self._refuse(scope, send)

    @staticmethod
    def _declared_length(scope: Scope) -> int:
        for name, value in scope.get("headers", ()):
            if name == b"content-length":
                return int(value) if value.isdigit() else 0
        return 0

    async def _refuse(self, scope: Scope, send: Send) -> None:
        megabytes = self.max_bytes // (1024 * 1024)
        body, content_type = _answer(scope, megabytes)
        await send(
            {
                "type": "http.response.start",
                "status": 413,
                "headers": [
                    (b"content-type", content_type),
                    (b"content-length", str(len(body)).encode()),
                    (b"connection", b"close"),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


def _answer(scope: Scope, megabytes: int) -> tuple[bytes, bytes]:
    """The refusal as JSON for scripts, as a small page for people."""
    error = refusal_answer(Refusal("file_too_large", limit_mb=megabytes))
    headers = dict(scope.get("headers", ()))
    if b"hx-request" in headers or b"json" in headers.get(b"accept", b""):
        return json.dumps(error).encode(), b"application/json"
    page = render_to_string("base/errors/413.html", {"upload_max_mb": megabytes})
    return page.encode(), b"text/html; charset=utf-8"
