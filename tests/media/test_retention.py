"""How long photos are kept, and that deleted means deleted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from faceweb.accounts.services import account_delete, accounts_forget
from faceweb.media.details import Details
from faceweb.media.models import Asset, Lineage
from faceweb.media.retention import (
    ancestors_keep,
    asset_keep,
    asset_may_extend,
    assets_date_undated,
    expiry_of_new,
)
from faceweb.media.services import asset_delete
from faceweb.media.sweep import assets_expire, assets_without_files
from faceweb.moderation.cases import case_open
from faceweb.moderation.models import Case
from faceweb.people.models import User
from faceweb.work.models import Job
from faceweb.work.services import jobs_forget
from tests.media.conftest import Upload, corners, encoded, files_in

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Make = Callable[..., Asset]


def made_of(child: Asset, *parents: Asset, role: str = Lineage.Role.TARGET) -> None:
    Lineage.objects.bulk_create(Lineage(child=child, parent=p, role=role) for p in parents)


def test_an_upload_that_made_nothing_lives_for_a_day(
    upload: Upload, media: Path, django_capture_on_commit_callbacks: Any
):
    with time_machine.travel(NOON, tick=False) as clock:
        photo = Asset.objects.get(pk=upload(encoded(corners())).json()["id"])
        assert photo.expires_at == NOON + DAY
        clock.shift(DAY - HOUR)
        assert assets_expire() == 0
        clock.shift(HOUR)
        with django_capture_on_commit_callbacks(execute=True):
            assert assets_expire() == 1
    assert not Asset.objects.exists()
    assert files_in(media) == []


def test_a_result_is_kept_for_a_term_and_so_is_what_it_was_made_of(user, photo_factory: Make):
    with time_machine.travel(NOON, tick=False):
        upload = photo_factory(user, expires_at=expiry_of_new(Asset.Origin.UPLOAD))
        result = photo_factory(
            user,
            origin=Asset.Origin.RESULT,
            made_by="swap",
            expires_at=expiry_of_new(Asset.Origin.RESULT),
        )
        made_of(result, upload)
        ancestors_keep(result)
    upload.refresh_from_db()
    assert result.expires_at == upload.expires_at == NOON + 30 * DAY


def test_a_parent_that_is_kept_longer_keeps_its_date(user, photo_factory: Make):
    parent = photo_factory(user, expires_at=NOON + 90 * DAY)
    for_good = photo_factory(user, expires_at=None)
    child = photo_factory(
        user, origin=Asset.Origin.RESULT, made_by="edit", expires_at=NOON + 30 * DAY
    )
    made_of(child, parent, for_good)
    ancestors_keep(child)
    assert set(Asset.objects.exclude(pk=child.pk).values_list("expires_at", flat=True)) == {
        NOON + 90 * DAY,
        None,
    }


def test_keeping_the_last_of_a_line_keeps_the_whole_line(user, photo_factory: Make):
    with time_machine.travel(NOON, tick=False):
        upload, swap, edit = (photo_factory(user, expires_at=NOON + DAY) for _ in range(3))
        made_of(swap, upload)
        made_of(edit, swap)
        asset_keep(photo=edit)
    assert set(Asset.objects.values_list("expires_at", flat=True)) == {NOON + 31 * DAY}


def test_no_limit_means_no_date(settings: Any):
    settings.RETENTION_DAYS = settings.UNUSED_HOURS = 0
    assert expiry_of_new(Asset.Origin.UPLOAD) is None
    assert expiry_of_new(Asset.Origin.RESULT) is None


def test_the_owner_puts_it_off_as_far_as_the_site_allows(
    user, client_for, photo_factory: Make, settings: Any
):
    settings.RETENTION_MAX_DAYS = 45
    with time_machine.travel(NOON, tick=False) as clock:
        photo = photo_factory(user, expires_at=NOON + DAY)
        page = client_for(user).get(photo.get_absolute_url()).content.decode()
        assert "Keep until 4 June 2026" in page
        answer = client_for(user).post(reverse("asset_keep", args=[photo.pk]))
        assert answer.status_code == 302
        photo.refresh_from_db()
        assert photo.expires_at == NOON + 31 * DAY
        clock.shift(29 * DAY)
        asset_keep(photo=photo)
        assert photo.expires_at == NOON + 45 * DAY
        assert not asset_may_extend(photo)
        clock.shift(20 * DAY)
        assert assets_expire() == 1


def test_nobody_puts_off_what_is_not_theirs(user, other_user, client_for, photo_factory: Make):
    photo = photo_factory(user, expires_at=NOON)
    answer = client_for(other_user).post(reverse("asset_keep", args=[photo.pk]))
    assert answer.status_code == 404
    photo.refresh_from_db()
    assert photo.expires_at == NOON


def test_the_gallery_and_the_page_say_when_it_goes(user, client_for, photo_factory: Make):
    with time_machine.travel(NOON, tick=False):
        photo = photo_factory(user, expires_at=NOON + 9 * DAY)
        client = client_for(user)
        assert "13 May</time>" in client.get(reverse("photos")).content.decode()
        assert "13 May 2026, 12:00" in client.get(photo.get_absolute_url()).content.decode()


def test_nothing_goes_while_its_owner_has_work_waiting(user, other_user, photo_factory: Make):
    for owner in (user, other_user):
        photo_factory(owner, expires_at=timezone.now() - HOUR)
    job = Job.objects.create(owner=user, kind="swap", recipe={})
    assert assets_expire() == 1
    assert Asset.objects.get().owner == user
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, finished_at=timezone.now())
    assert assets_expire() == 1


def test_nothing_goes_while_people_have_to_decide_about_it(user, photo_factory: Make):
    photo = photo_factory(user, expires_at=timezone.now() - HOUR)
    case = case_open(kind=Case.Kind.REPORT, reason="other", photo=photo)
    assert assets_expire() == 0
    Case.objects.filter(pk=case.pk).update(state=Case.State.CLOSED)
    assert assets_expire() == 1


def test_photos_from_before_there_was_a_limit_get_a_full_term(user, photo_factory: Make):
    photo = photo_factory(user, expires_at=None)
    with time_machine.travel(NOON, tick=False):
        assert assets_date_undated() == 1
    photo.refresh_from_db()
    assert photo.expires_at == NOON + 30 * DAY


def rows_that_mention(text: str) -> list[str]:
    """Every table and row that holds ``text`` anywhere, whatever its columns are called."""
    return [
        f"{model._meta.label} {row}"
        for model in apps.get_models()
        for row in model._base_manager.values()
        if text in repr(row) or text.replace("-", "") in repr(row)
    ]


@pytest.fixture
def family(user, photo_factory: Make) -> tuple[Asset, Asset, Asset]:
    """An upload, a swap made with it, and an edit of that, with their jobs."""
    upload = photo_factory(user, expires_at=timezone.now() - HOUR)
    swap = photo_factory(
        user,
        origin=Asset.Origin.RESULT,
        made_by="swap",
        making=Details("classic", own={"faces": [{"source_photo": str(upload.pk)}]}).to_dict(),
    )
    edit = photo_factory(
        user,
        origin=Asset.Origin.RESULT,
        made_by="edit",
        making=Details("classic", own={"base": str(upload.pk)}).to_dict(),
    )
    made_of(swap, upload, role=Lineage.Role.SOURCE)
    made_of(edit, swap)
    Job.objects.create(
        owner=user,
        kind="swap",
        state=Job.State.DONE,
        recipe={"target": str(uuid4()), "mapping": [{"source": str(upload.pk)}]},
        result=swap,
    )
    Job.objects.create(
        owner=user,
        kind="edit",
        state=Job.State.DONE,
        recipe={"photo": str(swap.pk)},
        result=edit,
    )
    return upload, swap, edit


def test_deleted_means_gone_from_every_table_and_the_store(
    family, media: Path, django_capture_on_commit_callbacks: Any
):
    upload, swap, edit = family
    names = [str(upload.file_of(field)) for field in ("original", "preview", "thumb")]
    assert rows_that_mention(str(upload.pk))
    with django_capture_on_commit_callbacks(execute=True):
        assert assets_expire() == 1
    assert rows_that_mention(str(upload.pk)) == []
    assert not any(default_storage.exists(name) for name in names)
    assert len(files_in(media)) == 6
    assert {photo.pk for photo in Asset.objects.all()} == {swap.pk, edit.pk}


def test_what_was_made_of_a_deleted_photo_still_has_its_page(family, user, client_for):
    upload, swap, edit = family
    asset_delete(photo=upload)
    for photo in (swap, edit):
        page = client_for(user).get(photo.get_absolute_url())
        assert page.status_code == 200
        assert str(upload.pk) not in page.content.decode()


def test_a_photo_on_hold_is_gone_for_its_owner_and_stays_for_the_law(
    user, client_for, photo_factory: Make, upload: Upload
):
    content = encoded(corners())
    photo = Asset.objects.get(pk=upload(content).json()["id"])
    Asset.objects.filter(pk=photo.pk).update(legal_hold=True, expires_at=timezone.now() - HOUR)
    assert assets_expire() == 0
    client = client_for(user)
    client.post(reverse("asset_delete", args=[photo.pk]), {"confirm": "yes"})
    assert client.get(photo.get_absolute_url()).status_code == 404
    assert client.get(reverse("asset_file", args=[photo.pk, "preview"])).status_code == 404
    photo.refresh_from_db()
    assert photo.erased_at is not None
    assert default_storage.exists(str(photo.file_of("original")))
    # The same file sent again is a new photo: the old one does not exist for its owner.
    assert upload(content).json()["id"] != str(photo.pk)

    Asset.objects.filter(pk=photo.pk).update(legal_hold=False)
    assert assets_expire() == 1
    assert not Asset.objects.filter(pk=photo.pk).exists()


def test_an_account_with_a_photo_on_hold_keeps_nothing_that_says_whose_it_was(
    user, photo_factory: Make
):
    held = photo_factory(user, legal_hold=True)
    photo_factory(user)
    account_delete(user=user)
    left = User.objects.get(pk=user.pk)
    assert Asset.objects.get() == held
    assert "olive" not in repr(User.objects.filter(pk=user.pk).values())
    assert not left.is_active
    assert not left.has_usable_password()
    assert rows_that_mention("olive@example.org") == []
    assert accounts_forget() == 0

    Asset.objects.update(legal_hold=False)
    assert assets_expire() == 1
    assert accounts_forget() == 1
    assert not User.objects.filter(pk=user.pk).exists()


def test_rows_of_old_jobs_without_a_result_go_with_time(user):
    def job(days: int, **fields: Any) -> Job:
        made = Job.objects.create(owner=user, kind="swap", recipe={}, **fields)
        Job.objects.filter(pk=made.pk).update(finished_at=timezone.now() - days * DAY)
        return made

    job(31, state=Job.State.FAILED)
    kept = [job(29, state=Job.State.FAILED), job(31, state=Job.State.QUEUED)]
    assert jobs_forget() == 1
    assert set(Job.objects.all()) == set(kept)


def test_orphans_are_found_both_ways_and_rows_removed_only_when_asked(user, photo_factory: Make):
    whole, broken = photo_factory(user), photo_factory(user)
    Asset.objects.update(created_at=timezone.now() - 2 * HOUR)
    default_storage.delete(str(broken.file_of("original")))
    assert list(assets_without_files()) == [broken.pk]
    out = StringIO()
    call_command("retention", "orphans", stdout=out)
    assert f"photo {broken.pk} has lost its file" in out.getvalue()
    assert Asset.objects.count() == 2
    call_command("retention", "orphans", "--remove", stdout=out)
    assert Asset.objects.get() == whole


def test_the_command_does_what_the_clock_does(user, photo_factory: Make):
    photo_factory(user, expires_at=timezone.now() - HOUR)
    photo_factory(user, expires_at=timezone.now() + HOUR, legal_hold=True)
    out = StringIO()
    call_command("retention", "status", stdout=out)
    assert "1 photos are over" in out.getvalue()
    assert "1 photos are on hold" in out.getvalue()
    call_command("retention", "run", stdout=out)
    assert "1 photos deleted" in out.getvalue()
    assert Asset.objects.count() == 1
