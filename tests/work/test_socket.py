"""The socket of a job's page, through the site's own ASGI application."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string
from django.test import Client

from faceweb.asgi import application
from faceweb.work import services, watching
from faceweb.work.consumers import JobConsumer
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.progress import nudge
from faceweb.work.watching import Watching

pytestmark = pytest.mark.usefixtures("parallel_database", "quick_sends")

ORIGIN = "http://localhost"


class Page(ApplicationCommunicator):
    """A browser's end of the socket.

    Channels has one too, but importing it needs a server that is not installed here.
    """

    def __init__(self, job_id: UUID, client: Client | None, origin: str = ORIGIN) -> None:
        headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
        if client is not None:
            cookie = client.cookies[site.SESSION_COOKIE_NAME].value
            headers.append((b"cookie", f"{site.SESSION_COOKIE_NAME}={cookie}".encode()))
        scope = {
            "type": "websocket",
            "path": f"/ws/jobs/{job_id}/",
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
        }
        super().__init__(application, scope)

    async def connect(self) -> int | None:
        """None when the socket was accepted, else the code that it was refused with."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        return None if answer["type"] == "websocket.accept" else int(answer.get("code", 1000))

    async def read(self) -> str:
        """The next fragment."""
        message = await self.receive_output(5)
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def closing(self) -> int:
        """The code that the server closes with, after whatever it still sends."""
        while True:
            message = await self.receive_output(5)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(5)


@pytest.fixture
def quick_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watching, "seconds_between_reads", 0.01)


@asynccontextmanager
async def opened(job_id: UUID, client: Client) -> AsyncIterator[Page]:
    page = Page(job_id, client)
    assert await page.connect() is None
    try:
        yield page
    finally:
        await page.leave()


def shown(html: str) -> tuple[str, int]:
    """State and version in a fragment."""
    found = re.search(r'id="job-status" data-version="(\d+)" data-state="(\w+)"', html)
    assert found is not None
    return found[2], int(found[1])


def in_thread(act: Callable[..., Any], *args: Any, **given: Any) -> Awaitable[Any]:
    return sync_to_async(act)(*args, **given)


async def test_the_page_gets_a_snapshot_first_and_then_what_is_newer(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        first = await page.read()
        assert 'hx-swap-oob="true"' in first
        state, version = shown(first)
        assert state == "queued"

        held = await in_thread(services.job_claim, job.pk)
        state, claimed = shown(await page.read())
        assert (state, claimed > version) == ("running", True)

        await in_thread(services.job_progress, job=held, stage="stage_saving", percent=40)
        html = await page.read()
        assert "Saving the result" in html
        assert shown(html)[1] > claimed


async def test_the_socket_closes_once_the_end_has_been_shown(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    held = await in_thread(services.job_claim, job.pk)
    async with opened(job.pk, client) as page:
        await page.read()
        await in_thread(services.job_finish, job=held, outcome=Outcome("none"))
        assert shown(await page.read())[0] == "done"
        assert await page.closing() == 1000
    late = Page(job.pk, client)
    assert await late.connect() is None
    assert shown(await late.read())[0] == "done"
    assert await late.closing() == 1000


async def test_a_place_in_the_queue_moves_without_the_job_changing(
    make_job: Callable[..., Job], user: Any, other_user: Any, client_for: Callable[..., Client]
) -> None:
    first = await in_thread(make_job, other_user)
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        before = await page.read()
        assert "1 job is before yours" in before
        await in_thread(services.job_cancel, job=first)
        after = await page.read()
        assert "Yours is next" in after
        assert shown(after) == shown(before)


async def test_many_nudges_become_few_sends(
    make_job: Callable[..., Job],
    user: Any,
    client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Watching, "seconds_between_reads", 0.3)
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    held = await in_thread(services.job_claim, job.pk)
    async with opened(job.pk, client) as page:
        await page.read()
        begun = time.monotonic()
        for percent in range(1, 41):
            await in_thread(services.job_progress, job=held, stage="stage_saving", percent=percent)
        sent = [await page.read()]
        while 'value="40"' not in sent[-1]:
            sent.append(await page.read())
        assert len(sent) <= (time.monotonic() - begun) / 0.3 + 1
        assert len(sent) < 40


async def test_a_nudge_without_news_sends_nothing(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        await page.read()
        await in_thread(nudge, job.pk, job.version)
        assert await page.receive_nothing(0.3)


async def test_a_lost_nudge_is_made_up_for(
    make_job: Callable[..., Job],
    user: Any,
    client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Watching, "seconds_between_looks", 0.1)
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        await page.read()
        monkeypatch.setattr("faceweb.work.progress._send", lambda group, message: None)
        await in_thread(services.job_claim, job.pk)
        assert shown(await page.read())[0] == "running"


async def test_strangers_and_the_signed_out_are_refused(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    moderator: Any,
    client_for: Callable[..., Client],
) -> None:
    job = await in_thread(make_job, user)
    for person in (other_user, moderator):
        client = await in_thread(client_for, person)
        assert await Page(job.pk, client).connect() == 4404
        assert await Page(uuid4(), client).connect() == 4404
    assert await Page(job.pk, None).connect() == 4401


async def test_a_page_of_another_site_is_refused(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    page = Page(job.pk, client, origin="https://elsewhere.example")
    assert await page.connect() is not None


@pytest.mark.parametrize("how", ["signs out", "is locked out", "is erased"])
async def test_who_may_no_longer_look_sees_nothing_more(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client], how: str
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        await page.read()
        if how == "signs out":
            await in_thread(client.logout)
        elif how == "is locked out":
            await in_thread(get_user_model().objects.filter(pk=user.pk).update, is_active=False)
        else:
            await in_thread(user.delete)
        await in_thread(nudge, job.pk, job.version + 1)
        message = await page.receive_output(5)
        assert (message["type"], message.get("code")) == ("websocket.close", 4401)


async def test_a_person_has_so_many_sockets_and_gets_them_back(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    client_for: Callable[..., Client],
    settings: Any,
) -> None:
    settings.WEBSOCKETS_PER_PERSON = 2
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    other_job = await in_thread(make_job, other_user)
    other_client = await in_thread(client_for, other_user)
    async with opened(job.pk, client):
        async with opened(job.pk, client):
            assert await Page(job.pk, client).connect() == 4429
            async with opened(other_job.pk, other_client):
                pass
        async with opened(job.pk, client) as page:
            await page.read()


async def test_a_talkative_page_is_cut_off(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client) as page:
        await page.say("x" * 5000)
        assert await page.closing() == 1009
    async with opened(job.pk, client) as page:
        for _ in range(11):
            await page.say("hello")
        assert await page.closing() == 1008


async def test_no_socket_is_left_counted(
    make_job: Callable[..., Job], user: Any, client_for: Callable[..., Client]
) -> None:
    job, client = await in_thread(make_job, user), await in_thread(client_for, user)
    async with opened(job.pk, client):
        assert JobConsumer._sockets[user.pk] == 1
    await asyncio.sleep(0.05)
    assert user.pk not in JobConsumer._sockets


async def test_what_all_look_at_is_rendered_once_and_a_claim_tells_only_whom_it_concerns(
    make_job: Callable[..., Job],
    user: Any,
    other_user: Any,
    client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered: list[UUID] = []

    def render(template: str, context: dict[str, Any]) -> str:
        rendered.append(context["job"].pk)
        return render_to_string(template, context)

    monkeypatch.setattr(watching, "render_to_string", render)
    first, second = await in_thread(make_job, user), await in_thread(make_job, user)
    client, other_client = (
        await in_thread(client_for, user),
        await in_thread(client_for, other_user),
    )
    done = await in_thread(make_job, other_user)
    running = await in_thread(services.job_claim, done.pk)
    async with AsyncExitStack() as ends:
        pages = [await ends.enter_async_context(opened(first.pk, client)) for _ in range(3)]
        behind = await ends.enter_async_context(opened(second.pk, client))
        other = await ends.enter_async_context(opened(done.pk, other_client))
        for page in (*pages, behind, other):
            await page.read()
        rendered.clear()
        assert running is not None
        await in_thread(services.job_claim, first.pk)
        for page in pages:
            assert shown(await page.read())[0] == "running"
        assert "Yours is next" in await behind.read()
        assert await other.receive_nothing(0.3)
    assert sorted(rendered) == sorted([first.pk, second.pk])
