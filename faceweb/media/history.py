"""Where a picture comes from and what was made of it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery, UUIDField
from django.db.models.expressions import RawSQL

from faceweb.media.makers import DescribedStep, asset_label, asset_steps, differences, step_describe
from faceweb.media.models import Asset, Lineage

MAX_SHOWN: Final = 40
MAX_INDENT: Final = 5

# Everything that "was made on" ties together, in both directions. UNION drops what is known
# already, so it ends.
_FAMILY: Final = """
    WITH RECURSIVE family (id) AS (
        SELECT photo.id FROM media_asset photo WHERE photo.id = %s
        UNION
        SELECT CASE line.child_id WHEN family.id THEN line.parent_id ELSE line.child_id END
        FROM family
        JOIN media_lineage line
            ON line.role = 'target' AND (line.child_id = family.id OR line.parent_id = family.id)
    )
    SELECT id FROM family
"""


@dataclass(frozen=True)
class Version:
    """One row of the tree of versions, which is read from top to bottom.

    ``level`` is how many steps it is from where it all began, counted from 1. ``indent`` is how
    far it is drawn to the right: a history that never branched is a straight line. ``differs`` is
    by what it differs from others that were made of the same photo and are called the same.
    """

    photo: Asset
    is_current: bool
    level: int
    indent: int
    differs: str = ""

    @property
    def label(self) -> str:
        """What it is, in a few words."""
        return asset_label(self.photo)


@dataclass(frozen=True)
class History:
    """A photo's relatives that its owner still has.

    - ``target``: the photo it was made on; None for an upload, or when that was deleted.
    - ``sources``: the photos a face was taken from.
    - ``versions``: the tree, from where it all began; each row is followed by what was made on
      it, oldest first.
    - ``family``: the ids of all versions, the photo's own among them.
    """

    target: Asset | None
    sources: list[Asset]
    versions: list[Version]
    family: frozenset[UUID]

    @property
    def has_versions(self) -> bool:
        """Whether there is anything but the photo itself."""
        return len(self.family) > 1

    @property
    def left_out(self) -> int:
        """How many versions the tree has no place for."""
        return len(self.family) - len(self.versions)


def asset_history(photo: Asset, *, most: int = MAX_SHOWN) -> History:
    """The relatives of ``photo``, in as many queries for many as for few.

    The tree has at most ``most`` versions: the line back to where it began, then what was made on
    the photo, then what else was made on its target, then the rest.
    """
    parents = _parents(photo)
    line = _line(photo.pk, parents)
    shown = Asset.objects.filter(pk__in=_nearest(line, parents, most)).only(
        "id", "owner_id", "origin", "made_by", "created_at", "steps", "screening"
    )
    relatives = {relative.pk: relative for relative in shown}
    target = parents[photo.pk]
    sources = photo.lineage.filter(
        role=Lineage.Role.SOURCE, parent__owner=photo.owner_id, parent__erased_at=None
    )
    return History(
        target=relatives[target] if target else None,
        sources=[source.parent for source in sources.select_related("parent").order_by("pk")],
        versions=_rows(line, parents, relatives),
        family=frozenset(parents),
    )


def _parents(photo: Asset) -> dict[UUID, UUID | None]:
    """Each version of the family and the one it was made on, oldest first."""
    made_on = Lineage.objects.filter(child=OuterRef("pk"), role=Lineage.Role.TARGET)
    pk = Asset._meta.pk.get_db_prep_value(photo.pk, connection)
    rows = (
        Asset.objects.kept()
        .filter(owner=photo.owner_id, pk__in=RawSQL(_FAMILY, [pk]))  # noqa: S611
        .annotate(made_on=Subquery(made_on.values("parent")[:1], output_field=UUIDField()))
        .order_by("created_at", "pk")
        .values_list("pk", "made_on")
    )
    known = dict(rows)
    return {pk: parent if parent in known else None for pk, parent in known.items()}


def _line(pk: UUID, parents: dict[UUID, UUID | None]) -> list[UUID]:
    """The version itself, what it was made on, and so on to where it began."""
    line = [pk]
    while (parent := parents[line[-1]]) is not None:
        line.append(parent)
    return line


def _nearest(line: list[UUID], parents: dict[UUID, UUID | None], most: int) -> set[UUID]:
    """At most ``most`` versions, the nearest first, each with what it was made on.

    The line is whole whatever its length: a tree cannot do without it.
    """
    itself, target = line[0], line[1] if len(line) > 1 else None
    newest = list(reversed(parents))
    children = [pk for pk in newest if parents[pk] == itself]
    siblings = [pk for pk in newest if target and parents[pk] == target]
    shown = set(line)
    # Oldest first, so that what a version was made on has its place before it.
    for pk in (*children, *siblings, *parents):
        if len(shown) >= most:
            break
        if parents[pk] in shown:
            shown.add(pk)
    return shown


def _rows(
    line: list[UUID], parents: dict[UUID, UUID | None], relatives: dict[UUID, Asset]
) -> list[Version]:
    """The tree as rows, depth first. No recursion: a line of edits may be long."""
    children: dict[UUID, list[UUID]] = {pk: [] for pk in relatives}
    for pk, parent in parents.items():
        if pk in relatives and parent is not None:
            children[parent].append(pk)
    rows: list[Version] = []
    waiting = [(line[-1], 1, 0, "")]
    while waiting:
        pk, level, indent, differs = waiting.pop()
        rows.append(Version(relatives[pk], pk == line[0], level, indent, differs))
        inward = 1 if indent or len(children[pk]) > 1 else 0
        deeper = min(indent + inward, MAX_INDENT)
        steps = [_last_step(relatives[child]) for child in children[pk]]
        below = [
            (child, level + 1, deeper, differences(step, steps))
            for child, step in zip(children[pk], steps, strict=True)
        ]
        waiting.extend(reversed(below))
    return rows


def _last_step(photo: Asset) -> DescribedStep:
    """What made a version; what has a parent was made here."""
    return step_describe(asset_steps(photo)[-1])
