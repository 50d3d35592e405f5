"""However edits, swaps, deletions and uploads follow each other, nobody becomes somebody else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from editing.base import edit_base
from editing.engines.base import EditRequest, EditResult
from editing.guard import guard
from faceweb.ledger.models import FaceEntry
from faceweb.ledger.services import bases_record, spending_record, standing_of
from faceweb.ledger.uploads import Recognised, _entries
from faceweb.marks.models import MarkedResult
from faceweb.media.models import Asset
from faceweb.work.kinds.recipes import RecipeError
from models.faces.face import Face
from tests.conftest import stored_face

pytestmark = pytest.mark.django_db

THRESHOLD = 0.8
SIZE = 600
DIMENSIONS = 6
Vector = np.ndarray
_numbers = itertools.count(1)


def face_at(x: float) -> dict[str, Any]:
    """A stored face beside others: one at 0, one at 1, one at 2."""
    data = stored_face()
    data["box"] = [20 + 190 * x, 100, 190 + 190 * x, 330]
    return data


def unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


@dataclass
class World:
    """Pictures as rows, and as vectors who each face in them is and first was.

    ``now`` and ``first`` hold a vector for each face of a picture. The first of a face is who was
    there before any edit; a swap begins anew with the face that it made.
    """

    owners: Sequence[Any]
    seed: int
    pictures: list[Asset] = field(default_factory=list)
    now: dict[UUID, list[Vector]] = field(default_factory=dict)
    first: dict[UUID, list[Vector]] = field(default_factory=dict)
    marks: dict[UUID, MarkedResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def keep(self, picture: Asset, now: list[Vector], first: list[Vector]) -> Asset:
        self.pictures.append(picture)
        self.now[picture.pk], self.first[picture.pk] = now, first
        return picture

    def picture(self, owner: Any, origin: str, faces: int) -> Asset:
        return Asset.objects.create(
            owner=owner,
            origin=origin,
            width=SIZE,
            height=SIZE,
            bytes=1,
            analysis=Asset.Analysis.DONE,
            screening=Asset.Screening.CLEAR,
            faces=[face_at(number) for number in range(faces)],
        )

    def upload(self, owner: Any, faces: int) -> Asset:
        vectors = [unit(self.random.standard_normal(DIMENSIONS)) for _ in range(faces)]
        return self.keep(self.picture(owner, "upload", faces), vectors, list(vectors))

    def result(self, parent: Asset, kind: str) -> Asset:
        made = self.picture(parent.owner, "result", len(parent.faces))
        assert made.is_result
        self.marks[made.pk] = MarkedResult.objects.create(
            mark_id=f"{next(_numbers):016x}", pdq="", pdq_badged="", pdq_quality=0,
            kind=kind, photo=made,
        )  # fmt: skip
        return made

    def edit(self, picture: Asset, number: int, smile: int, age: int, offered: set[str]) -> None:
        """An edit by an engine that turns a face towards somebody else, the further the more."""
        face = picture.found_faces()[number]
        request = EditRequest(
            smile=smile / 100 if "smile" in offered else 0.0,
            age=age / 100 if "age" in offered else 0.0,
        )
        try:
            base = edit_base(picture, face, request, THRESHOLD, offered)
        except RecipeError:
            return
        here = self.now[picture.pk][number]
        who = base.standing.base
        reference = here
        if who is not None:
            index = _index_of(who.face, who.picture.found_faces())
            reference = self.now[who.picture.pk][index]
        start = reference if base.is_restored else here
        towards = {key: unit(self.random.standard_normal(DIMENSIONS)) for key in ("smile", "age")}

        def vector(share: float) -> Vector:
            wanted = base.shown.toward(base.request, share).strengths
            moved = start + sum(
                (1.6 * strength * towards[key] for key, strength in wanted.items()),
                np.zeros(DIMENSIONS),
            )
            return unit(moved)

        def versions(shares: Sequence[float]) -> list[Any]:
            return [vector(share) for share in shares]

        found = guard(
            versions,
            lambda version: float(np.clip(version @ reference, -1, 1)),
            1.0,
            base.threshold,
        )
        if found.image is None:
            return
        result = EditResult(
            image=found.image,
            asked=base.request,
            applied=base.shown.toward(base.request, found.applied),
            similarity=found.similarity,
            threshold=base.threshold,
            curve=found.curve,
            evaluations=found.evaluations,
            timings_ms={},
            touched=(int(face.box[0]) - 15, 60, int(face.box[2]) + 15, 360),
            verdict=found.verdict,
            reason=None,
        )
        made = self.result(picture, "edit")
        spending_record(
            result=made,
            standing=base.standing,
            spent=base.spent_after(result),
            touched=result.touched or (0, 0, 0, 0),
        )
        now, first = list(self.now[picture.pk]), list(self.first[picture.pk])
        now[number] = np.asarray(found.image)
        self.keep(made, now, first)

    def swap(self, picture: Asset, number: int, source: Asset, other: int) -> None:
        """The face of `source`, a little changed, into `picture`."""
        made = self.result(picture, "swap")
        face, theirs = picture.found_faces()[number], source.found_faces()[other]
        bases_record(result=made, target=picture, faces=[(face, [(source, theirs)])])
        new = unit(self.now[source.pk][other] + 0.3 * self.random.standard_normal(DIMENSIONS))
        now, first = list(self.now[picture.pk]), list(self.first[picture.pk])
        now[number] = first[number] = new
        self.keep(made, now, first)

    def delete(self, picture: Asset) -> None:
        picture.delete()
        self.pictures.remove(picture)

    def send_again(self, picture: Asset, owner: Any, is_whole: bool) -> None:
        """The file of a picture as an upload, recognised by its mark; bytes cost no likeness."""
        copy = self.picture(owner, "upload", len(picture.faces))
        mark = self.marks.get(picture.pk)
        if mark is not None:
            # It stays in the pixels, however often they are sent.
            self.marks[copy.pk] = mark
            known = Recognised(MarkedResult.objects.get(pk=mark.pk), is_whole)
            FaceEntry.objects.bulk_create(_entries(copy, known, copy.found_faces()))
        self.keep(copy, list(self.now[picture.pk]), list(self.first[picture.pk]))

    def check(self) -> None:
        for picture in self.pictures:
            for now, first in zip(self.now[picture.pk], self.first[picture.pk], strict=True):
                assert float(now @ first) >= THRESHOLD - 1e-3


def _index_of(face: Face, faces: list[Face]) -> int:
    return next(n for n, each in enumerate(faces) if np.array_equal(each.box, face.box))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "edit", "edit", "edit", "swap", "delete", "again"]),
        st.integers(0, 50),
        st.integers(0, 2),
        st.integers(-100, 100),
        st.integers(-100, 100),
        st.integers(0, 50),
        st.booleans(),
    ),
    min_size=10,
    max_size=16,
)


@pytest.fixture
def people(make_user: Any) -> list[Any]:
    return [make_user("ada@example.org"), make_user("bob@example.org")]


@settings(
    max_examples=25,
    deadline=None,
    # A chain takes seconds in a database; making a failing one shorter would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, seed=st.integers(0, 2**16))
def test_no_chain_of_edits_ends_at_somebody_else(people: list[Any], steps: Any, seed: int) -> None:
    world = World(people, seed)
    world.upload(people[0], 3)
    for what, which, number, smile, age, other, flag in steps:
        if not world.pictures:
            world.upload(people[0], 3)
        # The newest most often: chains are what this is about.
        picture = world.pictures[-1 - min(which % 7, which % len(world.pictures))]
        if what == "edit":
            # Two engines: one of them has no slider for age.
            world.edit(picture, number, smile, age, {"smile", "age"} if flag else {"smile"})
        elif what == "swap":
            source = world.pictures[other % len(world.pictures)]
            if source.owner_id == picture.owner_id:
                world.swap(picture, number, source, other % 3)
        elif what == "delete":
            world.delete(picture)
        else:
            world.send_again(picture, people[other % 2], flag)
        world.check()


def test_swapped_faces_bring_along_what_was_spent_of_them(people: list[Any]) -> None:
    world = World(people, 3)
    first = world.upload(people[0], 2)
    world.edit(first, 0, 60, 0, {"smile"})
    source = world.pictures[-1]
    assert source != first
    spent = standing_of(source, source.found_faces()[0]).total
    target = world.upload(people[0], 2)
    world.swap(target, 1, source, 0)
    swapped = world.pictures[-1]
    standing = standing_of(swapped, swapped.found_faces()[1])
    assert standing.base is not None
    assert standing.base.picture == swapped
    assert standing.brought.strengths == spent.strengths
    assert standing.brought.drift == pytest.approx(spent.drift, abs=0.02)
    assert not standing.is_edited


def test_another_accounts_base_is_never_opened_but_what_was_spent_counts(people: list[Any]) -> None:
    world = World(people, 4)
    first = world.upload(people[0], 1)
    world.edit(first, 0, 80, 0, {"smile"})
    mine = world.pictures[-1]
    spent = standing_of(mine, mine.found_faces()[0]).total
    world.send_again(mine, people[1], is_whole=True)
    theirs = world.pictures[-1]
    standing = standing_of(theirs, theirs.found_faces()[0])
    assert standing.base is None
    assert standing.kept_base is None
    assert standing.total == spent


def test_a_cut_copy_has_the_worst_spent_on_every_face(people: list[Any]) -> None:
    world = World(people, 5)
    first = world.upload(people[0], 2)
    world.edit(first, 0, 80, 0, {"smile"})
    edited = world.pictures[-1]
    spent = standing_of(edited, edited.found_faces()[0]).total
    world.send_again(edited, people[0], is_whole=False)
    copy = world.pictures[-1]
    assert [standing_of(copy, face).total for face in copy.found_faces()] == [spent, spent]


def test_an_upload_that_nobody_knows_starts_from_itself(people: list[Any]) -> None:
    photo = World(people, 6).upload(people[0], 1)
    standing = standing_of(photo, photo.found_faces()[0])
    assert standing.base is not None
    assert standing.base.picture == photo
    assert standing.total.is_nothing
