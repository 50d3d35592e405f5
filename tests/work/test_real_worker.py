"""Real processes: workers stopped in the middle of a job, a broker that forgets, a socket."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.stack import Stack

pytestmark = pytest.mark.stack

WITHIN_SECONDS = 60
JOBS = "SELECT state, attempt, result_id FROM work_job WHERE kind = 'swap' ORDER BY created_at"
RESULTS = "SELECT id FROM media_asset WHERE made_by = 'swap'"
FRAGMENT = re.compile(r'data-version="(\d+)" data-state="(\w+)" data-percent="(\d+)"')
SIGN_IN = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from faceweb.work.models import Job
person = Job.objects.latest("created_at").owner
session = SessionStore()
session[SESSION_KEY] = str(person.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = person.get_session_auth_hash()
session.save()
print(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
"""
RENDITIONS = "SELECT file FROM media_rendition"


def rows(stack: Stack, query: str) -> list[tuple[Any, ...]]:
    """What the site's own database holds now."""
    url = stack.environment.get("FACEWEB_DATABASE_URL", "")
    if url.startswith("postgres"):
        with psycopg.connect(url) as server:
            return server.execute(query).fetchall()
    file = sqlite3.connect(f"file:{stack.data_dir / 'db.sqlite3'}?mode=ro", uri=True)
    try:
        return file.execute(query).fetchall()
    finally:
        file.close()


def stored_files(stack: Stack) -> int:
    return sum(path.is_file() for path in (stack.data_dir / "media").rglob("*"))


@contextmanager
def paused_worker(stack: Stack) -> Iterator[int]:
    """The worker's process id; it takes no message meanwhile."""
    worker = stack.pid_of("worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        yield worker
    finally:
        os.kill(worker, signal.SIGCONT)


def signal_in_the_middle(stack: Stack, what: signal.Signals) -> int:
    """Start a job and send its worker a signal while it works on it; returns the worker."""
    with paused_worker(stack) as worker:
        stack.manage("demo", "--no-wait")
        assert rows(stack, JOBS)[-1][0] == "queued"
    deadline = time.monotonic() + 20
    while rows(stack, JOBS)[-1][0] != "running":
        assert time.monotonic() < deadline, "the worker never took the job"
        time.sleep(0.005)
    os.kill(worker, what)
    assert rows(stack, JOBS)[-1][0] == "running", "it was to be in the middle"
    return worker


@pytest.mark.faults
@pytest.mark.parametrize(
    ("what", "attempts"),
    [(signal.SIGKILL, 2), (signal.SIGTERM, 1)],
    ids=["killed", "asked to stop"],
)
def test_a_job_whose_worker_is_ended_ends_done_and_once(
    stack: Stack, what: signal.Signals, attempts: int
) -> None:
    stack.manage("demo")
    jobs_before, results_before = len(rows(stack, JOBS)), len(rows(stack, RESULTS))
    worker = signal_in_the_middle(stack, what)

    stack.wait_until(lambda: rows(stack, JOBS)[-1][0] == "done", WITHIN_SECONDS)

    assert len(rows(stack, JOBS)) == jobs_before + 1
    _, attempt, result = rows(stack, JOBS)[-1]
    assert attempt == attempts
    assert result is not None
    assert len(rows(stack, RESULTS)) == results_before + 1
    assert stored_files(stack) == len(rows(stack, RENDITIONS)), "no file without a photo"
    stack.wait_until(lambda: stack.pid_of("worker") != worker)


@pytest.mark.faults
def test_jobs_survive_a_broker_that_forgets_everything(stack: Stack) -> None:
    stack.manage("demo")
    with paused_worker(stack) as worker:
        for _ in range(2):
            stack.manage("demo", "--no-wait")
        assert [state for state, *_ in rows(stack, JOBS)[-2:]] == ["queued", "queued"]
        stack.redis().flushall()

    stack.wait_until(
        lambda: [state for state, *_ in rows(stack, JOBS)[-2:]] == ["done", "done"],
        WITHIN_SECONDS,
    )

    assert [attempt for _, attempt, _ in rows(stack, JOBS)[-2:]] == [1, 1]
    assert stack.pid_of("worker") == worker


def socket(address: str, cookie: str, origin: str) -> ClientConnection:
    return connect(address, origin=Origin(origin), additional_headers={"Cookie": cookie})


def socket_address(stack: Stack, job_url: str) -> str:
    job_id = job_url.strip().rstrip("/").rpartition("/")[2]
    return f"{stack.url.replace('http', 'ws', 1)}/ws/jobs/{job_id}/"


def test_a_page_hears_of_its_job_through_the_real_server(stack: Stack) -> None:
    stack.manage("demo")
    cookie = stack.manage("shell", "-v", "0", "-c", SIGN_IN).stdout.split()[-1]

    # A page is told at most four times a second, so that of a quick job on a busy machine it may
    # see the beginning and the end alone: it has three jobs to show a bar that moves.
    for _ in range(3):
        seen = watched(stack, cookie)
        assert [version for version, *_ in seen] == sorted({version for version, *_ in seen})
        assert seen[-1][1:] == ("done", 100)
        percents = [percent for _, state, percent in seen if state == "running"]
        assert percents == sorted(percents)
        if any(0 < percent < 100 for percent in percents):
            return
    pytest.fail("the bar does not move")


def watched(stack: Stack, cookie: str) -> list[tuple[int, str, int]]:
    """Version, state and percent of every fragment that the page of one new job is sent."""
    seen: list[tuple[int, str, int]] = []
    with ExitStack() as ends:
        with paused_worker(stack):
            address = socket_address(stack, stack.manage("demo", "--no-wait").stdout)
            for stranger, origin in (("", stack.url), (cookie, "https://elsewhere.example")):
                with pytest.raises(InvalidStatus) as refused, socket(address, stranger, origin):
                    pass
                assert refused.value.response.status_code == 403
            page = ends.enter_context(socket(address, cookie, stack.url))
            assert 'data-state="queued"' in page.recv(timeout=10)
        with pytest.raises(ConnectionClosedOK):
            while True:
                fragment = FRAGMENT.search(str(page.recv(timeout=30)))
                assert fragment is not None
                seen.append((int(fragment[1]), fragment[2], int(fragment[3])))
    return seen
