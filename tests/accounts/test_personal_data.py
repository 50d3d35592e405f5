"""All my data as a file, and all of it gone."""

import io
import json
import zipfile

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.urls import reverse

from faceweb.media.details import Details
from faceweb.media.models import Asset, Lineage
from faceweb.people import personal_data
from faceweb.work.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(user, photo_factory):
    """A source, a target and the result of swapping them."""
    source, target = photo_factory(user), photo_factory(user)
    result = photo_factory(
        user, origin=Asset.Origin.RESULT, made_by="swap", making=Details("classic").to_dict()
    )
    Lineage.objects.create(child=result, parent=target, role=Lineage.Role.TARGET)
    Lineage.objects.create(child=result, parent=source, role=Lineage.Role.SOURCE)
    Job.objects.create(owner=user, kind="swap", recipe={"target": str(target.pk)}, result=result)
    return source, target, result


def export_of(client) -> zipfile.ZipFile:
    response = client.post(reverse("accounts_export"))
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(async_to_sync(read_all)(response)))


async def read_all(response) -> bytes:
    return b"".join([chunk async for chunk in response])


def test_the_export_holds_every_photo_and_readable_tables(client_for, user, history):
    bundle = export_of(client_for(user))
    account = json.loads(bundle.read("account.json"))
    photos = json.loads(bundle.read("photos.json"))
    jobs = json.loads(bundle.read("jobs.json"))
    assert account[0]["email"] == user.email
    assert {row["id"] for row in photos} == {str(photo.pk) for photo in history}
    assert jobs[0]["kind"] == "swap"
    for row in photos:
        stored = Asset.objects.get(pk=row["id"]).file_of("original").read()
        assert bundle.read(row["file"]) == stored
    result = next(row for row in photos if row["id"] == str(history[2].pk))
    assert len(result["made_from"]) == 2


def test_the_export_holds_nothing_of_others(client_for, user, other_user, photo_factory, history):
    strange = photo_factory(other_user)
    bundle = export_of(client_for(user))
    everything = b"".join(bundle.read(name) for name in bundle.namelist())
    assert str(strange.pk).encode() not in everything
    assert not any(str(strange.pk) in name for name in bundle.namelist())


def test_a_missing_file_does_not_stop_the_export(client_for, user, history):
    history[0].file_of("original").storage.delete(history[0].file_of("original").name)
    bundle = export_of(client_for(user))
    assert len([name for name in bundle.namelist() if name.startswith("photos/")]) == 2


def test_deleting_the_account_leaves_no_row_and_no_file(
    client_for, user, other_user, photo_factory, media, history, django_capture_on_commit_callbacks
):
    kept = photo_factory(other_user)
    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(user).post(
            reverse("accounts_delete"), {"password": "correct horse battery"}
        )
    assert response.status_code == 302
    assert list(get_user_model().objects.all()) == [other_user]
    assert list(Asset.objects.all()) == [kept]
    assert not Job.objects.exists()
    left = {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}
    assert left == {
        kept.file_of("original").name,
        kept.file_of("preview").name,
        kept.file_of("thumb").name,
    }


def test_a_wrong_password_deletes_nothing(client_for, user, history):
    response = client_for(user).post(reverse("accounts_delete"), {"password": "not my password"})
    assert response.status_code == 400
    assert b"Nothing was deleted" in response.content
    assert Asset.objects.count() == 3
    user.refresh_from_db()


def test_guessing_the_password_of_an_open_session_is_limited(client_for, user):
    client = client_for(user)
    answers = [
        client.post(reverse("accounts_delete"), {"password": "not my password"}).status_code
        for _ in range(11)
    ]
    assert answers == [400] * 10 + [429]
    last = client.post(reverse("accounts_delete"), {"password": "correct horse battery"})
    assert last.status_code == 429
    assert get_user_model().objects.filter(pk=user.pk).exists()


def test_deletion_by_an_administrator_takes_the_files_too(
    client_for, user, moderator, media, history, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        client_for(moderator).post(
            reverse("admin:people_user_delete", args=[user.pk]), {"post": "yes"}
        )
    assert not get_user_model().objects.filter(pk=user.pk).exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_a_name_for_two_sections_is_an_error():
    section = personal_data.sections()[0]
    with pytest.raises(ValueError, match=section.name):
        personal_data.register(section)
