"""Who gets what at a link's addresses, and that those who get nothing learn nothing."""

import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from editing.made import EditWhat
from faceweb.media.makers import Step
from faceweb.media.models import Asset
from faceweb.media.services import asset_delete
from faceweb.sharing import copies
from faceweb.sharing.services import asset_unshare, link_revoke
from tests.sharing.conftest import Shared, has_badge, pixels

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db

WHAT = ("", "picture/", "original/", "preview.jpg", "download/")
PICTURES = WHAT[1:]


def revoked(shared: Shared) -> None:
    link_revoke(link=shared.link)


def unshared(shared: Shared) -> None:
    asset_unshare(photo=shared.link.photo)


def expired(shared: Shared) -> None:
    shared.change(expires_at=timezone.now() - timedelta(seconds=1))


def used_up(shared: Shared) -> None:
    shared.change(max_views=3, views=3)


def readdressed(shared: Shared) -> None:
    shared.change(token_sha256="f" * 64)


def owner_disabled(shared: Shared) -> None:
    type(shared.link.owner).objects.update(is_active=False)


def owner_frozen(shared: Shared) -> None:
    type(shared.link.owner).objects.update(frozen_at=timezone.now())


def owner_may_not_share(shared: Shared) -> None:
    type(shared.link.owner).objects.update(sharing_off_until=timezone.now() + timedelta(days=1))


def picture_withheld(shared: Shared) -> None:
    Asset.objects.filter(pk=shared.link.photo_id).update(withheld=True)


def picture_under_review(shared: Shared) -> None:
    Asset.objects.filter(pk=shared.link.photo_id).update(screening=Asset.Screening.REVIEW)


def picture_pending(shared: Shared) -> None:
    Asset.objects.filter(pk=shared.link.photo_id).update(screening=Asset.Screening.PENDING)


def picture_blocked(shared: Shared) -> None:
    Asset.objects.filter(pk=shared.link.photo_id).update(screening=Asset.Screening.BLOCKED)


def picture_erased_on_hold(shared: Shared) -> None:
    Asset.objects.filter(pk=shared.link.photo_id).update(legal_hold=True)
    asset_delete(photo=shared.link.photo)


def picture_deleted(shared: Shared) -> None:
    asset_delete(photo=shared.link.photo)


def account_deleted(shared: Shared) -> None:
    shared.link.owner.delete()


ENDS = [
    revoked, unshared, expired, used_up, readdressed, owner_disabled, owner_frozen,
    owner_may_not_share, picture_withheld, picture_under_review, picture_pending,
    picture_blocked, picture_erased_on_hold, picture_deleted, account_deleted,
]  # fmt: skip
ends = pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)


@pytest.fixture
def open_link(share: Callable[..., Shared]) -> Shared:
    """A link with everything allowed."""
    return share(allow_download=True, show_original=True)


def answer(client: Client, url: str) -> tuple[int, bytes, dict[str, str]]:
    response = client.get(url)
    return response.status_code, response.content, dict(response.headers)


@pytest.mark.parametrize("who", ["anonymous", "owner", "other_user", "moderator"])
@pytest.mark.parametrize("what", WHAT)
def test_whoever_holds_a_link_gets_what_it_opens(
    who: str, what: str, open_link: Shared, client_for: Any, request: pytest.FixtureRequest
) -> None:
    names = {"anonymous": None, "owner": "user"}
    fixture = names.get(who, who)
    client = client_for(request.getfixturevalue(fixture) if fixture else None)
    response = client.get(open_link.url(what))
    assert response.status_code == 200
    assert response["Content-Type"].startswith("image/jpeg" if what else "text/html")


@pytest.mark.parametrize("what", WHAT)
def test_every_answer_stays_out_of_caches_and_search_engines(
    what: str, open_link: Shared, stranger: Client
) -> None:
    for url in (open_link.url(what), f"/s/{'n' * 43}/{what}"):
        response = stranger.get(url)
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, noimageindex"
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "ETag" not in response
        assert "unsafe" not in response["Content-Security-Policy"]
        if response["Content-Type"] == "image/jpeg":
            assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


@ends
def test_an_end_is_at_once_and_for_everything(
    end: Callable[[Shared], None], open_link: Shared, stranger: Client, client_for: Any, user: Any
) -> None:
    """Also for a browser that has it open, and for the owner."""
    owner = client_for(user)
    for client in (stranger, owner):
        for what in WHAT:
            assert client.get(open_link.url(what)).status_code == 200
    if end is used_up:
        stranger.cookies.clear()
        owner.cookies.pop("share_seen", None)
    end(open_link)
    for client in (stranger, owner):
        for what in WHAT:
            assert client.get(open_link.url(what)).status_code == 404, what


@ends
@pytest.mark.parametrize("what", WHAT)
def test_what_ended_answers_like_what_never_was(
    end: Callable[[Shared], None], what: str, open_link: Shared
) -> None:
    end(open_link)
    with CaptureQueriesContext(
        connection,
    ) as theirs:
        real = answer(Client(), open_link.url(what))
    with CaptureQueriesContext(connection) as nobodys:
        void = answer(Client(), f"/s/{'n' * 43}/{what}")
    assert real == void
    assert real[0] == 404
    assert len(theirs) == len(nobodys) == 1
    assert re.sub("'[^']*'", "", theirs[0]["sql"]) == re.sub("'[^']*'", "", nobodys[0]["sql"])


def test_what_ended_takes_as_long_as_what_never_was(
    open_link: Shared, stranger: Client, settings: Any
) -> None:
    """Coarse: the machine is shared. Medians of interleaved rounds may differ by a third."""
    settings.SHARE_MISSES_PER_MINUTE = 100_000
    revoked(open_link)
    urls = {"ended": open_link.url(), "void": f"/s/{'n' * 43}/"}
    times: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(120):
        for name, url in urls.items():
            started = time.perf_counter()
            stranger.get(url)
            times[name].append(time.perf_counter() - started)
    ended, void = (statistics.median(times[name][20:]) for name in ("ended", "void"))
    assert 0.67 < ended / void < 1.5


def test_a_link_does_not_open_for_its_id_or_digest(open_link: Shared, stranger: Client) -> None:
    for guess in (open_link.link.pk, open_link.link.pk.hex, open_link.link.token_sha256):
        assert stranger.get(f"/s/{guess}/").status_code == 404


@pytest.mark.parametrize("token", ["x", "a%00b", "%F0%9F%98%80", "x" * 5000, "..%2e", "%ED%A0%80"])
def test_strange_tokens_open_nothing(token: str, stranger: Client) -> None:
    assert stranger.get(f"/s/{token}/").status_code == 404


def test_what_is_not_allowed_is_not_there(shared: Shared, stranger: Client) -> None:
    assert stranger.get(shared.url("download/")).status_code == 404
    assert stranger.get(shared.url("original/")).status_code == 404
    page = stranger.get(shared.url()).content.decode()
    assert "download/" not in page
    assert "original/" not in page


def test_strangers_get_marked_reduced_pictures_and_never_a_file(
    open_link: Shared, stranger: Client, original: Asset
) -> None:
    files = set()
    for photo in (open_link.link.photo, original):
        for field in ("original", "preview", "thumb"):
            with photo.file_of(field).open("rb") as file:
                files.add(file.read())
    for what in PICTURES:
        content = stranger.get(open_link.url(what)).content
        image = pixels(content)
        assert max(image.shape) <= 1600
        assert content not in files
        assert has_badge(image) == (what != "original/"), what
    assert pixels(stranger.get(open_link.url("picture/")).content).shape[:2] == (1200, 1600)
    assert pixels(stranger.get(open_link.url("original/")).content).shape[:2] == (1200, 1600)


def test_an_original_that_was_made_here_is_marked_too(
    open_link: Shared, stranger: Client, original: Asset
) -> None:
    Asset.objects.filter(pk=original.pk).update(origin=Asset.Origin.RESULT, made_by="edit")
    assert has_badge(pixels(stranger.get(open_link.url("original/")).content))


@pytest.mark.parametrize(
    "change",
    [{"withheld": True}, {"screening": Asset.Screening.REVIEW}, {"erased_at": LONG_AGO}],
    ids=str,
)
def test_an_original_that_may_not_leave_is_not_shown(
    change: dict[str, Any], open_link: Shared, stranger: Client, original: Asset
) -> None:
    Asset.objects.filter(pk=original.pk).update(**change)
    assert stranger.get(open_link.url("original/")).status_code == 404
    page = stranger.get(open_link.url())
    assert page.status_code == 200
    assert b"original/" not in page.content


def test_anothers_photo_is_no_original(
    open_link: Shared, stranger: Client, original: Asset, other_user: Any
) -> None:
    Asset.objects.filter(pk=original.pk).update(owner=other_user)
    assert stranger.get(open_link.url("original/")).status_code == 404


def test_a_link_to_what_is_no_result_opens_nothing(
    share: Callable[..., Shared], original: Asset, stranger: Client
) -> None:
    upload = share(photo=original)
    for what in ("", "picture/", "preview.jpg"):
        assert stranger.get(upload.url(what)).status_code == 404


def test_without_its_mark_a_picture_is_not_shown(
    open_link: Shared, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceweb.media.errors import MarkingError

    def fail(**_: Any) -> bytes:
        raise MarkingError

    monkeypatch.setattr(copies, "badged_copy", fail)
    for what in ("picture/", "preview.jpg", "download/"):
        response = stranger.get(open_link.url(what))
        assert response.status_code == 503
        assert response.content == b""


def test_a_missing_file_is_a_missing_link(open_link: Shared, stranger: Client) -> None:
    open_link.link.photo.file_of("original").delete(save=False)
    for what in ("picture/", "preview.jpg", "download/"):
        assert stranger.get(open_link.url(what)).status_code == 404


def test_the_page_names_nobody_unless_the_owner_says_so(
    share: Callable[..., Shared], user: Any, stranger: Client
) -> None:
    user.name = "Olive Oyl"
    user.save()
    page = stranger.get(share(note="for Bluto").url()).content.decode()
    # A stylesheet's folder has the name of its slice; the folder of pictures has the same one.
    quiet = page.replace("/static/media/", "")
    for secret in ("Olive", "olive@", "Bluto", str(user.pk), "/media/"):
        assert secret not in quiet
    assert "shared by Olive Oyl" in stranger.get(share(show_name=True).url()).content.decode()


def test_the_page_says_what_was_done_and_when(
    share: Callable[..., Shared], result: Asset, stranger: Client
) -> None:
    page = stranger.get(share().url()).content.decode()
    assert "Face swap" in page
    assert "AI-edited" in page
    assert result.created_at.strftime("%Y") in page
    result.steps = [
        Step.now("swap", "classic").to_dict(),
        Step.now("edit", "classic", EditWhat({"age": 10}).to_dict()).to_dict(),
    ]
    result.save()
    page = stranger.get(share().url()).content.decode()
    assert page.index("<li>Face swap") < page.index("<li>Age +10"), "every step, the oldest first"
    assert "The person shown may never have been there." in page
    assert "The person did not look quite like this." in page


def test_the_page_can_be_used_by_everybody(open_link: Shared, stranger: Client) -> None:
    page = stranger.get(open_link.url()).content.decode()
    assert page.count("<h1") == 1
    assert '<html lang="en">' in page
    assert 'class="skip-link"' in page
    assert all(
        re.search(r'\balt="[^"]', tag) for tag in re.findall(r"<img[^>]*_?picture[^>]*>", page)
    )
    assert 'aria-label="About this picture"' in page


def test_deleting_the_photo_takes_links_and_kept_copies(
    open_link: Shared, stranger: Client, django_capture_on_commit_callbacks: Any
) -> None:
    for what in PICTURES:
        stranger.get(open_link.url(what))
    photo = open_link.link.photo
    assert {key[0] for key in copies._kept._copies} >= {photo.pk}
    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=photo)
    assert photo.pk not in {key[0] for key in copies._kept._copies}
    assert not type(open_link.link).objects.exists()


def test_a_copy_that_was_being_made_while_its_photo_went_is_not_kept(result: Asset) -> None:
    def slow() -> bytes:
        copies.copies_forget(result.pk)
        return b"made"

    assert copies._kept.get(result.pk, "shared", slow) == b"made"
    assert not copies._kept._copies


def test_many_who_ask_at_once_wait_for_one_copy(result: Asset) -> None:
    made: list[int] = []

    def slow() -> bytes:
        made.append(1)
        time.sleep(0.2)
        return b"made"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: copies._kept.get(result.pk, "shared", slow), range(8)))
    assert answers == [b"made"] * 8
    assert len(made) == 1
    assert not copies._kept._making


def test_a_copy_that_failed_is_tried_again(result: Asset) -> None:
    def fail() -> bytes:
        raise FileNotFoundError

    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            copies._kept.get(result.pk, "shared", fail)
    assert copies._kept.get(result.pk, "shared", lambda: b"made") == b"made"
    assert not copies._kept._making


def test_copies_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "KEPT_BYTES", 1000)
    for _ in range(50):
        copies._kept.get(uuid4(), "shared", lambda: b"x" * 300)
    assert sum(len(copy) for _, copy in copies._kept._copies.values()) <= 1000
    monkeypatch.setattr(copies, "KEPT_SECONDS", 0)
    copies._kept._drop_old()
    assert not copies._kept._copies


def test_changing_pages_are_for_the_owner(
    shared: Shared, client_for: Any, other_user: Any, moderator: Any
) -> None:
    for person in (other_user, moderator, None):
        client = client_for(person)
        for name in ("link", "link_address", "link_revoke"):
            response = client.post(
                reverse(name, args=[shared.link.pk]),
                {"confirm": "yes", "was": shared.link.token_sha256[:16], "days": "1"},
            )
            assert response.status_code == (302 if person is None else 404)
        assert shared.url() not in client.get(reverse("links"), follow=True).content.decode()
    before = shared.link.token_sha256, shared.link.expires_at
    shared.link.refresh_from_db()
    assert (shared.link.token_sha256, shared.link.expires_at) == before
    assert shared.link.revoked_at is None


def test_a_miss_asks_nothing_about_the_visitor(client_for: Any, user: Any) -> None:
    """One query, whether somebody is signed in or not."""
    with CaptureQueriesContext(connection) as queries:
        assert client_for(user).get(f"/s/{'n' * 43}/").status_code == 404
    asked = [query["sql"] for query in queries if "session" not in query["sql"].lower()]
    assert len([sql for sql in asked if sql.startswith("SELECT")]) == 1
