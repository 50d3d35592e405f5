"""Uploads: consent, limits, quotas, sent twice, and nothing left behind when one fails."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from faceweb.media import receiving
from faceweb.media.consent import CONSENT_TEXT, CONSENT_VERSION
from faceweb.media.errors import IntakeError
from faceweb.media.models import Asset
from faceweb.media.sandbox import upload_decode
from faceweb.media.services import asset_intake
from tests.media.conftest import Upload, corners, encoded, files_in, send

pytestmark = pytest.mark.django_db

PHOTO = encoded(corners())
OTHER_PHOTO = encoded(corners(80, 60))


def test_a_photo_is_stored_with_its_consent(upload: Upload, user: Any, media: Path) -> None:
    before = timezone.now()
    response = upload(PHOTO)
    assert response.status_code == 201
    photo = Asset.objects.get()
    assert response.json() == {
        "id": str(photo.pk),
        "url": reverse("photo", args=[photo.pk]),
        "width": 64,
        "height": 48,
    }
    assert photo.owner == user
    assert photo.origin == Asset.Origin.UPLOAD
    assert photo.analysis == Asset.Analysis.PENDING
    assert photo.consent_version == CONSENT_VERSION
    assert photo.consent_at is not None
    assert before <= photo.consent_at <= timezone.now()
    assert photo.bytes == sum(path.stat().st_size for path in files_in(media))


def test_the_consent_text_names_everyone_and_the_minors() -> None:
    for promise in ("Every person", "adult who has agreed", "nobody under 18", "deceive"):
        assert promise in CONSENT_TEXT


@pytest.mark.parametrize("consent", ["", "on", "1999-01"])
def test_without_consent_nothing_is_kept(consent: str, upload: Upload, tmp_path: Path) -> None:
    response = upload(PHOTO, consent=consent)
    assert response.status_code == 400
    assert response.json()["code"] == "consent_missing"
    assert not Asset.objects.exists()
    assert files_in(tmp_path) == []


def test_nothing_of_the_given_name_is_kept(upload: Upload, media: Path) -> None:
    upload(PHOTO, "../../etc/my holiday.php.jpg")
    photo = Asset.objects.get()
    for name in (
        photo.file_of("original").name,
        photo.file_of("preview").name,
        photo.file_of("thumb").name,
    ):
        folder, prefix, random_name = str(name).split("/")
        stem, extension = random_name.split(".")
        assert folder == "renditions"
        assert extension in {"jpg", "webp"}
        assert stem.startswith(prefix)
        assert int(stem, 16) > 0
        assert len(stem) == 32


@pytest.mark.parametrize("body", [{}, {"file": "a string"}])
def test_a_form_without_a_file_is_refused(
    body: dict[str, str], client_for: Callable[[Any], Client], user: Any
) -> None:
    response = client_for(user).post(
        reverse("photo_upload"),
        {"consent": CONSENT_VERSION, **body},
        headers={"accept": "application/json"},
    )
    assert response.status_code == 400
    assert response.json()["code"] == "file_missing"


def test_the_size_limit_is_exact(upload: Upload, settings: Any, media: Path) -> None:
    settings.UPLOAD_MAX_BYTES = len(PHOTO)
    assert upload(PHOTO + b"x").status_code == 413
    assert files_in(media) == []
    assert upload(PHOTO).status_code == 201


def test_the_same_file_again_gives_the_same_photo(upload: Upload, media: Path) -> None:
    first, second = upload(PHOTO), upload(PHOTO, "another name.png")
    assert second.status_code == 201
    assert first.json() == second.json()
    assert len(files_in(media)) == 3


def test_two_people_may_send_the_same_file(
    upload: Upload, other_user: Any, client_for: Callable[[Any], Client]
) -> None:
    mine = upload(PHOTO).json()["id"]
    theirs = send(client_for(other_user), PHOTO).json()["id"]
    assert mine != theirs


def test_photos_are_counted_against_the_quota(upload: Upload, settings: Any, media: Path) -> None:
    settings.QUOTA_PHOTOS = 1
    assert upload(PHOTO).status_code == 201
    refused = upload(OTHER_PHOTO)
    assert refused.status_code == 403
    assert refused.json()["code"] == "quota_photos"
    assert upload(PHOTO).status_code == 201, "a photo one has already is no new one"
    assert len(files_in(media)) == 3


def test_bytes_are_counted_against_the_quota(
    upload: Upload, settings: Any, media: Path, user: Any
) -> None:
    settings.QUOTA_MB = 1
    Asset.objects.create(owner=user, width=1, height=1, bytes=1024 * 1024 - 100)
    refused = upload(PHOTO)
    assert refused.status_code == 403
    assert refused.json()["code"] == "quota_bytes"
    assert files_in(media) == []


def test_nothing_is_taken_while_the_disk_is_full(
    upload: Upload, settings: Any, media: Path
) -> None:
    settings.DISK_FLOOR_MB = 10**9
    refused = upload(PHOTO)
    assert refused.status_code == 507
    assert refused.json()["code"] == "disk_full"
    assert files_in(media) == []


def test_files_go_when_the_row_cannot_be_saved(
    user: Any, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(*args: Any, **kwargs: Any) -> None:
        assert len(files_in(media)) >= 3
        raise DatabaseError

    monkeypatch.setattr(Asset, "save", save)
    with pytest.raises(DatabaseError):
        asset_intake(
            owner=user,
            upload=SimpleUploadedFile("x.jpg", PHOTO),
            consent_version=CONSENT_VERSION,
        )
    assert files_in(media) == []


def test_files_go_when_one_of_them_cannot_be_written(
    user: Any, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.files.storage import FileSystemStorage

    real = FileSystemStorage._save  # type: ignore[attr-defined]

    def full_disk(self: Any, name: str, content: Any) -> str:
        if content.name == "thumb":
            raise OSError(28, "No space left on device")
        return str(real(self, name, content))

    monkeypatch.setattr(FileSystemStorage, "_save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        asset_intake(
            owner=user,
            upload=SimpleUploadedFile("x.jpg", PHOTO),
            consent_version=CONSENT_VERSION,
        )
    assert files_in(media) == []
    assert not Asset.objects.exists()


def test_analysis_is_asked_for_once_the_row_is_there(
    upload: Upload, published: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        upload(PHOTO)
    assert published == []
    for callback in callbacks:
        callback()
    photo = Asset.objects.get()
    assert published == [("faceweb.media.tasks.asset_task_run", (str(photo.tasks.get().pk),))]


def test_a_broker_that_is_away_does_not_fail_the_upload(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from celery import Celery
    from kombu.exceptions import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(Celery, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        assert upload(PHOTO).status_code == 201
    assert Asset.objects.get().analysis == Asset.Analysis.PENDING


@pytest.fixture
def decoded_together(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make this many uploads wait for each other between decoding and storing."""

    def make(uploads: int) -> None:
        all_decoded = threading.Barrier(uploads)
        real = upload_decode

        def decode(folder: Path) -> Any:
            copies = real(folder)
            all_decoded.wait(timeout=20)
            return copies

        monkeypatch.setattr(receiving, "upload_decode", decode)

    return make


def take_in_together(owner: Any, contents: list[bytes]) -> list[Asset | IntakeError]:
    """Take in each of the files from a thread of its own."""

    def take(content: bytes) -> Asset | IntakeError:
        file = SimpleUploadedFile("x.jpg", content)
        try:
            return asset_intake(owner=owner, upload=file, consent_version=CONSENT_VERSION)
        except IntakeError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(contents)) as pool:
        return list(pool.map(take, contents))


def test_the_same_file_sent_many_times_at_once_is_stored_once(
    parallel_database: None,
    user: Any,
    media: Path,
    published: list[Any],
    decoded_together: Callable[[int], None],
) -> None:
    decoded_together(4)
    answers = take_in_together(user, [PHOTO] * 4)
    photo = Asset.objects.get()
    assert answers == [photo] * 4
    assert len(files_in(media)) == 3
    assert len(published) == 1


def test_the_quota_holds_against_uploads_at_the_same_time(
    parallel_database: None,
    user: Any,
    media: Path,
    published: list[Any],
    settings: Any,
    decoded_together: Callable[[int], None],
) -> None:
    settings.QUOTA_PHOTOS = 1
    decoded_together(3)
    contents = [encoded(Image.new("RGB", (width, 40), "olive")) for width in (40, 41, 42)]
    answers = take_in_together(user, contents)
    assert [a.code for a in answers if isinstance(a, IntakeError)] == ["quota_photos"] * 2
    assert Asset.objects.count() == 1
    assert len(files_in(media)) == 3


def plain_form(client: Client, **fields: Any) -> Any:
    file = SimpleUploadedFile("photo.jpg", fields.pop("content", PHOTO))
    return client.post(
        reverse("photo_upload"), {"consent": CONSENT_VERSION, "file": file, **fields}
    )


@pytest.mark.parametrize(
    ("name", "keeps", "wanted", "expected"),
    [
        ("target", "", "/studio/", "/studio/?target={id}"),
        ("target", "", "/studio/?target=old&source=s1", "/studio/?source=s1&target={id}"),
        ("source", "1", "/studio/?target=t&source=s1", "/studio/?target=t&source=s1&source={id}"),
        ("photo", "", "/edits/?face=1&photo=old", "/edits/?face=1&photo={id}"),
        ("", "1", "/studio/", "/studio/"),
        ("Not a name", "", "/studio/?a=", "/studio/?a="),
        ("target", "", "", "/photos/?target={id}"),
        ("", "", "https://evil.example/", "/photos/"),
        ("", "", "//evil.example/", "/photos/"),
        ("", "", "javascript:alert(1)", "/photos/"),
    ],
)
def test_a_plain_form_goes_on_where_it_came_from(
    name: str,
    keeps: str,
    wanted: str,
    expected: str,
    user: Any,
    client_for: Any,
    published: Any,
    media: Path,
) -> None:
    fields = {"next_as": name, "next_keeps": keeps, "next": wanted}
    response = plain_form(client_for(user), **fields)
    assert response.status_code == 302
    assert response["Location"] == expected.format(id=Asset.objects.get().pk)


def test_a_plain_form_that_is_refused_gets_a_page_with_a_remedy(
    user: Any, client_for: Any, published: Any, media: Path
) -> None:
    response = plain_form(client_for(user), content=b"GIF89a", next="/studio/?target=t")
    assert response.status_code == 415
    page = response.content.decode()
    assert "This is not a photo in a format that can be opened here." in page
    assert "export it as JPEG" in page
    assert 'href="/studio/?target=t"' in page


def test_an_upload_needs_the_forms_token(user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert send(client, PHOTO).status_code == 403
    assert not Asset.objects.exists()


def test_the_log_names_no_file_and_no_person(
    upload: Upload, user: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="faceweb")
    upload(PHOTO, "my-secret-name.jpg")
    upload(b"no photo", "my-secret-name.jpg")
    assert caplog.records
    assert "my-secret-name" not in caplog.text
    assert user.email not in caplog.text


def test_what_happened_on_the_way_in_stands_beside_the_photo(
    upload: Upload, client_for: Any, user: Any, settings: Any
) -> None:
    settings.KEPT_MAX_MEGAPIXELS = 1
    answer = upload(encoded(Image.new("RGB", (2000, 1000), "teal"))).json()
    page = client_for(user).get(answer["url"]).content.decode()
    assert "It was sent with 2000 × 1000 pixels" in page.replace(",", "")
    plain = upload(encoded(Image.new("RGB", (900, 1000), "teal"))).json()
    assert "data-notes" not in client_for(user).get(plain["url"]).content.decode()
