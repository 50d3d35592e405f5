"""The real processes for tests that need their meeting: the same ``manage.py up`` as ``make run``.

``stack`` is one site for the whole session. A test that must break something it cannot mend starts
a `Stack` of its own.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
import redis

from tests.builtin_networks import BUILTIN_FILES, BUILTIN_WEIGHTS

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
STOP_SECONDS = 45
T = TypeVar("T")


def _networks() -> dict[str, str]:
    """The built-in networks that are on this machine already, or none: no test fetches them."""
    if all((BUILTIN_WEIGHTS / card / name).is_file() for card, name in BUILTIN_FILES.items()):
        return {"FACEWEB_WEIGHTS_BASE_DIR": str(BUILTIN_WEIGHTS)}
    return {"FACEWEB_NETWORKS_OFF": ",".join(BUILTIN_FILES)}


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A whole site in a data folder of its own; a context manager.

    ``environment`` adds to or overrides the ``FACEWEB_*`` variables it runs with. On PostgreSQL
    (FACEWEB_DATABASE_URL of the test run) it gets a database of its own.
    """

    def __init__(self, **environment: str) -> None:
        # Short, because a unix socket's path must be.
        self.data_dir = Path(tempfile.mkdtemp(prefix="faceweb-"))
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.redis_url = f"unix://{self.data_dir / 'redis.sock'}"
        self.log = self.data_dir / "up.log"
        self._database = _OwnDatabase()
        own = {key: value for key, value in os.environ.items() if not key.startswith("FACEWEB_")}
        self.environment = {
            **own,
            "PYTHONUNBUFFERED": "1",
            "FACEWEB_DEBUG": "true",
            "FACEWEB_DATA_DIR": str(self.data_dir),
            **_networks(),
            "FACEWEB_PORT": str(self.port),
            "FACEWEB_PUBLIC_BASE_URL": self.url,
            **self._database.environment,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._database.create()
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        processes = self.processes()
        self.stop(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=10)
        for process in alive:
            process.kill()
        self._database.drop()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        assert alive == [], "the site left processes behind"

    def start(self) -> None:
        """Start the site and wait until it says that it is ready."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until(self._says_ready, START_SECONDS)

    def _says_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"the site did not start:\n{self.output()[-4000:]}")
        return "faceweb is ready" in self.output()

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        """Ask ``up`` to stop as Ctrl-C does, and wait until it has ended."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, with_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in self.processes():
                process.kill()
            raise

    def output(self) -> str:
        """What the site has said since its start."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command against this site; a failing one fails the test."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, "FACEWEB_REDIS_URL": self.redis_url},
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check and done.returncode:
            pytest.fail(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done

    def processes(self) -> list[psutil.Process]:
        """``up`` and everything below it."""
        if self.process is None:
            return []
        try:
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pid_of(self, name: str) -> int:
        """The process id of ``web``, ``worker``, ``beat`` or ``redis``, waiting for a restart."""

        def find() -> int | None:
            spawned = re.findall(rf"spawned: '{name}' with pid (\d+)", self.output())
            alive = {process.pid for process in self.processes()}
            return int(spawned[-1]) if spawned and int(spawned[-1]) in alive else None

        return self.wait_until(find, 30)

    def redis(self, database: int = 0) -> "redis.Redis":
        """A client of this site's Redis: 0 is the broker, 1 the channel layer, 2 the cache."""
        return redis.Redis(unix_socket_path=str(self.data_dir / "redis.sock"), db=database)

    def wait_until(self, condition: Callable[[], T | None], seconds: float = 30) -> T:
        """The first true answer of ``condition``; fails the test when there is none in time."""
        deadline = time.monotonic() + seconds
        while True:
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > deadline:
                pytest.fail(
                    f"nothing within {seconds} s; the site's last lines:\n{self.output()[-4000:]}"
                )
            time.sleep(0.1)


class _OwnDatabase:
    """A PostgreSQL database for one stack, or nothing to do on SQLite."""

    def __init__(self) -> None:
        url = os.environ.get("FACEWEB_DATABASE_URL", "")
        self._server = url if url.startswith("postgres") else ""
        self._name = f"faceweb_stack_{secrets.token_hex(4)}"
        self.environment: dict[str, str] = {}
        if self._server:
            own = urlsplit(self._server)._replace(path=f"/{self._name}")
            self.environment["FACEWEB_DATABASE_URL"] = urlunsplit(own)

    def create(self) -> None:
        self._execute("CREATE DATABASE {}")

    def drop(self) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        if not self._server:
            return
        import psycopg
        from psycopg import sql

        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(self._name)))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One running site, shared by every test that asks for it; leave it as you found it."""
    with Stack() as site:
        yield site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts real processes runs last, so that quick tests fail first."""

    def weight(item: pytest.Item) -> int:
        names = {marker.name for marker in item.iter_markers()}
        return 2 if "browser" in names else 1 if "stack" in names else 0

    items.sort(key=weight)


__all__ = ["Stack", "free_port", "stack"]
