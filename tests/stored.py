"""What the rows of a site hold as JSON, for tests that no words are among it."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import JSONField


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value, keys among them."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_in(part)
    elif isinstance(value, str):
        yield value


def stored_texts() -> Iterator[tuple[str, str]]:
    """Every text in JSON of every row there is, with the name of its column."""
    for model in apps.get_models():
        for column in model._meta.get_fields():
            if isinstance(column, JSONField):
                for value in model._base_manager.values_list(column.name, flat=True):
                    for text in texts_in(value):
                        yield f"{model._meta.label}.{column.name}", text


def stored_sentences() -> list[tuple[str, str]]:
    """Those of several words."""
    return [(column, text) for column, text in stored_texts() if len(text.split()) > 1]
