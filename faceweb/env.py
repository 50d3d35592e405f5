"""Typed readers of environment variables, the only door by which settings come in.

Every reader takes the variable's name without the ``FACEWEB_`` prefix and a default. A value that
cannot be read raises `ImproperlyConfigured` naming the variable, never its content: it may be a
secret.
"""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PREFIX = "FACEWEB_"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_SITE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")


def _raw(name: str) -> str | None:
    """The variable's text, or the content of the file that ``<name>_FILE`` points to."""
    value = os.environ.get(PREFIX + name)
    if value:
        return value
    path = os.environ.get(f"{PREFIX}{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{PREFIX}{name}_FILE names a file that cannot be read"
        ) from error


def get_str(name: str, default: str = "") -> str:
    """Text; an empty variable counts as unset."""
    value = _raw(name)
    return default if value is None else value


def get_bool(name: str, default: bool) -> bool:
    """``1/true/yes/on`` or ``0/false/no/off``, in any case."""
    value = _raw(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{PREFIX}{name} must be true or false")


def get_int(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    """A whole number within ``minimum..maximum``."""
    value = _raw(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{PREFIX}{name} must be a whole number") from error
    if number < minimum or (maximum is not None and number > maximum):
        bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ImproperlyConfigured(f"{PREFIX}{name} must be {bounds}")
    return number


def get_list(name: str, default: Sequence[str] = ()) -> list[str]:
    """Comma-separated words, blanks dropped."""
    value = _raw(name)
    if value is None:
        return list(default)
    return [word for part in value.split(",") if (word := part.strip())]


def get_site_url(name: str, default: str) -> str:
    """``http(s)://host[:port][/path]`` without a last slash.

    The path is written into cookies, addresses and patterns as it is, so it holds letters, digits
    and ``-._~`` only, and no ``.`` or ``..`` of its own.
    """
    url = get_str(name, default).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0) and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid or url != f"{parts.scheme}://{parts.netloc}{parts.path}":
        raise ImproperlyConfigured(f"{PREFIX}{name} must be like https://example.org/path")
    if not _SITE_PATH.fullmatch(parts.path):
        raise ImproperlyConfigured(
            f"{PREFIX}{name}: its path may hold letters, digits, '-', '.', '_', '~' and '/' only"
        )
    return url


def get_choice(name: str, choices: Sequence[str], default: str) -> str:
    """One of ``choices``."""
    value = _raw(name)
    if value is None:
        return default
    if value not in choices:
        raise ImproperlyConfigured(f"{PREFIX}{name} must be one of: {', '.join(choices)}")
    return value


def get_path(name: str, default: Path) -> Path:
    """A path, made absolute, with ``~`` expanded."""
    value = _raw(name)
    return (Path(value).expanduser() if value else default).resolve()


def get_secret_key(name: str, keep_in: Path) -> str:
    """A secret from the environment, else one made once and kept in the file ``keep_in``.

    The file is readable by its owner only. Several machines must share one key, so they set the
    variable.
    """
    value = _raw(name)
    if value:
        return value
    if not keep_in.exists():
        keep_in.parent.mkdir(parents=True, exist_ok=True)
        made = keep_in.with_name(f"{keep_in.name}.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        # Two processes may start at once: the first link wins and both read its content.
        try:
            keep_in.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return keep_in.read_text(encoding="utf-8")


def get_database(name: str, default: str) -> dict[str, Any]:
    """A Django ``DATABASES`` entry from ``sqlite:///PATH`` or ``postgresql://user:pw@host/db``.

    Query parameters become the driver's options (``?sslmode=require``).
    """
    url = urlsplit(get_str(name, default))
    options: dict[str, Any] = dict(parse_qsl(url.query))
    if url.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(url.path.removeprefix("/")),
            "OPTIONS": {
                # One writer at a time: take the write lock when a transaction begins and wait for
                # it, rather than fail half-way through with "database is locked".
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                **options,
            },
        }
    if url.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(url.path.lstrip("/")),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": unquote(url.hostname or ""),
            "PORT": str(url.port or ""),
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": options,
        }
    raise ImproperlyConfigured(f"{PREFIX}{name} must begin with sqlite:// or postgresql://")


def redis_url_for_celery(url: str, database: int) -> str:
    """Celery's spelling of a Redis address: ``redis+socket://`` for a unix socket."""
    if url.startswith("unix://"):
        return f"redis+socket://{url.removeprefix('unix://')}?virtual_host={database}"
    return f"{url.rstrip('/')}/{database}"


def redis_url_for_client(url: str, database: int) -> str:
    """redis-py's spelling of a Redis address with its database number."""
    if url.startswith("unix://"):
        return f"{url}?db={database}"
    return f"{url.rstrip('/')}/{database}"
