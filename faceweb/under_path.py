"""The site below a path of its host, such as ``https://example.org/faces``.

Django, Channels and the server each have a notion of such a path, and they differ. Here a request
is brought into one form before any of them sees it.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.urls import set_script_prefix

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Any, Any], Awaitable[None]]


class UnderPath:
    """ASGI middleware that hands on every request as one below ``path``.

    What is asked for may come with the path, as the browser asked for it, or without it, as a
    health check does, or a proxy that takes the path off. Addresses that are written while the
    request is answered begin with the path in either case.

    ``path`` begins with a slash and does not end with one; empty, it changes nothing.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if self.path and scope["type"] in {"http", "websocket"}:
            # Django does this for pages alone; sockets send addresses too.
            set_script_prefix(f"{self.path}/")
            # A server that was told of a root path has put it in front by itself.
            asked = scope["path"].removeprefix(scope.get("root_path") or "")
            whole = f"{self.path}{self._rest(asked)}"
            # The undecoded path is optional, and nobody here reads it.
            scope = {**scope, "root_path": self.path, "path": whole, "raw_path": None}
        await self.app(scope, receive, send)

    def _rest(self, asked: str) -> str:
        """What follows the path; ``/facesque`` does not begin with ``/faces``."""
        if asked == self.path:
            return "/"
        return asked.removeprefix(self.path) if asked.startswith(f"{self.path}/") else asked
