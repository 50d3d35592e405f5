"""The registry of what is kept about a person, for export and erasure.

Whatever holds personal data registers a `Section` here from its `AppConfig.ready`.
`faceweb.accounts` exports and erases them all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models.fields.files import FieldFile

if TYPE_CHECKING:
    from faceweb.people.models import User


@dataclass(frozen=True)
class Section:
    """One kind of data.

    - ``name`` is the JSON file's stem in the export and says what it holds.
    - ``rows`` gives JSON-ready dicts.
    - ``files`` gives (path inside the zip, stored file) pairs.
    - ``erase`` removes everything, files included, inside the caller's transaction.
    - ``order``: erasure goes from low to high, so that what others point to goes last.
    """

    name: str
    rows: Callable[["User"], Iterable[dict[str, Any]]]
    erase: Callable[["User"], None]
    files: Callable[["User"], Iterable[tuple[str, FieldFile]]] = lambda user: ()
    order: int = 50


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Add a section; a second one of the same name is a programming error."""
    if section.name in _sections:
        raise ValueError(f"section {section.name!r} is registered twice")
    _sections[section.name] = section


def sections() -> list[Section]:
    """All sections in the order of erasure."""
    return sorted(_sections.values(), key=lambda section: (section.order, section.name))
