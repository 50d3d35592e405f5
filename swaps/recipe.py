"""What a person asked for: whose face goes where, and what the engine is told."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from faceweb.work.kinds.recipes import RecipeError
from models.options import Values, values_from_json, values_to_json

__all__ = ["MAX_FACES", "MAX_SOURCES", "FaceMapping", "RecipeError", "SwapRecipe"]

MAX_FACES = 20
MAX_SOURCES: Final = 8
"""Photos one face may be known from."""
VERSION: Final = 1
"""Of the JSON of a recipe."""


@dataclass(frozen=True, slots=True)
class FaceMapping:
    """Put face ``source_face`` of photo ``source`` onto face ``target_face`` of the target.

    Face numbers count a photo's stored faces from 0, largest first. ``more_sources`` are further
    photos said to show the same person; which face there it is, the engine finds out.
    """

    target_face: int
    source: UUID
    source_face: int
    more_sources: tuple[UUID, ...] = ()

    @property
    def photos(self) -> tuple[UUID, ...]:
        """The photos the new face is known from, the chosen one first."""
        return (self.source, *self.more_sources)


@dataclass(frozen=True, slots=True)
class SwapRecipe:
    """One target photo, at least one of its faces mapped to a face of another photo, and options.

    ``options`` are in the words of the engine that the site had when this was asked for. They are
    checked against an engine's schema when the work is asked for and fitted to it when it is done.
    """

    target: UUID
    mapping: tuple[FaceMapping, ...]
    options: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.mapping:
            raise RecipeError("nothing_mapped")
        if len(self.mapping) > MAX_FACES:
            raise RecipeError("too_many_faces", limit=MAX_FACES)
        targets = [face.target_face for face in self.mapping]
        if len(set(targets)) != len(targets):
            raise RecipeError("face_mapped_twice")
        for face in self.mapping:
            if len(set(face.photos)) != len(face.photos):
                raise RecipeError("source_twice")
            if len(face.photos) > MAX_SOURCES:
                raise RecipeError("too_many_sources", limit=MAX_SOURCES)

    @property
    def sources(self) -> tuple[UUID, ...]:
        """The source photos, each once, in the order they are first used."""
        return tuple(dict.fromkeys(photo for face in self.mapping for photo in face.photos))

    @property
    def must_show_a_face(self) -> frozenset[UUID]:
        """The photos whose faces are named; of further photos of a person some may be no use."""
        return frozenset({self.target, *(face.source for face in self.mapping)})

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "target": str(self.target),
            "mapping": [_row(face) for face in self.mapping],
            "options": values_to_json(self.options),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SwapRecipe":
        """A recipe from JSON.

        Raises:
            RecipeError: ``malformed`` when the data is not of this shape, or whatever is wrong
                with the recipe itself.
        """
        try:
            if data["version"] != VERSION:
                raise ValueError("a recipe of another version")
            return cls(
                target=UUID(str(data["target"])),
                mapping=tuple(_mappings(data["mapping"])),
                options=values_from_json(data.get("options", {})),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise RecipeError("malformed") from error


def _row(face: FaceMapping) -> dict[str, Any]:
    row: dict[str, Any] = {
        "target_face": face.target_face,
        "source": str(face.source),
        "source_face": face.source_face,
    }
    if face.more_sources:
        row["more_sources"] = [str(photo) for photo in face.more_sources]
    return row


def _mappings(rows: Iterable[dict[str, Any]]) -> Iterable[FaceMapping]:
    for row in rows:
        target_face, source_face = int(row["target_face"]), int(row["source_face"])
        if target_face < 0 or source_face < 0:
            raise ValueError("faces are counted from 0")
        more = tuple(UUID(str(photo)) for photo in row.get("more_sources", ()))
        yield FaceMapping(target_face, UUID(str(row["source"])), source_face, more)
