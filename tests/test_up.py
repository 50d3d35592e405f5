"""``manage.py up``: it starts everything, restarts what dies and leaves nothing behind."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.stack import ROOT, Stack

pytestmark = pytest.mark.stack


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except OSError:
        return 0


def test_says_where_the_site_is_and_shows_every_process(stack: Stack) -> None:
    assert f"faceweb is ready: {stack.url}" in stack.output()
    assert status_of(f"{stack.url}/readyz") == 200
    for name in ("web", "worker", "beat", "redis"):
        assert psutil.pid_exists(stack.pid_of(name))
        assert f"spawned: '{name}'" in stack.output()
    # These two speak from the start; beat has nothing to say while all is well.
    for name in ("web", "worker"):
        assert f"\n{name:<8}| " in stack.output()


def test_the_demo_account_is_shown_once(stack: Stack) -> None:
    assert stack.output().count("Demo account: demo@faceweb.example  password: ") == 1
    assert "there already" in stack.manage("seed").stdout


def test_redis_listens_on_its_socket_alone(stack: Stack) -> None:
    redis = psutil.Process(stack.pid_of("redis"))
    assert [c for c in redis.net_connections() if c.status == psutil.CONN_LISTEN] == []
    assert (stack.data_dir / "redis.sock").stat().st_mode & 0o777 == 0o600
    assert stack.redis().config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_a_second_start_in_the_same_folder_is_refused(stack: Stack) -> None:
    second = stack.manage("up", check=False)
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert "Traceback" not in second.stderr
    assert status_of(f"{stack.url}/healthz") == 200


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env={**os.environ, "FACEWEB_DATA_DIR": str(tmp_path), "FACEWEB_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"Port {port} is already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_of_an_older_version_is_named(tmp_path: Path) -> None:
    """It says so in one sentence, and leaves the folder as it is."""
    database = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(database)) as old, old:
        old.execute("CREATE TABLE gallery_photo (id char(32))")
    # The folder's own database, whichever one the tests use.
    own = {name: value for name, value in os.environ.items() if name != "FACEWEB_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**own, "FACEWEB_DATA_DIR": str(tmp_path), "FACEWEB_PORT": "18999"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"{tmp_path} holds data of an older faceweb that this one cannot read:"
        f" move it aside with `mv {tmp_path} {tmp_path}-old` and start again."
    ]
    with closing(sqlite3.connect(database)) as old:
        assert old.execute("SELECT name FROM sqlite_master").fetchall() == [("gallery_photo",)]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["web", "worker", "beat", "redis"])
def test_what_dies_is_restarted(stack: Stack, name: str) -> None:
    before = stack.pid_of(name)
    os.kill(before, signal.SIGKILL)
    stack.wait_until(lambda: stack.pid_of(name) != before)
    stack.wait_until(lambda: status_of(f"{stack.url}/readyz") == 200)


@pytest.mark.faults
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_it(how: signal.Signals) -> None:
    """Also when `up` itself is killed outright: the kernel then stops the process manager.

    Every `Stack` ends with SIGTERM and looks for survivors.
    """
    site = Stack()
    # Longer than a unix socket's path may be, and with spaces.
    data_dir = site.data_dir / ("a folder with spaces " * 6).strip()
    data_dir.mkdir()
    site.environment["FACEWEB_DATA_DIR"] = str(data_dir)
    with site:
        assert status_of(f"{site.url}/readyz") == 200
        processes = site.processes()
        assert len(processes) >= 6
        site.stop(how)
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert alive == []
