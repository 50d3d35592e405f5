"""A path in FACEWEB_PUBLIC_BASE_URL, by its parts; test_behind_nginx.py walks through it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import override_script_prefix
from django.urls import get_script_prefix, reverse
from whitenoise.middleware import WhiteNoiseMiddleware

from faceweb import env
from faceweb.asgi import router
from faceweb.core.addresses import with_public_origin
from faceweb.under_path import UnderPath
from tests.conftest import with_second_factor

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r'\s(?:href|src|action|hx-get|hx-post|ws-connect|data-[a-z-]+)="(/[^"]*)"')


@pytest.fixture
def below(settings: Any) -> Iterator[Any]:
    """The settings of a site at https://faces.example/faces."""
    settings.PUBLIC_BASE_URL = "https://faces.example/faces"
    settings.FORCE_SCRIPT_NAME = "/faces"
    settings.STATIC_URL = "/faces/static/"
    settings.SESSION_COOKIE_PATH = settings.CSRF_COOKIE_PATH = "/faces"
    with override_script_prefix("/faces/"):
        yield settings


def settings_with(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """What the settings are in a process of its own that is started with ``environment``."""
    names = (
        "FORCE_SCRIPT_NAME", "STATIC_URL", "CSRF_TRUSTED_ORIGINS", "ALLOWED_HOSTS",
        "SESSION_COOKIE_PATH", "CSRF_COOKIE_PATH", "LANGUAGE_COOKIE_PATH", "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_NAME", "SECURE_REDIRECT_EXEMPT", "PUBLIC_BASE_URL", "UNFOLD",
    )  # fmt: skip
    code = (
        "import json; from faceweb import settings as s;"
        f"print(json.dumps({{n: getattr(s, n, None) for n in {names!r}}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "FACEWEB_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_path_reaches_every_setting_that_needs_it(tmp_path: Path) -> None:
    found = settings_with(tmp_path, FACEWEB_PUBLIC_BASE_URL="https://faces.example:8443/my/faces/")
    assert found["PUBLIC_BASE_URL"] == "https://faces.example:8443/my/faces"
    assert found["FORCE_SCRIPT_NAME"] == "/my/faces"
    assert found["STATIC_URL"] == "/my/faces/static/"
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://faces.example:8443"]
    assert found["ALLOWED_HOSTS"][0] == "faces.example"
    for name in ("SESSION", "CSRF", "LANGUAGE"):
        assert found[f"{name}_COOKIE_PATH"] == "/my/faces"
    # Browsers refuse __Host- cookies with a path.
    assert found["SESSION_COOKIE_NAME"] == "__Secure-session"
    assert found["CSRF_COOKIE_NAME"] == "__Secure-csrf"
    (exempt,) = found["SECURE_REDIRECT_EXEMPT"]
    assert re.search(exempt, "my/faces/healthz")
    assert re.search(exempt, "my/faces/readyz")
    assert not re.search(exempt, "my/faces/photos/")
    assert not re.search(exempt, "healthz")
    assert found["UNFOLD"]["SITE_URL"] == "/my/faces/"


def test_without_a_path_all_stays_at_the_top(tmp_path: Path) -> None:
    found = settings_with(tmp_path, FACEWEB_PUBLIC_BASE_URL="https://faces.example")
    assert found["FORCE_SCRIPT_NAME"] is None
    assert found["STATIC_URL"] == "/static/"
    assert found["SESSION_COOKIE_PATH"] == "/"
    assert found["SESSION_COOKIE_NAME"] == "__Host-session"
    assert re.search(found["SECURE_REDIRECT_EXEMPT"][0], "healthz")
    assert found["UNFOLD"]["SITE_URL"] == "/"


@pytest.mark.parametrize(
    "text",
    [
        "faces.example/faces",
        "ftp://faces.example/",
        "https:///faces",
        "https://faces.example/faces?x=1",
        "https://faces.example/#faces",
        "https://me@faces.example/",
        "https://faces.example:70000/",
        "https://faces.example//faces",
        "https://faces.example/../faces",
        "https://faces.example/f aces",
        "https://faces.example/f%61ces",
        "https://faces.example/;Domain=example",
    ],
)
def test_an_address_that_cannot_work_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWEB_PUBLIC_BASE_URL", text)
    with pytest.raises(ImproperlyConfigured, match="FACEWEB_PUBLIC_BASE_URL"):
        env.get_site_url("PUBLIC_BASE_URL", "http://localhost:8000")


@pytest.mark.parametrize(
    ("path", "root_path", "whole"),
    [
        ("/faces/photos/", "", "/faces/photos/"),
        ("/faces/", "", "/faces/"),
        ("/faces", "", "/faces/"),
        ("/photos/", "", "/faces/photos/"),
        ("/healthz", "", "/faces/healthz"),
        ("/facesque/", "", "/faces/facesque/"),
        ("/faces/faces/x", "", "/faces/faces/x"),
        # uvicorn --root-path puts it in front of whatever came.
        ("/faces/faces/photos/", "/faces", "/faces/photos/"),
        ("/faces/photos/", "/faces", "/faces/photos/"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_requests_have_one_form(path: str, root_path: str, whole: str, kind: str) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, address=reverse("photos"))

    scope = {"type": kind, "path": path, "root_path": root_path, "raw_path": path.encode()}
    await UnderPath(app, "/faces")(scope, None, None)
    assert (seen["path"], seen["root_path"]) == (whole, "/faces")
    assert seen["raw_path"] is None
    assert seen["address"] == "/faces/photos/"


async def test_without_a_path_requests_stay_as_they_are() -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    scope = {"type": "http", "path": "/photos/", "raw_path": b"/photos/"}
    await UnderPath(app, "")(scope, None, None)
    assert scopes == [scope]


@pytest.mark.parametrize("path", ["/faces/healthz", "/healthz"])
async def test_pages_answer_with_and_without_the_path(path: str, below: Any) -> None:
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    page = ApplicationCommunicator(UnderPath(router, "/faces"), scope)
    await page.send_input({"type": "http.request", "body": b""})
    assert (await page.receive_output(5))["status"] == 200
    await page.receive_output(5)
    await page.wait(5)


@pytest.mark.django_db
@pytest.mark.parametrize("prefix", ["/faces", ""])
async def test_sockets_are_found_with_and_without_the_path(prefix: str, below: Any) -> None:
    """A stranger's is refused by the consumer; an unknown address would raise instead."""
    scope = {
        "type": "websocket",
        "path": f"{prefix}/ws/jobs/00000000-0000-4000-8000-000000000000/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"origin", b"http://localhost")],
        "subprotocols": [],
    }
    page = ApplicationCommunicator(UnderPath(router, "/faces"), scope)
    await page.send_input({"type": "websocket.connect"})
    answer = await page.receive_output(5)
    assert (answer["type"], answer["code"]) == ("websocket.close", 4401)
    await page.wait(5)


def addresses_of(page: str) -> list[str]:
    return ADDRESS.findall(page)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["landing", "account_login", "account_signup", "verify"])
def test_every_address_of_a_strangers_page_has_the_path(name: str, below: Any) -> None:
    # The test client writes no prefix into what it asks for.
    answer = Client().get(reverse(name).removeprefix("/faces"))
    found = addresses_of(answer.content.decode())
    assert len(found) > 5
    assert [address for address in found if not address.startswith("/faces/")] == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["photos", "studio", "jobs", "links", "profile", "mfa_index"])
def test_every_address_of_ones_own_pages_has_the_path(
    name: str, below: Any, client: Client, user: Any
) -> None:
    client.force_login(user)
    answer = client.get(reverse(name).removeprefix("/faces"), follow=False)
    assert answer.status_code == 200
    found = addresses_of(answer.content.decode())
    assert [address for address in found if not address.startswith("/faces/")] == []
    assert 'data-root="/faces/"' in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["admin:index", "admin:moderation_case_changelist"])
def test_every_address_of_the_panel_has_the_path(
    name: str, below: Any, moderator: Any, client_for: Any
) -> None:
    below.UNFOLD = {**below.UNFOLD, "SITE_URL": "/faces/"}
    client = client_for(moderator)
    with_second_factor(client, moderator)
    answer = client.get(reverse(name).removeprefix("/faces"))
    assert answer.status_code == 200
    found = addresses_of(answer.content.decode())
    assert "/faces/" in found
    assert [address for address in found if not address.startswith("/faces/")] == []


@pytest.mark.django_db
def test_cookies_and_the_way_to_signing_in_have_the_path(below: Any, user: Any) -> None:
    visitor = Client()
    answer = visitor.get("/photos/")
    assert answer["Location"] == "/faces/accounts/login/?next=/faces/photos/"
    visitor.get("/accounts/login/")
    assert visitor.cookies[below.CSRF_COOKIE_NAME]["path"] == "/faces"
    user.set_password("a long enough secret")
    user.save()
    form = {"login": user.email, "password": "a long enough secret", "next": "/faces/photos/"}
    assert visitor.post("/accounts/login/", form)["Location"] == "/faces/photos/"
    assert visitor.cookies[below.SESSION_COOKIE_NAME]["path"] == "/faces"


@pytest.mark.parametrize("number", ["400", "403", "403_csrf", "404", "413", "429", "500"])
def test_error_pages_lead_back_to_this_site(number: str, below: Any) -> None:
    found = addresses_of(render_to_string(f"base/errors/{number}.html"))
    assert {"/faces/", "/faces/studio/", "/faces/photos/"} <= set(found)
    assert [address for address in found if not address.startswith("/faces/")] == []


def test_error_pages_lead_to_the_top_where_there_is_no_path() -> None:
    assert {"/", "/studio/", "/photos/"} <= set(
        addresses_of(render_to_string("base/errors/404.html"))
    )


def test_static_files_are_found_below_the_path(below: Any, rf: Any) -> None:
    below.WHITENOISE_USE_FINDERS = True
    request = rf.get("/static/base/base.css")
    assert request.path == "/faces/static/base/base.css"
    answer = WhiteNoiseMiddleware(lambda _: None)(request)
    assert answer.status_code == 200
    answer.file_to_stream.close()


def test_addresses_in_mails_have_the_path_once(below: Any) -> None:
    address = with_public_origin(reverse("takedown_status", args=["T-1"]))
    assert address == "https://faces.example/faces/takedown/T-1/"


def test_a_task_writes_whole_addresses_in_any_thread(below: Any) -> None:
    """A worker runs tasks in threads, where Django has set no path."""
    from celery.signals import task_prerun

    found = []

    def run() -> None:
        found.append(get_script_prefix())
        task_prerun.send(sender=None)
        found.append(reverse("standing"))

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert found == ["/", reverse("standing")]
    assert found[1].startswith("/faces/")


def test_no_template_or_script_writes_an_address_from_the_top() -> None:
    """It would leave the path; `{% url %}`, `{% static %}` and `{% site_root %}` do not."""
    pattern = re.compile(
        r"""\b(?:href|src|action|formaction|hx-[a-z]+|ws-connect|data-[a-z-]+|content)=["']/"""
        r"""|\b(?:fetch|assign|replace|WebSocket|import)\(["'`]/|url\(["']?/"""
    )
    files = [
        path
        for folder in ("templates", "static")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".html", ".js", ".css", ".txt", ".svg"}
    ]
    assert len(files) > 100
    found = [path.name for path in files if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == []
