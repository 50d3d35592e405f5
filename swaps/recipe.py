"""What a person asked for: whose face goes where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from faceweb.jobs.recipes import RecipeError
from swaps.engines.base import Blend

__all__ = ["BLENDS", "MAX_FACES", "FaceMapping", "RecipeError", "SwapRecipe"]

BLENDS: tuple[str, ...] = get_args(Blend)
MAX_FACES = 20


@dataclass(frozen=True, slots=True)
class FaceMapping:
    """Put face ``source_face`` of photo ``source`` onto face ``target_face`` of the target.

    Face numbers count a photo's stored faces from 0, largest first.
    """

    target_face: int
    source: UUID
    source_face: int


@dataclass(frozen=True, slots=True)
class SwapRecipe:
    """One target photo, and at least one of its faces mapped to a face of another photo."""

    target: UUID
    mapping: tuple[FaceMapping, ...]
    blend: Blend = "multiband"

    def __post_init__(self) -> None:
        if not self.mapping:
            raise RecipeError(
                "nothing_mapped",
                "No face is chosen yet.",
                "Say for at least one face in the photo whose face it should get.",
            )
        if len(self.mapping) > MAX_FACES:
            raise RecipeError(
                "too_many_faces",
                f"One run changes at most {MAX_FACES} faces.",
                "Change some now, then use the result as the next photo.",
            )
        targets = [face.target_face for face in self.mapping]
        if len(set(targets)) != len(targets):
            raise RecipeError("face_mapped_twice", "One face in the photo is mapped twice.")
        if self.blend not in BLENDS:
            raise RecipeError("unknown_blend", "This way of blending is not known.")

    @property
    def sources(self) -> tuple[UUID, ...]:
        """The source photos, each once, in the order they are first used."""
        return tuple(dict.fromkeys(face.source for face in self.mapping))

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "target": str(self.target),
            "mapping": [
                {
                    "target_face": face.target_face,
                    "source": str(face.source),
                    "source_face": face.source_face,
                }
                for face in self.mapping
            ],
            "blend": self.blend,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SwapRecipe":
        """A recipe from JSON.

        Raises:
            RecipeError: ``malformed`` when the data is not of this shape, or whatever is wrong
                with the recipe itself.
        """
        try:
            return cls(
                target=UUID(str(data["target"])),
                mapping=tuple(_mappings(data["mapping"])),
                blend=data.get("blend", "multiband"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecipeError("malformed", "This request cannot be read.") from error


def _mappings(rows: Iterable[dict[str, Any]]) -> Iterable[FaceMapping]:
    for row in rows:
        target_face, source_face = int(row["target_face"]), int(row["source_face"])
        if target_face < 0 or source_face < 0:
            raise ValueError("faces are counted from 0")
        yield FaceMapping(target_face, UUID(str(row["source"])), source_face)
