"""Codes as sentences and moments as times, for templates.

What is filtered is a refusal, a notice, a row's ``{"code": ..., "params": ...}`` or a bare code.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template

from faceweb.core.times import MOMENT, time_text
from faceweb.core.words import remedy_of, sentence_of
from models.refusals import JSON

register = template.Library()


@register.filter
def sentence(said: Any) -> str:
    """What a code says; empty for nothing."""
    code, params = _parts(said)
    return sentence_of(code, params) if code else ""


@register.filter
def remedy(said: Any) -> str:
    """What helps against what a code says; empty where nothing does."""
    code, params = _parts(said)
    return remedy_of(code, params) if code else ""


@register.filter
def moment(when: datetime | None, pattern: str = MOMENT) -> str:
    """A moment in the reader's zone, with the zone said; empty for none."""
    return time_text(when, pattern) if when else ""


def _parts(said: Any) -> tuple[str, Mapping[str, JSON] | None]:
    if not said:
        return "", None
    if isinstance(said, str):
        return said, None
    if isinstance(said, Mapping):
        return str(said.get("code", "")), said.get("params")
    return said.code, said.params
