"""What a person asked for: which photo, and how much of its colours should go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FilterRecipe:
    """One photo, and a strength in percent, 1 to 100."""

    photo: UUID
    strength: int

    def __post_init__(self) -> None:
        if not 1 <= self.strength <= 100:
            raise ValueError("the strength is in percent")

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {"photo": str(self.photo), "strength": self.strength}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A recipe from a form or from JSON.

        Raises:
            ValueError, KeyError: it is none.
        """
        return cls(UUID(str(data["photo"])), int(data["strength"]))
