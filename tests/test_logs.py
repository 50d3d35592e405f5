"""No secret of an address reaches a log: neither ours nor the web server's."""

import io
import logging
import logging.config
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from faceweb.logs import DiscreetFormatter, without_secrets
from tests.stack import ROOT, Stack, free_port

TOKEN = "Sentinel-7f3a9c_" + "Q" * 27


@pytest.mark.parametrize(
    "address",
    [
        f"/s/{TOKEN}/",
        f"/s/{TOKEN}",
        f"https://faces.example/s/{TOKEN}/picture/?x=1",
        f"GET /s/{TOKEN}/preview.jpg HTTP/1.1",
        f"'/s/{TOKEN}/report/'",
        f"/accounts/password/reset/key/3-{TOKEN}/",
        f"/accounts/confirm-email/{TOKEN}:1uAbc:{TOKEN}/",
    ],
)
def test_the_secret_part_of_an_address_is_left_out(address: str) -> None:
    cleaned = without_secrets(f"Not Found: {address}")
    assert TOKEN not in cleaned
    assert "[secret]" in cleaned


def test_the_rest_of_a_line_stays() -> None:
    line = "Not Found: /photos/1/ and /static/s.js, 3/s, /s/"
    assert without_secrets(line) == line
    assert without_secrets("/s/abc/picture/ 404") == "/s/[secret]/picture/ 404"


def test_a_traceback_is_cleaned_too() -> None:
    try:
        raise ValueError(f"at /s/{TOKEN}/")
    except ValueError:
        record = logging.LogRecord("x", 40, "x", 1, "%s", (f"/s/{TOKEN}/",), sys.exc_info())
    text = DiscreetFormatter("%(message)s").format(record)
    assert "ValueError" in text
    assert TOKEN not in text


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the site's own logging writes, set up as in a process of the site."""
    output = io.StringIO()
    config: dict[str, Any] = deepcopy(settings.LOGGING)
    config["handlers"]["console"]["stream"] = output
    before = logging.root.handlers[:], logging.root.level
    logging.config.dictConfig(config)
    yield output
    logging.root.handlers[:], level = before
    logging.root.setLevel(level)


@pytest.mark.django_db
def test_django_reports_a_miss_without_the_token(written: io.StringIO) -> None:
    client = Client(raise_request_exception=False)
    for what in ("", "picture/", "preview.jpg", "nothing/"):
        assert client.get(f"/s/{TOKEN}/{what}").status_code == 404
    Client(enforce_csrf_checks=True).post(f"/s/{TOKEN}/", {"password": "x"})
    text = written.getvalue()
    assert text.count("Not Found: /s/[secret]/") == 4
    assert "Forbidden" in text
    assert TOKEN not in text


def test_a_web_server_told_to_log_every_request_does_not(tmp_path: Path) -> None:
    """uvicorn's access log is off as we start it; here somebody turned it on."""
    port = free_port()
    arguments = ["-m", "uvicorn", "faceweb.asgi:application", "--port", str(port)]
    environment = {
        **os.environ,
        "FACEWEB_DATA_DIR": str(tmp_path),
        "FACEWEB_DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "FACEWEB_REDIS_URL": "redis://127.0.0.1:1",
        "FACEWEB_LOG_LEVEL": "DEBUG",
        # Static files as they lie: nobody collected any.
        "FACEWEB_DEBUG": "true",
    }
    with (tmp_path / "log").open("w+b") as log:
        server = subprocess.Popen(
            [sys.executable, *arguments, "--lifespan", "off", "--access-log"],
            cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            statuses = [ask(port, f"/s/{TOKEN}/"), ask(port, f"/s/{TOKEN}/nothing/")]
        finally:
            server.terminate()
            server.wait(20)
        log.seek(0)
        text = log.read().decode()
    # No Redis answers here: the first fails, and its traceback is written.
    assert statuses == [500, 404]
    assert "Traceback" in text
    assert "Internal Server Error: /s/[secret]/" in text
    assert "Not Found: /s/[secret]/nothing/" in text
    assert "uvicorn.error: Started server process" in text
    assert TOKEN not in text
    assert '"GET ' not in text


@pytest.mark.stack
def test_the_running_site_writes_no_token(stack: Stack) -> None:
    port = int(stack.url.rpartition(":")[2])
    assert ask(port, f"/s/{TOKEN}/") == 404
    assert ask(port, f"/s/{TOKEN}/picture/") == 404
    stack.wait_until(lambda: "/s/[secret]/picture/" in stack.output())
    assert TOKEN not in stack.output()


def ask(port: int, path: str) -> int:
    """The status that the server on this machine answers, once it listens."""
    deadline = time.monotonic() + 60
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        finally:
            connection.close()
