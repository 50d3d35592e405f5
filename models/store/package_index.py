"""Finding one archive in the package index that pip is set up to use, without running pip on it.

Read are pip's own settings: ``index-url``, ``extra-index-url``, ``find-links`` and ``cert`` of its
configuration files and environment. A page of links is read as the simple repository API has it
(https://packaging.python.org/en/latest/specifications/simple-repository-api/).
"""

from __future__ import annotations

import html.parser
import logging
import re
import shlex
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from models.store.download import request_of

logger = logging.getLogger(__name__)

DEFAULT_INDEX: Final = "https://pypi.org/simple"
_MAX_PAGE_BYTES: Final = 32 * 1024 * 1024
_SECTIONS: Final = ("global", "install", "download", ":env:")
"""Where pip looks, what counts more later."""


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """Where archives may be found.

    Attributes:
        indexes: addresses of simple repositories, the main one first.
        links: folders, files or pages that link to archives, asked before the indexes.
        certificates: a file of certificate authorities, "" for the system's.
    """

    indexes: tuple[str, ...] = (DEFAULT_INDEX,)
    links: tuple[str, ...] = ()
    certificates: str = ""

    @classmethod
    def configured(cls) -> PackageIndex:
        """What pip is set up to use on this machine."""
        listing = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return cls.from_listing(listing.stdout if listing.returncode == 0 else "")

    @classmethod
    def from_listing(cls, listing: str) -> PackageIndex:
        """The same from the text of ``pip config list``."""
        found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
        for line in listing.splitlines():
            name, equals, value = line.partition("=")
            section, _, key = name.strip().rpartition(".")
            words = shlex.split(value) if equals else []
            if section in found and len(words) == 1:
                found[section][key.removeprefix(".").replace("_", "-")] = words[0]
        settings: dict[str, str] = {}
        for section in _SECTIONS:
            settings |= found[section]
        main = settings.get("index-url", DEFAULT_INDEX)
        switched_off = settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}
        indexes = () if switched_off else (main, *settings.get("extra-index-url", "").split())
        return cls(indexes, tuple(settings.get("find-links", "").split()), settings.get("cert", ""))

    def context(self) -> ssl.SSLContext | None:
        """What connections are checked with, None for the system's way."""
        if not self.certificates or not Path(self.certificates).is_file():
            return None
        return ssl.create_default_context(cafile=self.certificates)

    def addresses(self, package: str, file_name: str, *, timeout: float = 30.0) -> Iterator[str]:
        """Addresses of the archive `file_name` of `package`, as far as places list it.

        A place that does not answer is passed over; look into the log for why.
        """
        for place in self.links:
            yield from self._linked(place, file_name, timeout)
        name = re.sub(r"[-_.]+", "-", package).lower()
        for index in self.indexes:
            yield from self._linked(f"{index.rstrip('/')}/{name}/", file_name, timeout)

    def _linked(self, place: str, file_name: str, timeout: float) -> Iterator[str]:
        folder = _local(place)
        if folder is not None:
            if folder.is_dir() and (folder / file_name).is_file():
                yield (folder / file_name).resolve().as_uri()
                return
            page = folder / "index.html" if folder.is_dir() else folder
            if page.is_file():
                text = page.read_text(encoding="utf-8", errors="replace")
                yield from _matching(text, page.resolve().as_uri(), file_name)
            return
        try:
            request = request_of(place, {"Accept": "text/html"})
            with urllib.request.urlopen(  # noqa: S310 - http and https alone get here
                request, timeout=timeout, context=self.context()
            ) as answer:
                text = answer.read(_MAX_PAGE_BYTES).decode("utf-8", errors="replace")
                base = answer.geturl()
        except (urllib.error.URLError, OSError, ValueError) as error:
            logger.info("package index: %s does not answer (%s)", _safe(place), error)
            return
        user = urlsplit(place).netloc.rpartition("@")[0]
        for address in _matching(text, base, file_name):
            # What opened the page opens the archive beside it.
            same_host = urlsplit(address).hostname == urlsplit(place).hostname
            yield address.replace("://", f"://{user}@", 1) if user and same_host else address


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _matching(text: str, base: str, file_name: str) -> Iterable[str]:
    parser = _Links()
    parser.feed(text)
    for link in parser.found:
        address = urljoin(base, link).partition("#")[0]
        if unquote(urlsplit(address).path).rpartition("/")[2] == file_name:
            yield address


def _local(place: str) -> Path | None:
    """The folder or file that `place` names, None where it is an address of the network."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme in {"http", "https"} else Path(place).expanduser()


def _safe(place: str) -> str:
    """`place` without a password."""
    parts = urlsplit(place)
    return quote(parts.hostname or parts.path)
