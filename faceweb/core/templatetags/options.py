"""Message ids that were kept with a result, in the reader's language."""

from collections.abc import Iterable

from django import template
from django.utils.translation import gettext

register = template.Library()


@register.filter
def translated(message: object) -> str:
    """One message id; empty for nothing."""
    return gettext(str(message)) if message else ""


@register.filter
def listed(messages: Iterable[object]) -> str:
    """Several in a row."""
    return ", ".join(translated(message) for message in messages)
