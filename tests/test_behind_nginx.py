"""The real site below ``/faces/`` of a real nginx, set up as docs/production.md says."""

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.conftest import sample_path
from tests.stack import ROOT, Stack, free_port

pytestmark = pytest.mark.stack

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
ADDRESS = re.compile(
    r'\s(?:href|src|action|formaction|hx-get|hx-post|ws-connect|data-[a-z-]+)="(/[^"]*)"'
)
START_SECONDS = 10


def snippet(begin: str) -> str:
    """The part of docs/production.md's nginx configuration that begins so."""
    text = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```nginx\n(.*?)\n *```", text, re.MULTILINE | re.DOTALL)
    (found,) = [block for _, block in blocks if block.lstrip().startswith(begin)]
    return str(found)


@contextmanager
def nginx_before(site_port: int, port: int, media: Path) -> Iterator[None]:
    """nginx on ``port`` of this machine alone, in front of the site."""
    assert NGINX is not None
    folder = Path(tempfile.mkdtemp(prefix="faceweb-nginx-"))
    site = snippet("location /faces/").replace("127.0.0.1:8000", f"127.0.0.1:{site_port}")
    photos = snippet("location /_private/").replace("/srv/faceweb/media/", f"{media}/")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        "\n".join(
            [
                # The media folder is its owner's alone.
                "user root;" if os.geteuid() == 0 else "",
                f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr warn;",
                "events {}",
                "http {",
                "access_log off;",
                *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
                "map $http_upgrade $connection_upgrade { default upgrade; '' close; }",
                f"server {{ listen 127.0.0.1:{port};",
                site,
                photos,
                "}}",
            ]
        ),
        encoding="utf-8",
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [NGINX, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and not (folder / "pid").exists():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def below() -> Iterator[Stack]:
    """A site of its own at http://127.0.0.1:PORT/faces; ``url`` is that address."""
    if NGINX is None:
        pytest.skip("no nginx found")
    port = free_port()
    url = f"http://127.0.0.1:{port}/faces"
    site = Stack(
        FACEWEB_PUBLIC_BASE_URL=url,
        FACEWEB_DELIVERY="accel",
        FACEWEB_BEHIND_PROXY="true",
    )
    site.url = url
    with site, nginx_before(site.port, port, site.data_dir / "media"):
        yield site


class Browser:
    """Somebody with cookies, who goes where pages and redirects lead."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self._opener: OpenerDirector = build_opener(
            ProxyHandler({}), HTTPCookieProcessor(self.cookies)
        )

    def ask(self, address: str, body: bytes | None = None, **headers: str) -> "Answer":
        where = urljoin(f"{self.url}/", address)
        assert where.startswith(f"{self.url}/"), f"{where} leaves the path"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self._opener.open(Request(where, body, named), timeout=30) as answer:
                return Answer(answer)
        except HTTPError as error:
            return Answer(error)

    def send(self, page: "Answer", action: str, **fields: str) -> "Answer":
        """Send a form of a page to its address."""
        assert f'action="{action}"' in page.text
        return self.ask(action, urlencode({**page.token(), **fields}).encode(), Referer=page.url)

    def upload(self, page: "Answer", action: str, photo: Path, **fields: str) -> "Answer":
        border = uuid.uuid4().hex
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {**page.token(), **fields}.items()
        ]
        parts.append(
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{photo.name}"'
            "\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join(parts).encode() + photo.read_bytes() + f"\r\n--{border}--\r\n".encode()
        return self.ask(
            action,
            body,
            Content_Type=f"multipart/form-data; boundary={border}",
            Accept="application/json",
            Referer=page.url,
        )

    def cookie_header(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)


class Answer:
    """An answer that was read to its end."""

    def __init__(self, answer: "http.client.HTTPResponse | HTTPError") -> None:
        self.status = int(answer.status or 0)
        self.url = str(answer.url)
        self.headers = answer.headers
        self.content = answer.read()

    @property
    def text(self) -> str:
        return self.content.decode()

    def token(self) -> dict[str, str]:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.text)
        assert found is not None
        return {"csrfmiddlewaretoken": found[1]}

    def addresses(self) -> set[str]:
        return {unescape(address) for address in ADDRESS.findall(self.text)}


def signed_up(site: Stack) -> Browser:
    browser = Browser(site.url)
    page = browser.ask("accounts/signup/")
    answer = browser.send(
        page,
        "/faces/accounts/signup/",
        email=f"{uuid.uuid4().hex}@example.org",
        password1="a long enough secret",
    )
    assert (answer.status, answer.url) == (200, f"{site.url}/studio/")
    return browser


def demo(site: Stack) -> Browser:
    """The demo account, signed in."""
    found = re.search(r"Demo account: (\S+) +password: (\S+)", site.output())
    assert found is not None
    browser = Browser(site.url)
    page = browser.ask("accounts/login/?next=/faces/photos/")
    answer = browser.send(
        page,
        "/faces/accounts/login/",
        login=found[1],
        password=found[2],
        next="/faces/photos/",
    )
    assert (answer.status, answer.url) == (200, f"{site.url}/photos/")
    return browser


def test_pages_static_files_and_errors_stay_below_the_path(below: Stack) -> None:
    browser = Browser(below.url)
    for address in ("", "accounts/login/", "verify/", "photos/", "admin/", "s/nothing/"):
        page = browser.ask(address)
        assert page.status == (404 if address == "s/nothing/" else 200)
        assert page.addresses()
        assert [one for one in page.addresses() if not one.startswith("/faces/")] == [], address
    landing = browser.ask("")
    files = {one for one in landing.addresses() if one.startswith("/faces/static/")}
    assert any(one.endswith(".css") for one in files)
    assert any(one.endswith(".js") for one in files)
    for file in files:
        assert browser.ask(file).status == 200, file
    assert browser.ask("healthz").status == 200
    # nginx has nothing else, and what it may not hand out is not to be had by its address.
    connection = http.client.HTTPConnection(urlsplit(below.url).netloc, timeout=10)
    for path in ("/", "/photos/", "/_private/"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404, path
    connection.close()


def test_an_upload_is_delivered_by_nginx_in_parts(below: Stack) -> None:
    browser = signed_up(below)
    assert {cookie.path for cookie in browser.cookies} == {"/faces"}
    page = browser.ask("studio/")
    assert 'action="/faces/photos/upload/"' in page.text
    consent = re.search(r'name="consent" value="([^"]+)"', page.text)
    assert consent is not None
    answer = browser.upload(
        page, "/faces/photos/upload/", sample_path("astronaut"), consent=consent[1]
    )
    assert answer.status == 201, answer.text
    photo = json.loads(answer.text)["url"]
    assert photo.startswith("/faces/photos/")

    def pictures() -> list[str]:
        """What the photo's page shows, once the photo was looked through."""
        shown = browser.ask(photo)
        assert [one for one in shown.addresses() if not one.startswith("/faces/")] == []
        return sorted(one for one in shown.addresses() if one.startswith(f"{photo}file/"))

    picture = below.wait_until(pictures)[0]

    whole = browser.ask(picture)
    part = browser.ask(picture, Range="bytes=10-109")

    assert whole.status == 200
    # The site's own answer has its ETag, a digest; nginx makes one of time and size.
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+"', whole.headers["ETag"])
    assert part.status == 206
    assert part.headers["Content-Range"] == f"bytes 10-109/{len(whole.content)}"
    assert part.content == whole.content[10:110]
    for header in ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"):
        assert whole.headers[header], header
    assert Browser(below.url).ask(picture).content != whole.content


def test_a_job_is_watched_and_its_result_is_shared(below: Stack) -> None:
    browser = demo(below)
    address = below.manage("demo", "--no-wait").stdout.strip()
    assert address.startswith(f"{below.url}/jobs/")
    job_id = address.rstrip("/").rpartition("/")[2]
    job_page = browser.ask(address)
    (socket,) = re.findall(r'ws-connect="([^"]+)"', job_page.text) or [f"/faces/ws/jobs/{job_id}/"]
    assert socket == f"/faces/ws/jobs/{job_id}/"
    parts = urlsplit(below.url)

    heard = []
    with (
        connect(
            f"ws://{parts.netloc}{socket}",
            origin=Origin(f"http://{parts.netloc}"),
            additional_headers={"Cookie": browser.cookie_header()},
            proxy=None,
        ) as page,
        pytest.raises(ConnectionClosedOK),
    ):
        while True:
            heard.append(str(page.recv(timeout=60)))
    last = heard[-1]
    assert 'data-state="done"' in last
    (result,) = set(re.findall(r'data-result="([^"]+)"', last))
    assert result.startswith("/faces/photos/")
    sent = {unescape(one) for one in ADDRESS.findall(last)}
    assert [one for one in sent if not one.startswith("/faces/")] == []

    form = browser.ask(f"{result}share/")
    made = browser.send(form, f"{result}share/", days="7", key=str(uuid.uuid4()))
    shared = re.search(r'id="address" type="text" value="([^"]+)"', made.text)
    assert shared is not None
    assert shared[1].startswith(f"{below.url}/s/")
    stranger = Browser(below.url)
    page_shared = stranger.ask(shared[1])
    assert page_shared.status == 200
    properties = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', page_shared.text))
    assert properties["url"] == shared[1]
    assert properties["image"] == f"{shared[1]}preview.jpg"
    card = stranger.ask(properties["image"])
    assert (card.status, card.content[:3]) == (200, b"\xff\xd8\xff")
    # What remembers the look lies below the link's own address.
    assert {cookie.path for cookie in stranger.cookies if cookie.name == "share_seen"} == {
        urlsplit(shared[1]).path
    }
