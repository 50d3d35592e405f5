"""What is kept of a swap: on its job, with its result, and in the history of all that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from faceweb.core.stored import Stored, StoredError
from models.engines import Notice
from models.options import Values, values_from_json, values_to_json

VERSION: Final = 1
"""Of each of the schemas below."""


@dataclass(frozen=True, slots=True)
class ChangedFace:
    """One face that was replaced, and how well.

    Attributes:
        target_face: number of the face in the photo that was changed.
        source_photo: id of the photo of the new face; None once that is deleted.
        source_face: number of the new face in its photo.
        more_sources: ids of further photos that it is known from; None for those deleted since.
        similarity_to_source, similarity_to_target: 0 to 1; None where it could not be told.
        notices: what will show.
    """

    target_face: int
    source_photo: str | None
    source_face: int
    more_sources: tuple[str | None, ...] = ()
    similarity_to_source: float | None = None
    similarity_to_target: float | None = None
    notices: tuple[Notice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "target_face": self.target_face,
            "source_photo": self.source_photo,
            "source_face": self.source_face,
            "more_sources": list(self.more_sources),
            "similarity_to_source": self.similarity_to_source,
            "similarity_to_target": self.similarity_to_target,
            "notices": [notice.to_json() for notice in self.notices],
        }

    @classmethod
    def read(cls, stored: Stored) -> "ChangedFace":
        """The inverse of `to_dict`."""
        more = stored.items("more_sources")
        if not all(photo is None or isinstance(photo, str) for photo in more):
            raise StoredError("more_sources: ids are wanted")
        return cls(
            target_face=stored.whole("target_face"),
            source_photo=None if stored.is_none("source_photo") else stored.text("source_photo"),
            source_face=stored.whole("source_face"),
            more_sources=tuple(more),
            similarity_to_source=_similarity(stored, "similarity_to_source"),
            similarity_to_target=_similarity(stored, "similarity_to_target"),
            notices=tuple(notices_read(stored.items("notices"))),
        )


@dataclass(frozen=True, slots=True)
class SwapFigures:
    """What a job keeps of a swap (``Job.figures``), and its result (`Details.own`).

    ``faces_found`` counts the faces of the photo, and ``faces`` are those that were changed.
    """

    faces_found: int
    faces: tuple[ChangedFace, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "faces_found": self.faces_found,
            "faces": [face.to_dict() for face in self.faces],
        }

    @classmethod
    def from_dict(cls, data: object) -> "SwapFigures":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, VERSION)
        faces = tuple(ChangedFace.read(face) for face in stored.parts("faces"))
        return cls(stored.whole("faces_found"), faces)


@dataclass(frozen=True, slots=True)
class SwapWhat:
    """What describes a swap in the history of a picture (``Step.what``).

    Attributes:
        faces: how many faces were changed.
        photos: how many photos the new faces are known from.
        engine: the engine's name.
        options: what it was told.
    """

    faces: int = 1
    photos: int = 1
    engine: str = ""
    options: Values = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "faces": self.faces,
            "photos": self.photos,
            "engine": self.engine,
            "options": values_to_json(self.options),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SwapWhat":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, VERSION)
        try:
            options = values_from_json(stored.mapping("options"))
        except TypeError as error:
            raise StoredError(f"options: {error}") from error
        return cls(stored.whole("faces"), stored.whole("photos"), stored.text("engine"), options)


def notices_read(items: list[Any]) -> list[Notice]:
    """Notices as `Notice.to_json` gives them.

    Raises:
        StoredError: one is not of this shape.
    """
    try:
        return [Notice.from_json(item) for item in items]
    except (KeyError, TypeError, ValueError) as error:
        raise StoredError(f"a notice cannot be read: {error!r}") from error


def _similarity(stored: Stored, key: str) -> float | None:
    return None if stored.is_none(key) else stored.number(key)
