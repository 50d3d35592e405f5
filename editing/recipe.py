"""What a person asked for: how one face should change."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from editing.engines.base import EditRequest, request_from
from faceweb.work.kinds.recipes import RecipeError
from models.options import OptionSchema, Values, values_from_json, values_to_json

VERSION: Final = 1
"""Of the JSON of a recipe."""


@dataclass(frozen=True, slots=True)
class EditRecipe:
    """One face of one photo, and what the engine is told.

    ``face`` counts the photo's stored faces from 0, largest first. ``options`` are in the words of
    the engine that the site had when this was asked for: sliders in percent, ``target_age`` in
    years. What is left out is not asked for.
    """

    photo: UUID
    face: int
    options: Values = field(default_factory=dict)

    def request(self, schema: OptionSchema) -> EditRequest:
        """The same in engines' terms, by what an engine offers.

        Raises:
            Refusal: an option is not offered, or has no such value.
            RecipeError: ``nothing_asked`` where every slider is in its middle.
        """
        request = request_from(schema.check(self.options), schema)
        if request.target_age is None and not any(request.strengths.values()):
            raise RecipeError("nothing_asked")
        return request

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "photo": str(self.photo),
            "face": self.face,
            "options": values_to_json(self.options),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "EditRecipe":
        """A recipe from JSON.

        Raises:
            RecipeError: ``malformed`` when the data is not of this shape.
        """
        try:
            face = int(data["face"])
            if data["version"] != VERSION or face < 0:
                raise ValueError("another version, or faces that are not counted from 0")
            options = values_from_json(data.get("options", {}))
            return cls(UUID(str(data["photo"])), face, options)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise RecipeError("malformed") from error
