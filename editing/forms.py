"""What the editor's address and its form say, read leniently and kept as one value."""

from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from editing.choice import editor_choice
from editing.engines.base import YEARS_KEY
from editing.recipe import EditRecipe
from faceweb.core.options import options_read
from faceweb.work.kinds.recipes import RecipeError
from models.options import Value, Values


@dataclass(frozen=True, slots=True)
class EditorState:
    """A photo, one of its faces, and what the engine is told where it is told anything.

    While there is an age to look like, ``age`` does not count.
    """

    photo: UUID | None
    face: int
    options: Values = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: QueryDict) -> "EditorState":
        """The state; what cannot be read counts as not said, what is beyond an end as the end."""
        schema = editor_choice().offer.options
        options = schema.changed(options_read(schema, query))
        years = query.get(YEARS_KEY, "")
        if YEARS_KEY not in schema and years.isascii() and years.isdigit():
            # Kept, so that the answer is why it cannot be had, and not that nothing was asked.
            options[YEARS_KEY] = int(years[:3])
        if YEARS_KEY in options:
            options.pop("age", None)
        return cls(
            photo=_uuid(query.get("photo", "")),
            face=max(0, _number(query.get("face", ""))),
            options=options,
        )

    @classmethod
    def from_recipe(cls, recipe: EditRecipe) -> "EditorState":
        """The state that asks for ``recipe``, as far as this site offers it."""
        schema = editor_choice().offer.options
        return cls(recipe.photo, recipe.face, schema.changed(schema.fit(recipe.options)))

    def recipe(self) -> EditRecipe:
        """The request that this state makes.

        Raises:
            RecipeError: no photo is named.
        """
        if self.photo is None:
            raise RecipeError("no_photo_chosen")
        return EditRecipe(self.photo, self.face, self.options)

    def value(self, key: str) -> Value:
        """How an option is set."""
        return self.options.get(key, editor_choice().offer.options[key].initial)

    def address(self) -> str:
        """The editor in this state."""
        pairs = [("photo", str(self.photo or "")), ("face", str(self.face))]
        pairs += editor_choice().offer.options.pairs(self.options)
        return f"{reverse('edits')}?{urlencode(pairs)}"

    def url(self, *, face: int) -> str:
        """The editor with another face of the same photo, sliders in the middle."""
        return f"{reverse('edits')}?{urlencode({'photo': self.photo or '', 'face': face})}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
