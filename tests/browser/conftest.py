"""A real Chromium against the real site; any error it reports fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    sync_playwright,
)

from tests.stack import ROOT, Stack

PICTURES = ROOT / "test-results"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No background traffic: what the browser says is about the page alone.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The Chromium or Chrome of this machine; skips, saying so, where there is none."""
    path = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if path is None:
        reason = f"no browser found ({', '.join(CHROMIUMS)})"
        if os.environ.get("FACEWEB_BROWSER_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*ARGUMENTS, *sandbox], headless=True
        )
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One person at one browser window, and everything the browser complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note errors of scripts, of the console (broken CSP rules among them) and of answers."""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def picture(self, name: str) -> None:
        """Keep what the page looks like now for people to look at."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Callable[..., Visitor]]:
    """Opens a window with cookies of its own; complaints fail the test when it ends."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_window(width: int = 1280, height: int = 900, **options: Any) -> Visitor:
        context = browser.new_context(
            base_url=stack.url, viewport={"width": width, "height": height}, **options
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        visitor = Visitor(context.new_page())
        visitor.watch()
        visitors.append(visitor)
        return visitor

    yield open_window
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@contextmanager
def expected(visitor: Visitor, *parts: str) -> Iterator[None]:
    """Complaints that contain one of ``parts`` are what this block is about."""
    before = len(visitor.complaints)
    yield
    visitor.complaints[before:] = [
        complaint
        for complaint in visitor.complaints[before:]
        if not any(part in complaint for part in parts)
    ]


@pytest.fixture
def pictures() -> Path:
    """Where screenshots are kept."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES
