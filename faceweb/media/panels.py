"""What a picture's page shows of the floors above: each registers its own panels here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from faceweb.media.models import Asset


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of the page beside the picture.

    Attributes:
        name: for whoever registers another in its place.
        render: its HTML for a request and a picture, or nothing where it has nothing to say.
        order: small comes first; what the picture's own slice shows of its making is at 50.
        stylesheet: the file it needs, below static/.
    """

    name: str
    render: "Callable[[HttpRequest, Asset], str]"
    order: int
    stylesheet: str = ""


_panels: dict[str, Panel] = {}
_appeals: "list[Callable[[Asset], str]]" = []


def register(panel: Panel) -> None:
    """Put a panel on the page of every picture."""
    _panels[panel.name] = panel


def panels() -> list[Panel]:
    """All panels in their order."""
    return sorted(_panels.values(), key=lambda panel: panel.order)


def appeal_register(address: "Callable[[Asset], str]") -> None:
    """Say where the owner of a picture that is held back can ask for another look."""
    _appeals[:] = [address]


def appeal_url(photo: "Asset") -> str:
    """Where the owner can ask for another look; empty where nobody decides such things here."""
    return _appeals[0](photo) if _appeals else ""
