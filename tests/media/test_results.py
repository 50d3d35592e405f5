"""Results, deletion, reading back, analysis, and the sweeps."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from faceweb.core.durable import broker
from faceweb.media import face_analysis, marking, screening, tasks
from faceweb.media.analysis_queue import ATTEMPTS, FACES, analysis
from faceweb.media.details import Details, asset_details
from faceweb.media.face_analysis import asset_analyse
from faceweb.media.files import files_roll_back
from faceweb.media.history import asset_history
from faceweb.media.models import Asset, AssetTask, Lineage
from faceweb.media.pictures import asset_read
from faceweb.media.services import asset_delete, assets_delete
from faceweb.media.sweep import files_sweep
from models.faces.face import Face
from tests.media.conftest import files_in, store_result

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("passing_screener")]

PICTURE = np.zeros((300, 400, 3), np.uint8)
PICTURE[:, :200] = (200, 30, 30)
PICTURE[:, 200:] = (30, 30, 200)


@pytest.fixture
def target(user: Any, photo_factory: Any) -> Asset:
    photo: Asset = photo_factory(user)
    return photo


@pytest.fixture
def source(user: Any, photo_factory: Any) -> Asset:
    photo: Asset = photo_factory(user)
    return photo


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def store(owner: Any, target: Asset, *sources: Asset) -> Asset:
    return store_result(owner, target, *sources, image=PICTURE)


def test_a_result_keeps_its_pixels_and_its_parents(
    user: Any, target: Asset, source: Asset, published: Any
) -> None:
    photo = store(user, target, source, source)
    photo.refresh_from_db()
    assert (photo.width, photo.height) == (400, 300)
    assert photo.is_result
    assert asset_details(photo) == Details("classic")
    assert photo.upload_sha256 == ""
    # A JPEG encoding and the invisible mark, no more.
    difference = np.abs(asset_read(photo).astype(int) - PICTURE)
    assert difference.max() <= 20
    assert difference.mean() <= 3
    assert {(line.parent, line.role) for line in photo.lineage.all()} == {
        (target, "target"),
        (source, "source"),
    }


def test_without_a_screener_or_a_marker_there_is_no_result(
    user: Any, target: Asset, media: Path, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(media)
    for registry in ((marking, "_markers"), (screening, "_screeners")):
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(*registry, [])
            store(user, target)
    assert Asset.objects.get() == target
    assert files_in(media) == before


def test_a_result_can_be_the_next_target(
    user: Any, target: Asset, published: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        photo = store(user, target)
    assert photo.analysis == Asset.Analysis.PENDING
    assert published == [("faceweb.media.tasks.asset_task_run", (str(photo.tasks.get().pk),))]


def test_two_results_may_be_alike(user: Any, target: Asset, published: Any) -> None:
    assert store(user, target).pk != store(user, target).pk


def test_a_results_files_go_when_its_transaction_rolls_back(
    user: Any, target: Asset, media: Path, published: Any
) -> None:
    before = files_in(media)

    class Lost(Exception):
        pass

    with pytest.raises(Lost), files_roll_back(), transaction.atomic():
        store(user, target)
        assert len(files_in(media)) == len(before) + 3
        raise Lost
    assert files_in(media) == before
    assert Asset.objects.count() == 1


def test_files_stay_when_something_fails_after_the_commit(
    user: Any, target: Asset, media: Path, published: Any
) -> None:
    before = len(files_in(media))
    with pytest.raises(ZeroDivisionError), files_roll_back():
        store(user, target)
        raise ZeroDivisionError
    assert len(files_in(media)) == before + 3


def test_deleting_leaves_nothing(
    user: Any, target: Asset, media: Path, published: Any, django_capture_on_commit_callbacks: Any
) -> None:
    photo = store(user, target)
    names = [path.name for path in files_in(media)]
    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=photo)
    left = {path.name for path in files_in(media)}
    assert len(names) - len(left) == 3
    assert not Asset.objects.filter(pk=photo.pk).exists()
    assert not Lineage.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=target)
    assert files_in(media) == []


def test_what_was_made_of_a_photo_outlives_it(
    user: Any, target: Asset, published: Any, django_capture_on_commit_callbacks: Any
) -> None:
    result = store(user, target)
    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=target)
    assert asset_read(Asset.objects.get(pk=result.pk)).shape == PICTURE.shape


def test_only_ones_own_photos_are_deleted(
    user: Any,
    other_user: Any,
    photo_factory: Any,
    media: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    mine = [photo_factory(user) for _ in range(3)]
    theirs = photo_factory(other_user)
    with django_capture_on_commit_callbacks(execute=True):
        count = assets_delete(owner=user, ids=[*(p.pk for p in mine[:2]), theirs.pk, uuid4()])
    assert count == 2
    assert set(Asset.objects.all()) == {mine[2], theirs}
    assert len(files_in(media)) == 6


def test_a_missing_file_does_not_stop_deletion(
    target: Asset, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    target.file_of("thumb").storage.delete(str(target.file_of("thumb").name))
    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=target)
    assert files_in(media) == []
    assert not Asset.objects.exists()


def test_a_deletion_that_rolls_back_keeps_the_files(target: Asset, media: Path) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        asset_delete(photo=target)
        raise ZeroDivisionError
    assert len(files_in(media)) == 3
    assert Asset.objects.get() == target


class FakeAnalyser:
    """Finds one face in everything, or fails as told."""

    name = "fake"

    def __init__(self, face: dict[str, Any]) -> None:
        self.face = Face.from_dict(face)
        self.failure: Exception | None = None
        self.shapes: list[tuple[int, ...]] = []

    def find_faces(self, image: np.ndarray) -> list[Face]:
        self.shapes.append(image.shape)
        if self.failure:
            raise self.failure
        return [self.face]


@pytest.fixture
def analyser(face: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> FakeAnalyser:
    fake = FakeAnalyser(face)
    monkeypatch.setattr(face_analysis, "get_analyser", lambda: fake)
    return fake


@pytest.fixture
def pending(user: Any, photo_factory: Any) -> Asset:
    photo: Asset = photo_factory(user, PICTURE, analysis=Asset.Analysis.PENDING)
    return photo


def test_faces_are_kept_as_data(pending: Asset, analyser: FakeAnalyser, face: Any) -> None:
    tasks.asset_task_run(str(analysis.queue(pending, FACES).pk))
    pending.refresh_from_db()
    assert pending.analysis == Asset.Analysis.DONE
    assert pending.analyser == "fake"
    assert analyser.shapes == [PICTURE.shape]
    assert pending.faces[0]["box"] == face["box"]
    assert "embedding" not in pending.faces[0]
    assert pending.found_faces()[0].quality.width_px == 120


def test_a_second_message_does_nothing(pending: Asset, analyser: FakeAnalyser) -> None:
    asset_analyse(pending.pk)
    asset_analyse(pending.pk)
    assert len(analyser.shapes) == 1


def test_a_photo_being_analysed_is_left_alone(pending: Asset, analyser: FakeAnalyser) -> None:
    assert analysis.claim(analysis.queue(pending, FACES).pk)
    asset_analyse(pending.pk)
    assert analyser.shapes == []


def test_a_lost_worker_is_replaced(pending: Asset, analyser: FakeAnalyser) -> None:
    assert analysis.claim(analysis.queue(pending, FACES).pk)
    AssetTask.objects.update(lease_until=LONG_AGO)
    assert analysis.reap() == 1
    asset_analyse(pending.pk)
    pending.refresh_from_db()
    assert pending.analysis == Asset.Analysis.DONE
    assert pending.tasks.get(kind=FACES).attempt == 2


def test_a_worker_that_was_replaced_writes_nothing(
    pending: Asset, analyser: FakeAnalyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = analyser.find_faces

    def slowly(image: np.ndarray) -> list[Face]:
        AssetTask.objects.update(lease_token=uuid4())
        return real(image)

    monkeypatch.setattr(analyser, "find_faces", slowly)
    asset_analyse(pending.pk)
    pending.refresh_from_db()
    assert pending.analysis == Asset.Analysis.PENDING
    assert pending.faces == []


def test_three_failures_are_enough(pending: Asset, analyser: FakeAnalyser) -> None:
    analyser.failure = RuntimeError("broken")
    for expected in (Asset.Analysis.PENDING, Asset.Analysis.PENDING, Asset.Analysis.FAILED):
        asset_analyse(pending.pk)
        pending.refresh_from_db()
        assert pending.analysis == expected
    asset_analyse(pending.pk)
    assert len(analyser.shapes) == 3


def test_three_lost_workers_are_enough(pending: Asset, analyser: FakeAnalyser) -> None:
    task = analysis.queue(pending, FACES)
    for _ in range(ATTEMPTS):
        assert analysis.claim(task.pk)
        AssetTask.objects.update(lease_until=LONG_AGO)
        assert analysis.reap() == 1
    pending.refresh_from_db()
    assert pending.analysis == Asset.Analysis.FAILED
    assert analyser.shapes == []


def test_a_photo_that_is_gone_is_no_error(analyser: FakeAnalyser) -> None:
    asset_analyse(uuid4())
    assert analyser.shapes == []


def test_lost_messages_are_sent_again(
    user: Any, photo_factory: Any, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, working, waiting = (
        analysis.queue(photo_factory(user, analysis=Asset.Analysis.PENDING), FACES)
        for _ in range(3)
    )
    assert analysis.claim(working.pk)
    published.clear()
    AssetTask.objects.filter(pk=lost.pk).update(dispatched_at=LONG_AGO)
    AssetTask.objects.filter(pk=waiting.pk).update(dispatched_at=timezone.now())
    monkeypatch.setattr(broker, "depth", lambda task: 2)
    assert analysis.dispatch_due() == 0, "the broker holds as many as were sent"
    monkeypatch.setattr(broker, "depth", lambda task: 1)
    assert analysis.dispatch_due() == 1
    assert published == [("faceweb.media.tasks.asset_task_run", (str(lost.pk),))]


def test_real_faces_are_found(user: Any, photo_factory: Any, portrait: np.ndarray) -> None:
    photo = photo_factory(user, portrait, analysis=Asset.Analysis.PENDING)
    asset_analyse(photo.pk)
    photo.refresh_from_db()
    assert photo.analysis == Asset.Analysis.DONE
    assert len(photo.faces) == 1
    x1, y1, x2, y2 = photo.faces[0]["box"]
    assert x1 < 224 < x2
    assert y1 < 120 < y2


def age(path: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def test_the_sweep_removes_what_killed_processes_left(target: Asset, media: Path) -> None:
    kept = files_in(media)
    orphan = media / "renditions" / "ab" / "abcd.jpg"
    fresh_orphan = media / "renditions" / "cd" / "cdef.webp"
    dead_intake = media / "incoming" / "dead"
    live_intake = media / "incoming" / "live"
    for path in (orphan, fresh_orphan, dead_intake / "upload", live_intake / "upload"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for path in (*kept, orphan, dead_intake):
        age(path, 2)
    assert files_sweep() == 2
    assert set(files_in(media)) == {*kept, fresh_orphan, live_intake / "upload"}
    assert not dead_intake.exists()


def test_the_sweep_of_an_empty_site_finds_nothing(media: Path) -> None:
    assert files_sweep() == 0


def test_history_follows_the_line_of_targets(
    user: Any, target: Asset, source: Asset, published: Any
) -> None:
    first = store(user, target, source)
    second = store(user, first, source)
    branch = store(user, first)
    history = asset_history(second)
    assert history.target == first
    assert history.sources == [source]
    assert [version.photo for version in history.versions] == [target, first, second, branch]
    assert [version.level for version in history.versions] == [1, 2, 3, 3]
    assert history.has_versions
    assert not asset_history(source).has_versions
