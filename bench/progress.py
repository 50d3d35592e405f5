"""What open progress pages cost the web process: ``python -m bench.progress``.

60 sockets of 12 people look at 12 jobs that are worked on two at a time, for eight seconds. Aim: at
most 1 s of the web process's CPU. The work itself is played in this process, as a worker would
write it: a claim, ten reports of progress, an end.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.stack import free_port

PEOPLE = 12
SOCKETS_EACH = 5
SECONDS = 8.0
WORKERS = 2
REPORTS = 10


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="faceweb-") as folder:
        port = free_port()
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "faceweb.settings",
                "FACEWEB_DATA_DIR": folder,
                "FACEWEB_DEBUG": "true",
                "FACEWEB_LOG_LEVEL": "ERROR",
                "FACEWEB_PORT": str(port),
                "FACEWEB_PUBLIC_BASE_URL": f"http://localhost:{port}",
                "FACEWEB_REDIS_URL": f"unix://{folder}/redis.sock",
                "FACEWEB_SECRET_KEY": secrets.token_hex(32),
            }
        )
        with _process("redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock"):
            _wait_for(lambda: Path(folder, "redis.sock").exists())
            _measure(port)


def _measure(port: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    cookies, jobs = _people_and_jobs()
    web = (
        sys.executable, "-m", "uvicorn", "faceweb.asgi:application", "--port", str(port),
        "--ws", "websockets-sansio", "--lifespan", "off", "--log-level", "warning",
    )  # fmt: skip
    with _process(*web) as process, contextlib.ExitStack() as sockets:
        _wait_for(lambda: _answers(port), 60)
        received: list[str] = []
        threads = []
        for cookie, job_id in zip(cookies, jobs, strict=True):
            for _ in range(SOCKETS_EACH):
                socket = sockets.enter_context(
                    connect(
                        f"ws://localhost:{port}/ws/jobs/{job_id}/",
                        origin=f"http://localhost:{port}",  # type: ignore[arg-type]
                        additional_headers={"Cookie": cookie},
                    )
                )
                thread = threading.Thread(target=_listen, args=(socket, received), daemon=True)
                thread.start()
                threads.append(thread)
        time.sleep(1.0)
        first = len(received)
        web_process = psutil.Process(process.pid)
        before = sum(web_process.cpu_times()[:2])
        begun = time.monotonic()
        _work(jobs)
        time.sleep(max(0.0, begun + SECONDS - time.monotonic()))
        spent = sum(web_process.cpu_times()[:2]) - before
        print(f"sockets                 {PEOPLE * SOCKETS_EACH}, jobs {PEOPLE}")
        print(f"fragments received      {len(received) - first} (and {first} at first)")
        print(f"web CPU in {time.monotonic() - begun:.1f} s        {spent:.2f} s")


def _people_and_jobs() -> tuple[list[str], list[str]]:
    """A session's cookie and a queued job for each."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from faceweb.work.models import Job

    cookies, jobs = [], []
    for number in range(PEOPLE):
        person = get_user_model().objects.create_user(f"person{number}@example.org")
        client = Client()
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        name = settings.SESSION_COOKIE_NAME
        cookies.append(f"{name}={client.cookies[name].value}")
        jobs.append(str(Job.objects.create(owner=person, kind="swap", recipe={}).pk))
    return cookies, jobs


def _work(jobs: list[str]) -> None:
    """Every job from its claim to its end, WORKERS at a time, within SECONDS."""
    from django.db import connection

    from faceweb.work import services
    from faceweb.work.kinds import Outcome

    rounds = -(-len(jobs) // WORKERS)
    pause = (SECONDS - 1.0) / rounds / REPORTS
    waiting = list(jobs)
    taking = threading.Lock()

    def worker() -> None:
        try:
            while True:
                with taking:
                    if not waiting:
                        return
                    job_id = waiting.pop(0)
                job = services.job_claim(job_id)  # type: ignore[arg-type]
                assert job is not None
                for number in range(REPORTS):
                    services.job_progress(job=job, stage="Working", percent=9 * number)
                    time.sleep(pause)
                services.job_finish(job=job, outcome=Outcome("none"))
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _listen(socket: object, received: list[str]) -> None:
    with contextlib.suppress(WebSocketException):
        while True:
            received.append(str(socket.recv()))  # type: ignore[attr-defined]


def _answers(port: int) -> bool:
    import requests

    try:
        return requests.get(f"http://localhost:{port}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


@contextlib.contextmanager
def _process(*command: str):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _wait_for(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            sys.exit("it did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
