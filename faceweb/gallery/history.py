"""Where a picture comes from and what was made of it."""

from dataclasses import dataclass

from faceweb.gallery.models import Lineage, Photo

# Far longer than anybody's chain of edits; a bound all the same, since each step is a query.
MAX_STEPS = 30


@dataclass(frozen=True)
class History:
    """A photo's relatives.

    - ``target``: the photo it was made on; None for an upload, or when that was deleted.
    - ``sources``: the photos a face was taken from.
    - ``ancestors``: the line of targets it goes back to, oldest first, ``target`` last.
    - ``children``: what was made on it, oldest first.
    """

    target: Photo | None
    sources: list[Photo]
    ancestors: list[Photo]
    children: list[Photo]

    @property
    def has_versions(self) -> bool:
        """Whether there is anything but the photo itself."""
        return bool(self.ancestors or self.children)


def photo_history(photo: Photo) -> History:
    """The relatives of ``photo`` that its owner still has."""
    parents = [
        (line.role, line.parent)
        for line in photo.lineage.select_related("parent").order_by("pk")
        if line.parent.owner_id == photo.owner_id
    ]
    target = next((parent for role, parent in parents if role == Lineage.Role.TARGET), None)
    made_on_it = photo.offspring.filter(
        role=Lineage.Role.TARGET, child__owner=photo.owner_id
    ).select_related("child")
    return History(
        target=target,
        sources=[parent for role, parent in parents if role == Lineage.Role.SOURCE],
        ancestors=_line_of_targets(target),
        children=[line.child for line in made_on_it.order_by("child__created_at", "pk")],
    )


def _line_of_targets(photo: Photo | None) -> list[Photo]:
    line: list[Photo] = []
    while photo is not None and len(line) < MAX_STEPS:
        line.append(photo)
        step = (
            photo.lineage.filter(role=Lineage.Role.TARGET, parent__owner=photo.owner_id)
            .select_related("parent")
            .first()
        )
        photo = step.parent if step else None
    return line[::-1]
