"""How a result was made and what happened to an upload, as their rows keep it.

Codes, names and numbers, never sentences: the words are made where they are shown.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from faceweb.core.stored import Stored, StoredError
from models.options import Values, values_from_json, values_to_json

if TYPE_CHECKING:
    from faceweb.media.models import Asset

logger = logging.getLogger(__name__)

DETAILS_VERSION: Final = 1
NOTE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A network that took part: its card and file, and the SHA-256 of the file."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Details:
    """How a result was made, as ``Asset.making`` holds it.

    Attributes:
        engine: the engine's name.
        options: all that it was told, in its own words.
        models: the networks that took part, where an operator fetched them.
        timings_ms: milliseconds per stage.
        own: what the kind of work keeps besides, JSON with a version of the kind's own.
    """

    engine: str
    options: Values = field(default_factory=dict)
    models: tuple[UsedModel, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": DETAILS_VERSION,
            "engine": self.engine,
            "options": values_to_json(self.options),
            "models": [{"name": model.name, "digest": model.digest} for model in self.models],
            "timings_ms": dict(self.timings_ms),
            "own": dict(self.own),
        }

    @classmethod
    def from_dict(cls, data: object) -> "Details":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, DETAILS_VERSION)
        try:
            options = values_from_json(stored.mapping("options"))
        except TypeError as error:
            raise StoredError(f"options: {error}") from error
        models = [UsedModel(one.text("name"), one.text("digest")) for one in stored.parts("models")]
        return cls(
            engine=stored.text("engine"),
            options=options,
            models=tuple(models),
            timings_ms=stored.numbers("timings_ms"),
            own=stored.mapping("own"),
        )


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to an upload on its way in; ``Asset.notes`` holds a list of them."""

    code: str
    params: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {"version": NOTE_VERSION, "code": self.code, "params": dict(self.params)}

    @classmethod
    def from_dict(cls, data: object) -> "Note":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, NOTE_VERSION)
        return cls(stored.text("code"), stored.wholes("params"))


def asset_details(photo: "Asset") -> Details | None:
    """How ``photo`` was made; None where nobody made it here or what is kept cannot be read."""
    if not photo.making:
        return None
    try:
        return Details.from_dict(photo.making)
    except StoredError as error:
        logger.error("how %s was made cannot be read: %s", photo.pk, error)
        return None


def asset_notes(photo: "Asset") -> list[Note]:
    """What happened to ``photo`` on its way in; what cannot be read is left out."""
    notes = []
    for data in photo.notes:
        try:
            notes.append(Note.from_dict(data))
        except StoredError as error:
            logger.error("a note on %s cannot be read: %s", photo.pk, error)
    return notes
