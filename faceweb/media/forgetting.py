"""What has to go when a photo goes, besides its row and its files.

The floors above register what of theirs names a photo by its id without a foreign key.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

Forgetter = Callable[[UUID, frozenset[str]], None]
"""Called in the transaction that deletes photos, with their owner's id and theirs as text."""

_forgetters: list[Forgetter] = []


def register(forgetter: Forgetter) -> None:
    """Have ``forgetter`` called whenever photos are deleted."""
    _forgetters.append(forgetter)


def forget(owner_id: UUID, photo_ids: frozenset[str]) -> None:
    """Have everything removed that names these photos of one person."""
    for forgetter in _forgetters:
        forgetter(owner_id, photo_ids)


def mentions(value: Any, ids: frozenset[str]) -> bool:
    """Whether one of ``ids`` stands anywhere in a JSON value."""
    if isinstance(value, dict):
        return any(mentions(part, ids) for part in value.values())
    if isinstance(value, list):
        return any(mentions(part, ids) for part in value)
    return value in ids if isinstance(value, str) else False


def without(value: Any, ids: frozenset[str]) -> Any:
    """A JSON value with null wherever one of ``ids`` stood."""
    if isinstance(value, dict):
        return {key: without(part, ids) for key, part in value.items()}
    if isinstance(value, list):
        return [without(part, ids) for part in value]
    return None if isinstance(value, str) and value in ids else value
