"""Reading JSON that a row keeps, part by part, so that whoever uses it has types to rely on.

A schema is a frozen dataclass with ``to_dict``, a version and ``from_dict``, which reads by this.
"""

from collections.abc import Mapping
from typing import Any


class StoredError(ValueError):
    """What is stored is of another version, or not of the shape that its schema says."""


class Stored:
    """A JSON object whose parts are taken by name; what is missing or of another type is an error.

    Every method raises `StoredError`.
    """

    def __init__(self, data: object, version: int | None = None) -> None:
        if not isinstance(data, Mapping):
            raise StoredError("an object is wanted")
        self._data: Mapping[str, Any] = data
        if version is not None and self.whole("version") != version:
            raise StoredError(f"version {data['version']!r} is not known")

    def text(self, key: str) -> str:
        """A text."""
        value = self._part(key)
        if not isinstance(value, str):
            raise StoredError(f"{key}: a text is wanted")
        return value

    def whole(self, key: str) -> int:
        """A whole number."""
        value = self._part(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise StoredError(f"{key}: a whole number is wanted")
        return value

    def number(self, key: str) -> float:
        """Any number."""
        value = self._part(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise StoredError(f"{key}: a number is wanted")
        return value

    def is_none(self, key: str) -> bool:
        """Whether there is null."""
        return self._part(key) is None

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object."""
        value = self._part(key)
        if not isinstance(value, Mapping):
            raise StoredError(f"{key}: an object is wanted")
        return value

    def part(self, key: str) -> "Stored":
        """An object, to be read in the same way."""
        return Stored(self.mapping(key))

    def items(self, key: str) -> list[Any]:
        """A list."""
        value = self._part(key)
        if not isinstance(value, list):
            raise StoredError(f"{key}: a list is wanted")
        return value

    def parts(self, key: str) -> "list[Stored]":
        """A list of objects."""
        return [Stored(item) for item in self.items(key)]

    def wholes(self, key: str) -> dict[str, int]:
        """An object of whole numbers."""
        part = self.part(key)
        return {name: part.whole(name) for name in self.mapping(key)}

    def numbers(self, key: str) -> dict[str, float]:
        """An object of numbers."""
        part = self.part(key)
        return {name: part.number(name) for name in self.mapping(key)}

    def _part(self, key: str) -> Any:
        if key not in self._data:
            raise StoredError(f"{key}: it is missing")
        return self._data[key]
