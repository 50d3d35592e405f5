"""Photos in the admin panel: found, read only, veiled, and deleted with their files."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from faceweb.media.models import Asset, Lineage
from faceweb.moderation.models import AuditEntry
from tests.media.conftest import files_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(user: Any, photo_factory: Any) -> Asset:
    made: Asset = photo_factory(user)
    return made


@pytest.fixture
def panel(moderator: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(moderator)
    return signed_in


def thumb(photo: Asset) -> str:
    return reverse("admin:media_asset_thumb", args=[photo.pk])


@pytest.mark.parametrize("by", ["id", "email"])
def test_photos_are_found_by_id_and_by_owner(
    by: str, panel: Client, photo: Asset, user: Any, other_user: Any, photo_factory: Any
) -> None:
    photo_factory(other_user)
    query = str(photo.pk) if by == "id" else user.email
    response = panel.get(reverse("admin:media_asset_changelist"), {"q": query})
    assert list(response.context["cl"].result_list) == [photo]


def test_the_list_costs_the_same_for_many(
    panel: Client, photo: Asset, user: Any, photo_factory: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        photo_factory(user)
    with django_assert_max_num_queries(12):
        panel.get(reverse("admin:media_asset_changelist"))


def test_whoever_looks_is_written_down(panel: Client, photo: Asset, moderator: Any) -> None:
    panel.get(reverse("admin:media_asset_changelist"))
    assert not AuditEntry.objects.exists()
    panel.get(thumb(photo))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.target_id) == (
        "picture.reveal", moderator.pk, str(photo.pk),
    )  # fmt: skip


def test_pictures_are_veiled_without_inline_code(panel: Client, photo: Asset) -> None:
    for url in (
        reverse("admin:media_asset_changelist"),
        reverse("admin:media_asset_change", args=[photo.pk]),
    ):
        page = panel.get(url).content.decode()
        assert 'class="veil" aria-pressed="false"' in page
        # The browser fetches nothing of it before somebody asks.
        assert f'data-src="{thumb(photo)}"' in page
        assert " src=" + f'"{thumb(photo)}"' not in page
        assert "media/veil.css" in page
        assert "media/veil.js" in page
        assert reverse("asset_file", args=[photo.pk, "original"]) not in page


def test_a_photo_can_be_looked_at_and_not_changed(
    panel: Client, photo: Asset, user: Any, photo_factory: Any
) -> None:
    parent = photo_factory(user)
    Lineage.objects.create(child=photo, parent=parent, role="target")
    url = reverse("admin:media_asset_change", args=[photo.pk])
    page = panel.get(url).content.decode()
    assert str(photo.pk) in page
    assert str(parent.pk) in page
    assert 'name="_save"' not in page
    assert panel.post(url, {"consent_version": "forged"}).status_code == 403
    assert panel.get(reverse("admin:media_asset_add")).status_code == 403


def test_a_thumbnail_is_for_staff_who_may_see_photos(
    panel: Client, photo: Asset, user: Any, make_user: Any, client_for: Any
) -> None:
    assert panel.get(thumb(photo))["Content-Type"] == "image/webp"
    staff = make_user("sam@example.org", is_staff=True)
    assert client_for(staff).get(thumb(photo)).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_asset"))
    assert client_for(type(staff).objects.get(pk=staff.pk)).get(thumb(photo)).status_code == 200
    for person in (user, None):
        assert client_for(person).get(thumb(photo)).status_code == 302


@pytest.mark.parametrize("many", [False, True])
def test_deleting_removes_the_files(
    many: bool, panel: Client, photo: Asset, media: Any, django_capture_on_commit_callbacks: Any
) -> None:
    assert len(files_in(media)) == 3
    if many:
        url = reverse("admin:media_asset_changelist")
        form = {"action": "delete_selected", "_selected_action": [photo.pk], "post": "yes"}
    else:
        url, form = reverse("admin:media_asset_delete", args=[photo.pk]), {"post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        assert panel.post(url, form).status_code == 302
    assert not Asset.objects.exists()
    assert files_in(media) == []
