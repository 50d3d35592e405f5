"""What a person asked for: how one face should change."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from editing.engines.former import EditRequest
from faceweb.work.kinds.recipes import RecipeError


@dataclass(frozen=True, slots=True)
class EditRecipe:
    """One face of one photo, and how it should change.

    ``face`` counts the photo's stored faces from 0, largest first. ``smile`` and ``age`` are
    percent, -100 to 100, as the sliders have them; ``target_age`` is in years; ``others`` holds
    percents of the engine's further sliders by key.
    """

    photo: UUID
    face: int
    smile: int = 0
    age: int = 0
    target_age: int | None = None
    others: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.is_nothing:
            raise RecipeError("nothing_asked")
        try:
            self.request()
        except ValueError as error:
            raise RecipeError("out_of_range") from error

    @property
    def is_nothing(self) -> bool:
        """Whether every slider is in its middle."""
        return not (self.smile or self.age or self.target_age or any(self.others.values()))

    @property
    def asked(self) -> set[str]:
        """The keys of the sliders that are not in their middle."""
        return {key for key, strength in self.request().strengths.items() if strength}

    def request(self) -> EditRequest:
        """The same in the engine's terms.

        Raises:
            ValueError: a strength is out of range, or age is asked twice.
        """
        return EditRequest(
            smile=self.smile / 100,
            age=self.age / 100,
            target_age=self.target_age,
            others={key: percent / 100 for key, percent in self.others.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "photo": str(self.photo),
            "face": self.face,
            "smile": self.smile,
            "age": self.age,
            "target_age": self.target_age,
            "others": dict(self.others),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "EditRecipe":
        """A recipe from JSON.

        Raises:
            RecipeError: ``malformed`` when the data is not of this shape, or whatever is wrong
                with the recipe itself.
        """
        try:
            face = int(data["face"])
            if face < 0:
                raise ValueError("faces are counted from 0")
            years = data.get("target_age")
            return cls(
                photo=UUID(str(data["photo"])),
                face=face,
                smile=int(data.get("smile", 0)),
                age=int(data.get("age", 0)),
                target_age=None if years is None else int(years),
                others={str(key): int(value) for key, value in data.get("others", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecipeError("malformed") from error
