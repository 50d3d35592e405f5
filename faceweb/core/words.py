"""The catalogue of words: what a code says to the person who reads it.

Rows, exceptions and messages hold codes and parameters. Each slice registers the words of its codes
in ``AppConfig.ready`` from its own ``words.py``; sentences are marked for translation and filled
when they are shown. Stages of a job, notices of an engine and reasons of a refusal are all codes.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faceweb.core.times import time_text
from models.engines import Notice
from models.refusals import JSON, Refusal

logger = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"%(?:\((?P<name>[a-z_]+)\)(?P<kind>.)|(?P<other>.?))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Words:
    """What a code says.

    Attributes:
        sentence: what is the matter, lazily translated; parameters stand in it as ``%(name)s`` and
            a literal per cent sign as ``%%``. May be an ``ngettext_lazy`` that counts by name.
        remedy: what the reader can do about it, in the same form; may be empty.
        status: the HTTP status a refusal with this code is answered with.
    """

    sentence: str | Promise
    remedy: str | Promise = ""
    status: int = 400


INTERNAL = "internal"
_late: list[Callable[[], Mapping[str, Words]]] = []
_catalogue: dict[str, Words] = {
    INTERNAL: Words(
        _("Something went wrong on our side."),
        _("Try once more. If it happens again, tell whoever runs this site."),
        500,
    )
}


def words_register(words: Mapping[str, Words]) -> None:
    """Make codes known, once per process.

    Raises:
        ValueError: a code has other words already.
    """
    for code, said in words.items():
        if _catalogue.setdefault(code, said) is not said:
            raise ValueError(f"the code {code!r} has words already")


def words_register_late(source: Callable[[], Mapping[str, Words]]) -> None:
    """Make codes known that cost something to look up: ``source`` is asked when a code is missed.

    A web process that never shows such a code never imports what knows it.
    """
    _late.append(source)


def words_registered() -> dict[str, Words]:
    """The whole catalogue, by code."""
    _ask_late()
    return dict(_catalogue)


def sentence_of(code: str, params: Mapping[str, JSON] | None = None) -> str:
    """What ``code`` says, in the language that is active; general words for one nobody knows."""
    return _filled(_words_of(code).sentence, params)


def remedy_of(code: str, params: Mapping[str, JSON] | None = None) -> str:
    """What helps against ``code``; empty where nothing does."""
    return _filled(_words_of(code).remedy, params)


def status_of(code: str) -> int:
    """The HTTP status that a refusal with this code is answered with."""
    return _words_of(code).status


def refusal_text(refusal: Refusal) -> str:
    """A refusal's sentence and remedy as one text."""
    said = sentence_of(refusal.code, refusal.params), remedy_of(refusal.code, refusal.params)
    return " ".join(part for part in said if part)


def notice_text(notice: Notice) -> str:
    """A notice's sentence and remedy as one text."""
    said = sentence_of(notice.code, notice.params), remedy_of(notice.code, notice.params)
    return " ".join(part for part in said if part)


def refusal_answer(refusal: Refusal) -> dict[str, str]:
    """A refusal as scripts are told it: ``code``, ``sentence`` and ``remedy``."""
    return {
        "code": refusal.code,
        "sentence": sentence_of(refusal.code, refusal.params),
        "remedy": remedy_of(refusal.code, refusal.params),
    }


def refusal_headers(refusal: Refusal) -> dict[str, str]:
    """The HTTP headers that go with a refusal: when to ask again, where it says so."""
    after = refusal.params.get("retry_after")
    return {} if after is None else {"Retry-After": str(after)}


def time_param(when: datetime) -> JSON:
    """A moment as a parameter: written in the zone of whoever reads the sentence."""
    return {"time": when.isoformat()}


def placeholders_of(text: str | Promise) -> set[str]:
    """The names of the parameters in a sentence.

    Raises:
        ValueError: it holds a ``%`` that is neither ``%(name)s`` nor ``%%``.
    """
    names = set()
    for found in _PLACEHOLDER.finditer(_raw(text)):
        if found["name"] and found["kind"] == "s":
            names.add(found["name"])
        elif found["other"] != "%":
            raise ValueError(f"{found[0]!r} is neither %(name)s nor %%")
    return names


def _raw(text: str | Promise) -> str:
    """A text with its parameters unfilled; of a plural both forms."""
    counted = getattr(text, "_kw", {})
    if "plural" in counted:
        return f"{counted['singular']} {counted['plural']}"
    return str(text)


def _words_of(code: str) -> Words:
    words = _catalogue.get(code)
    if words is None and _late:
        _ask_late()
        words = _catalogue.get(code)
    if words is None:
        logger.error("the code %r has no words", code)
        return _catalogue[INTERNAL]
    return words


def _ask_late() -> None:
    while _late:
        words_register(_late.pop()())


def _filled(text: str | Promise, params: Mapping[str, JSON] | None) -> str:
    shown = _Shown({name: _shown(value) for name, value in (params or {}).items()})
    # A lazy plural is chosen by this operator, from the number that it counts by.
    filled: Any = text
    return str(filled % shown)


class _Shown(dict[str, Any]):
    """Parameters as they are written into a sentence; a row may be older than its sentence."""

    def __missing__(self, name: str) -> "_Lost":
        logger.error("a sentence asks for %r, which was not given", name)
        return _Lost()


class _Lost(int):
    """What is written for a parameter that was not given; a plural can count by it."""

    def __str__(self) -> str:
        return "…"


class _Integer(int):
    """A number that a plural can count by and that is written as the reader writes numbers."""

    def __str__(self) -> str:
        return str(formats.number_format(int(self), force_grouping=True))


def _shown(value: JSON) -> Any:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return _Integer(value)
    if isinstance(value, float):
        return formats.number_format(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(_shown(item)) for item in value)
    if isinstance(value, dict) and isinstance(when := value.get("time"), str):
        return time_text(datetime.fromisoformat(when))
    # A parameter may be a code itself, such as the name of a part of the face.
    if isinstance(value, dict) and isinstance(code := value.get("code"), str):
        params = value.get("params")
        return sentence_of(code, params if isinstance(params, dict) else None)
    # A text may be the name of something, such as an option's label: a message id.
    return gettext(str(value)) if value else ""
