"""What the studio's address and its form say, read leniently and kept as one value."""

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from faceweb.core.options import options_read
from models.options import Values
from swaps.choice import engine_choice
from swaps.recipe import MAX_SOURCES, FaceMapping, RecipeError, SwapRecipe

Slot = Literal["target", "source"]
SLOTS: Final[tuple[Slot, ...]] = ("target", "source")
_MAP_FIELD: Final = re.compile(r"map-(\d{1,3})")


@dataclass(frozen=True, slots=True)
class SourceFace:
    """One face of one source photo; faces are counted from 0, largest first."""

    photo: UUID
    face: int

    def __str__(self) -> str:
        return f"{self.photo}:{self.face}"

    @classmethod
    def parse(cls, text: str) -> "SourceFace | None":
        """The face that ``"<photo id>:<face number>"`` names, or None where it names none."""
        photo, _, face = text.partition(":")
        photo_id = parse_uuid(photo)
        if photo_id is None or not (face.isascii() and face.isdigit() and len(face) <= 3):
            return None
        return cls(photo_id, int(face))


@dataclass(frozen=True, slots=True)
class StudioState:
    """All that a person has set in the studio.

    ``chosen`` holds, by target face, the source face it gets, or None for "keep as it is". It is
    empty until somebody chooses. ``together`` says that all source photos show one person.
    ``options`` holds what the engine is told where that differs from what it does unasked.
    """

    target: UUID | None = None
    sources: tuple[UUID, ...] = ()
    chosen: dict[int, SourceFace | None] = field(default_factory=dict)
    together: bool = False
    options: Values = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: QueryDict) -> "StudioState":
        """The state a query string or a posted form holds; what cannot be read is left out."""
        sources = (photo for text in query.getlist("source") if (photo := parse_uuid(text)))
        schema = engine_choice().offer.options
        return cls(
            target=parse_uuid(query.get("target", "")),
            sources=tuple(dict.fromkeys(sources))[:MAX_SOURCES],
            chosen={
                int(match[1]): source
                for name in query
                if (match := _MAP_FIELD.fullmatch(name))
                # Empty is a choice, "keep as it is"; what cannot be read is none.
                if (source := SourceFace.parse(query.get(name, ""))) or not query.get(name)
            },
            together=query.get("together") == "1",
            options=schema.changed(options_read(schema, query)),
        )

    @classmethod
    def from_recipe(cls, recipe: SwapRecipe) -> "StudioState":
        """The state in which the studio asks for ``recipe``, as far as this site offers it."""
        schema = engine_choice().offer.options
        return cls(
            target=recipe.target,
            sources=recipe.sources,
            chosen={
                face.target_face: SourceFace(face.source, face.source_face)
                for face in recipe.mapping
            },
            together=any(face.more_sources for face in recipe.mapping),
            options=schema.changed(schema.fit(recipe.options)),
        )

    def with_photo(self, slot: Slot, photo: UUID) -> "StudioState":
        """The state after ``photo`` was put into ``slot``. A new target starts a new mapping."""
        if slot == "target":
            return replace(self, target=photo, chosen={})
        sources = dict.fromkeys((*self.sources, photo))
        return replace(self, sources=tuple(sources)[-MAX_SOURCES:])

    def without_photo(self, slot: Slot, photo: UUID) -> "StudioState":
        """The state after ``photo`` was taken out of ``slot``."""
        if slot == "target":
            return replace(self, target=None, chosen={})
        return replace(
            self,
            sources=tuple(source for source in self.sources if source != photo),
            chosen={
                face: source
                for face, source in self.chosen.items()
                if source is None or source.photo != photo
            },
        )

    def query(self) -> str:
        """As a query string that `from_query` reads back."""
        pairs = [("target", str(self.target))] if self.target else []
        pairs += [("source", str(source)) for source in self.sources]
        pairs += [(f"map-{face}", str(source or "")) for face, source in self.chosen.items()]
        if self.together:
            pairs.append(("together", "1"))
        pairs += engine_choice().offer.options.pairs(self.options)
        return urlencode(pairs)

    def url(self) -> str:
        """The studio's address in this state."""
        query = self.query()
        return f"{reverse('studio')}?{query}" if query else reverse("studio")

    def recipe(self) -> SwapRecipe:
        """What is asked for.

        Raises:
            RecipeError: when there is no target, or no face is chosen.
        """
        if self.target is None:
            raise RecipeError("no_target")
        return SwapRecipe(
            target=self.target,
            mapping=tuple(
                FaceMapping(
                    target_face=face,
                    source=source.photo,
                    source_face=source.face,
                    more_sources=tuple(
                        photo for photo in self.sources if self.together and photo != source.photo
                    ),
                )
                for face, source in sorted(self.chosen.items())
                if source is not None
            ),
            options=self.options,
        )


def parse_uuid(text: str) -> UUID | None:
    """The UUID that ``text`` spells, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
