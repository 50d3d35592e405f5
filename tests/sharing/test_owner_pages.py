"""Making links, looking after them, stopping them: what their owner does."""

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import link_readdress, token_digest
from tests.accounts.test_personal_data import export_of
from tests.sharing.conftest import PASSWORD, Shared

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client_for: Callable[[Any], Client], user: Any) -> Client:
    return client_for(user)


def make(owner: Client, photo: Asset, **fields: Any) -> Any:
    data = {"days": "7", "key": str(uuid4()), **fields}
    return owner.post(reverse("link_make", args=[photo.pk]), data)


def address_in(page: str) -> str:
    """The address that a page shows this once."""
    found = re.search(r'value="(http[^"]+/s/[^"]+)"', page)
    assert found is not None
    return found[1]


def token_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def qr_in(page: str) -> str:
    """What a camera reads from the page's QR code.

    OpenCV's older detector misses about one code in seventy, drawn however well.
    """
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert found is not None
    svg = base64.b64decode(found[1]).decode()
    assert "<script" not in svg
    assert "style=" not in svg
    return str(cv2.QRCodeDetectorAruco().detectAndDecode(drawn(svg))[0])


def drawn(svg: str, unit: int = 8) -> np.ndarray:
    """The code's squares as pixels; its path consists of squares of one unit alone."""
    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    path = re.search(r'<path[^>]* d="([^"]+)"', svg)
    assert box is not None
    assert path is not None
    image = np.full((int(box[2]) * unit, int(box[1]) * unit), 255, np.uint8)
    for x, y in re.findall(r"M(\d+),(\d+)H", path[1]):
        top, left = int(y) * unit, int(x) * unit
        image[top : top + unit, left : left + unit] = 0
    return image


def test_a_link_is_made_with_careful_defaults(owner: Client, result: Asset, user: Any) -> None:
    page = make(owner, result)
    assert page.status_code == 200
    assert page["Cache-Control"] == "private, no-store"
    link = ShareLink.objects.get()
    assert (link.owner_id, link.photo_id) == (user.pk, result.pk)
    assert link.expires_at is not None
    assert timedelta(days=6, hours=23) < link.expires_at - timezone.now() <= timedelta(days=7)
    assert not (link.password or link.allow_download or link.show_original or link.show_name)
    assert link.max_views == link.views == 0
    address = address_in(page.content.decode())
    assert Client().get(address.removeprefix("http://localhost:8000")).status_code == 200


def test_the_address_is_long_random_and_kept_nowhere(owner: Client, result: Asset) -> None:
    tokens = [token_of(address_in(make(owner, result).content.decode())) for _ in range(3)]
    assert len(set(tokens)) == 3
    for token in tokens:
        assert re.fullmatch(r"[\w-]{43}", token)
        assert ShareLink.objects.filter(token_sha256=token_digest(token)).exists()
        assert token not in str(list(ShareLink.objects.values()))
        for name, args in (("links", []), ("photo", [result.pk])):
            assert token not in owner.get(reverse(name, args=args)).content.decode()
    for link in ShareLink.objects.all():
        assert token_digest("") != link.token_sha256
        assert not any(
            token in owner.get(link.get_absolute_url()).content.decode() for token in tokens
        )


def test_the_page_says_beforehand_that_the_address_is_shown_once(
    owner: Client, result: Asset
) -> None:
    page = owner.get(reverse("photo", args=[result.pk])).content.decode()
    assert "shown once" in page
    assert "shown this once" in make(owner, result).content.decode()


def test_the_qr_code_leads_to_the_address(owner: Client, result: Asset) -> None:
    page = make(owner, result).content.decode()
    assert qr_in(page) == address_in(page)


def test_everything_can_be_chosen(owner: Client, result: Asset, user: Any, settings: Any) -> None:
    settings.SHARE_NEVER_EXPIRES = True
    user.name = "Olive"
    user.save()
    make(
        owner, result, days="0", password=PASSWORD, max_views="3", allow_download="on",
        show_original="on", show_name="on", note="for the\u202e family\n",
    )  # fmt: skip
    link = ShareLink.objects.get()
    assert link.expires_at is None
    assert PASSWORD not in link.password
    assert check_password(PASSWORD, link.password)
    assert (link.max_views, link.note) == (3, "for the family")
    assert link.allow_download
    assert link.show_original
    assert link.show_name


@pytest.mark.parametrize(
    "fields",
    [
        {"days": "0"}, {"days": "365"}, {"days": "-1"}, {"days": ""}, {"password": "short"},
        {"max_views": "0"}, {"max_views": "-5"}, {"max_views": "many"}, {"max_views": "1" * 12},
        {"note": "x" * 201},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_and_the_form_kept(
    fields: dict[str, str], owner: Client, result: Asset
) -> None:
    response = make(owner, result, **{"note": "a note to keep", **fields})
    assert response.status_code == 400
    assert not ShareLink.objects.exists()
    page = response.content.decode()
    assert "errorlist" in page or 'role="alert"' in page
    if "note" not in fields:
        assert "a note to keep" in page


@pytest.mark.parametrize("key", ["", "x"])
def test_a_form_without_its_number_makes_a_link_all_the_same(
    key: str, owner: Client, result: Asset
) -> None:
    assert make(owner, result, key=key).status_code == 200


def test_a_form_sent_twice_makes_one_link(owner: Client, result: Asset) -> None:
    key = str(uuid4())
    assert make(owner, result, key=key).status_code == 200
    again = make(owner, result, key=key)
    assert again.status_code == 409
    assert "made already" in again.content.decode()
    assert "/s/" not in again.content.decode()
    assert ShareLink.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"screening": Asset.Screening.PENDING}, "still being checked"),
        ({"screening": Asset.Screening.REVIEW}, "a person looks at it"),
        ({"screening": Asset.Screening.BLOCKED}, "not allowed"),
        ({"withheld": True}, "reported this picture"),
    ],
    ids=str,
)
def test_a_picture_that_may_not_be_shared_says_why(
    change: dict[str, Any], words: str, owner: Client, result: Asset
) -> None:
    Asset.objects.filter(pk=result.pk).update(**change)
    assert_refused(owner, result, words)


def test_whoever_may_not_share_is_told_until_when(owner: Client, result: Asset, user: Any) -> None:
    user.sharing_off_until = timezone.now() + timedelta(days=3)
    user.save()
    assert_refused(owner, result, f"until {user.sharing_off_until:%-d %B %Y}")


def test_a_frozen_account_shares_nothing(owner: Client, result: Asset, user: Any) -> None:
    user.frozen_at = timezone.now()
    user.save()
    assert_refused(owner, result, "frozen")


def assert_refused(owner: Client, photo: Asset, words: str) -> None:
    """Both pages say it, neither has the form, and a form sent all the same makes nothing."""
    for name in ("photo", "link_make"):
        page = owner.get(reverse(name, args=[photo.pk])).content.decode()
        assert words in page
        assert "Make the link" not in page
    response = make(owner, photo)
    assert response.status_code == 409
    assert words in response.content.decode()
    assert not ShareLink.objects.exists()


def test_only_results_are_shared(owner: Client, original: Asset) -> None:
    assert make(owner, original).status_code == 404
    assert "Make a link" not in owner.get(reverse("photo", args=[original.pk])).content.decode()


def test_anothers_result_cannot_be_shared(
    client_for: Any, other_user: Any, moderator: Any, result: Asset
) -> None:
    for person in (other_user, moderator):
        assert make(client_for(person), result).status_code == 404
    assert make(client_for(None), result).status_code == 302
    assert not ShareLink.objects.exists()


def test_so_many_links_and_no_more(owner: Client, result: Asset, settings: Any) -> None:
    settings.SHARE_LINKS_PER_PERSON = 2
    assert [make(owner, result).status_code for _ in range(3)] == [200, 200, 409]
    ShareLink.objects.update(expires_at=timezone.now())
    assert make(owner, result).status_code == 200, "ended ones do not count"


def test_the_list_knows_every_state(
    owner: Client, share: Callable[..., Shared], photo_factory: Any, user: Any
) -> None:
    held = photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap", withheld=True)
    share(note="one that opens")
    share(max_views=2, views=2)
    share(expires_at=timezone.now())
    share(revoked_at=timezone.now())
    share(photo=held)
    page = owner.get(reverse("links")).content.decode()
    for state in ("Works", "Used up", "Expired", "Revoked", "Picture under review"):
        assert f">{state}</span>" in page
    assert "one that opens" in page
    assert '<span class="number">2</span> of <span class="number">2</span>' in page


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    owner: Client, share: Callable[..., Shared], django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        share()
    with django_assert_max_num_queries(5):
        owner.get(reverse("links"))


def test_the_results_page_lists_its_links(owner: Client, share: Callable[..., Shared]) -> None:
    links = [share(note=f"number {n}") for n in range(5)]
    page = owner.get(links[0].link.photo.get_absolute_url()).content.decode()
    assert "number 4" in page
    assert "number 0" not in page
    assert "2 more" in page


def test_terms_change_at_once(owner: Client, shared: Shared, stranger: Client) -> None:
    assert stranger.get(shared.url("download/")).status_code == 404
    response = owner.post(
        shared.link.get_absolute_url(),
        {"days": "30", "allow_download": "on", "max_views": "50", "note": "changed"},
    )
    assert response.status_code == 302
    shared.link.refresh_from_db()
    assert shared.link.expires_at is not None
    assert shared.link.expires_at > timezone.now() + timedelta(days=29)
    assert (shared.link.max_views, shared.link.note) == (50, "changed")
    assert stranger.get(shared.url("download/")).status_code == 200


def test_what_is_not_touched_stays(owner: Client, share: Callable[..., Shared]) -> None:
    shared = share(password=make_password(PASSWORD), views=4)
    before = shared.link.expires_at, shared.link.password, shared.link.token_sha256
    owner.post(shared.link.get_absolute_url(), {"days": "-1"})
    shared.link.refresh_from_db()
    link = shared.link
    assert (link.expires_at, link.password, link.token_sha256) == before
    assert link.views == 4


def test_a_password_can_be_changed_and_removed(
    owner: Client, share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(password=make_password(PASSWORD))
    stranger.post(shared.url(), {"password": PASSWORD})
    assert stranger.get(shared.url("picture/")).status_code == 200
    owner.post(shared.link.get_absolute_url(), {"days": "-1", "password": "another secret"})
    assert stranger.get(shared.url("picture/")).status_code == 404
    owner.post(shared.link.get_absolute_url(), {"days": "-1", "remove_password": "on"})
    assert stranger.get(shared.url("picture/")).status_code == 200


def test_an_expired_link_can_be_made_to_work_again(
    owner: Client, share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(expires_at=timezone.now())
    owner.post(shared.link.get_absolute_url(), {"days": "1"})
    assert stranger.get(shared.url()).status_code == 200


def test_a_revoked_link_stays_revoked(
    owner: Client, share: Callable[..., Shared], stranger: Client
) -> None:
    shared = share(revoked_at=timezone.now())
    url = shared.link.get_absolute_url()
    assert "stays so" in owner.get(url).content.decode()
    owner.post(url, {"days": "30"})
    was = shared.link.token_sha256[:16]
    owner.post(reverse("link_address", args=[shared.link.pk]), {"was": was})
    before = shared.link.token_sha256
    shared.link.refresh_from_db()
    assert shared.link.token_sha256 == before
    assert stranger.get(shared.url()).status_code == 404


def test_a_new_address_replaces_the_old_one_at_once(
    owner: Client, shared: Shared, stranger: Client
) -> None:
    assert stranger.get(shared.url("picture/")).status_code == 200
    url = reverse("link_address", args=[shared.link.pk])
    page = owner.post(url, {"was": shared.link.token_sha256[:16]}).content.decode()
    assert stranger.get(shared.url("picture/")).status_code == 404
    address = address_in(page)
    assert qr_in(page) == address
    assert stranger.get(f"/s/{token_of(address)}/").status_code == 200


def test_a_new_address_asked_for_twice_is_made_once(owner: Client, shared: Shared) -> None:
    """A page that is reloaded must not stop the address that was just handed out."""
    url = reverse("link_address", args=[shared.link.pk])
    was = {"was": shared.link.token_sha256[:16]}
    token = token_of(address_in(owner.post(url, was).content.decode()))
    again = owner.post(url, was)
    assert again.status_code == 302
    assert Client().get(f"/s/{token}/").status_code == 200
    assert owner.post(url).status_code == 302, "nor by a form that does not say which one it saw"
    assert Client().get(f"/s/{token}/").status_code == 200
    assert link_readdress(link=ShareLink.objects.get(), was="") is None


def test_revoking_asks_first_and_then_is_at_once(
    owner: Client, shared: Shared, stranger: Client
) -> None:
    stranger.get(shared.url())
    url = reverse("link_revoke", args=[shared.link.pk])
    assert "Revoke this link?" in owner.post(url).content.decode()
    assert stranger.get(shared.url("picture/")).status_code == 200
    assert owner.post(url, {"confirm": "yes"}).status_code == 302
    for what in ("", "picture/", "preview.jpg"):
        assert stranger.get(shared.url(what)).status_code == 404


def test_a_get_changes_nothing(owner: Client, shared: Shared) -> None:
    for name in ("link_revoke", "link_address"):
        assert owner.get(reverse(name, args=[shared.link.pk])).status_code == 405
    owner.get(shared.link.get_absolute_url())
    shared.link.refresh_from_db()
    assert shared.link.state == ShareLink.State.WORKS


def test_links_are_in_the_export_without_their_secrets(
    owner: Client, share: Callable[..., Shared]
) -> None:
    share(note="to remember", password=make_password(PASSWORD))
    bundle = export_of(owner)
    text = bundle.read("links.json").decode()
    assert "to remember" in text
    assert '"has_password": true' in text
    assert "token" not in text
    assert "md5" not in text


def test_links_go_with_the_account(owner: Client, shared: Shared, stranger: Client) -> None:
    owner.post(reverse("accounts_delete"), {"password": "correct horse battery"})
    assert not ShareLink.objects.exists()
    assert stranger.get(shared.url("picture/")).status_code == 404


def test_every_field_has_a_name_and_errors_are_told(owner: Client, result: Asset) -> None:
    page = make(owner, result, max_views="0").content.decode()
    for field in re.findall(r"<(?:input|select)[^>]*>", page):
        if 'type="hidden"' in field or 'type="submit"' in field:
            continue
        found = re.search(r'\sid="([^"]+)"', field)
        assert found is not None
        assert f'for="{found[1]}"' in page
    for described in re.findall(r'aria-describedby="([^"]+)"', page):
        for name in described.split():
            assert f'id="{name}"' in page
    assert 'aria-invalid="true"' in page
