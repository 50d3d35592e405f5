"""What the editor's address and its form say, read leniently and kept as one value."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from editing.recipe import EditRecipe
from faceweb.work.kinds.recipes import RecipeError

OTHER_PREFIX = "slider-"
END = 100
MAX_YEARS = 120


@dataclass(frozen=True, slots=True)
class EditorState:
    """A photo, one of its faces, and where the sliders stand, in percent.

    ``years`` is an age to look like; while there is one, ``age`` does not count.
    """

    photo: UUID | None
    face: int
    smile: int
    age: int
    others: dict[str, int]
    years: int | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> "EditorState":
        """The state; what cannot be read counts as not said, what is beyond an end as the end."""
        return cls(
            photo=_uuid(query.get("photo", "")),
            face=max(0, _number(query.get("face", ""))),
            smile=_percent(query.get("smile", "")),
            age=_percent(query.get("age", "")),
            others={
                name.removeprefix(OTHER_PREFIX): _percent(str(value))
                for name, value in query.items()
                if name.startswith(OTHER_PREFIX)
            },
            years=_years(query.get("target_age", "")),
        )

    @classmethod
    def from_recipe(cls, recipe: EditRecipe) -> "EditorState":
        """The state that asks for ``recipe``."""
        return cls(
            recipe.photo,
            recipe.face,
            recipe.smile,
            recipe.age,
            dict(recipe.others),
            recipe.target_age,
        )

    def recipe(self) -> EditRecipe:
        """The request that this state makes.

        Raises:
            RecipeError: nothing is asked, or no photo is named.
        """
        if self.photo is None:
            raise RecipeError("no_photo_chosen")
        others = {key: percent for key, percent in self.others.items() if percent}
        age = self.age if self.years is None else 0
        return EditRecipe(self.photo, self.face, self.smile, age, self.years, others)

    def strength(self, key: str) -> int:
        """Where the slider ``key`` stands."""
        known = {"smile": self.smile, "age": self.age}
        return known.get(key, self.others.get(key, 0))

    def address(self) -> str:
        """The editor in this state."""
        pairs = {"photo": self.photo or "", "face": self.face, "smile": self.smile, "age": self.age}
        if self.years is not None:
            pairs["target_age"] = self.years
        pairs |= {f"{OTHER_PREFIX}{key}": percent for key, percent in self.others.items()}
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


def _years(text: str) -> int | None:
    years = _number(text)
    return min(years, MAX_YEARS) if years > 0 else None


def _percent(text: str) -> int:
    return max(-END, min(END, _number(text)))
