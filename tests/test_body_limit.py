"""Bodies are capped while they arrive, declared or not."""

import asyncio
import json
from typing import Any

from faceweb.body_limit import BodyLimit

LIMIT = 1000


class Exchange:
    """One request through the middleware, with an application that reads the whole body."""

    def __init__(self, chunks: list[bytes], headers: list[tuple[bytes, bytes]] | None = None):
        self.chunks = list(chunks)
        self.headers = headers or []
        self.sent: list[dict[str, Any]] = []
        self.read_by_app = 0
        self.app_finished = False

    async def app(self, scope, receive, send):
        more = True
        while more:
            message = await receive()
            self.read_by_app += len(message["body"])
            more = message["more_body"]
        self.app_finished = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def run(self) -> "Exchange":
        async def receive():
            body = self.chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self.chunks)}

        async def send(message):
            self.sent.append(message)

        scope = {"type": "http", "headers": self.headers}
        asyncio.run(BodyLimit(self.app, max_bytes=LIMIT)(scope, receive, send))
        return self

    @property
    def status(self) -> int:
        return self.sent[0]["status"]


def test_a_body_at_the_limit_passes():
    assert Exchange([b"x" * 600, b"x" * 400]).run().status == 200


def test_a_declared_body_over_the_limit_is_refused_before_a_byte_is_read():
    exchange = Exchange([b"x" * 2000], [(b"content-length", b"2000")]).run()
    assert exchange.status == 413
    assert exchange.chunks, "nothing was read"


def test_an_undeclared_body_is_cut_off_at_the_limit():
    exchange = Exchange([b"x" * 600] * 50).run()
    assert exchange.status == 413
    assert not exchange.app_finished
    assert len(exchange.chunks) == 48, "the rest was not read"


def test_a_false_declaration_does_not_help():
    exchange = Exchange([b"x" * 600] * 3, [(b"content-length", b"10")]).run()
    assert exchange.status == 413


def test_scripts_get_json_and_people_a_page():
    script = Exchange([b""], [(b"content-length", b"9999"), (b"accept", b"application/json")]).run()
    error = json.loads(script.sent[1]["body"])
    assert error["code"] == "file_too_large"
    assert error["remedy"]
    person = Exchange([b""], [(b"content-length", b"9999")]).run()
    assert b"too large" in person.sent[1]["body"]
    assert b"<html" in person.sent[1]["body"]
