"""The gallery's pages: what is shown, to whom, and at what cost."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from editing.made import EditFigures, EditMade, EditWhat
from faceweb.media.details import Details
from faceweb.media.history import MAX_SHOWN
from faceweb.media.makers import Step
from faceweb.media.models import Asset, Lineage
from models.engines import Notice
from swaps.made import SwapFigures, SwapWhat
from tests.media.conftest import files_in

pytestmark = pytest.mark.django_db

MAKING = Details("classic", own=SwapFigures(0, ()).to_dict()).to_dict()
YES = {"confirm": "yes"}


@pytest.fixture
def client(user: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(user)
    return signed_in


def rows(owner: Any, count: int, **fields: Any) -> list[Asset]:
    """Photos without files, the first made being the oldest."""
    made = Asset.objects.bulk_create(
        Asset(owner=owner, width=4, height=3, bytes=1, **fields) for n in range(count)
    )
    begin = timezone.now() - timedelta(days=1)
    for n, photo in enumerate(made):
        photo.created_at = begin + timedelta(seconds=n)
    Asset.objects.bulk_update(made, ["created_at"])
    return made


def test_newest_first_forty_eight_a_page(client: Client, user: Any) -> None:
    made = rows(user, 50)
    first = client.get(reverse("photos"))
    second = client.get(reverse("photos") + "?page=2")
    assert list(first.context["page_obj"]) == made[:1:-1]
    assert list(second.context["page_obj"]) == made[1::-1]
    assert first.content.count(b"/file/thumb/") == 48


def test_uploads_and_results_apart(client: Client, user: Any, other_user: Any) -> None:
    uploads, results = rows(user, 2), rows(user, 3, origin=Asset.Origin.RESULT, made_by="swap")
    sample = rows(user, 1, origin=Asset.Origin.SAMPLE)
    rows(other_user, 4)
    for show, expected in (
        ("all", {*uploads, *results, *sample}),
        ("uploads", {*uploads, *sample}),
        ("results", {*results}),
        ("nonsense", {*uploads, *results, *sample}),
    ):
        context = client.get(reverse("photos") + f"?show={show}").context
        assert set(context["page_obj"]) == expected
        assert context["counts"] == {"all": 6, "uploads": 3, "results": 3}


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", ""])
def test_a_page_that_is_not_there_gives_one_that_is(page: str, client: Client, user: Any) -> None:
    rows(user, 50)
    assert client.get(reverse("photos") + f"?page={page}").status_code == 200


def test_the_number_of_queries_does_not_grow(client: Client, user: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(reverse("photos")).status_code == 200
        return len(captured)

    rows(user, 3)
    few = queries()
    rows(user, 300, origin=Asset.Origin.RESULT, made_by="swap")
    assert queries() == few < 12


def test_an_empty_gallery_says_so(client: Client) -> None:
    response = client.get(reverse("photos"))
    assert response.status_code == 200
    assert reverse("studio").encode() in response.content


def test_a_photos_page_shows_its_faces(
    client: Client, user: Any, photo_factory: Any, face: dict[str, Any]
) -> None:
    photo = photo_factory(user, faces=[face])
    for name in ("photo", "photo_faces"):
        response = client.get(reverse(name, args=[photo.pk]))
        assert response.context["faces"] == [{"index": 0, "x": 400, "y": 40, "w": 120, "h": 140}]
        assert b'<rect x="400.0" y="40.0" width="120.0" height="140.0"' in response.content


def test_the_faces_fragment_asks_again_until_they_are_known(
    client: Client, user: Any, photo_factory: Any
) -> None:
    photo = photo_factory(user, analysis=Asset.Analysis.PENDING)
    url = reverse("photo_faces", args=[photo.pk])
    assert f'hx-get="{url}"' in client.get(url).content.decode()
    Asset.objects.update(analysis=Asset.Analysis.DONE)
    assert "hx-get" not in client.get(url).content.decode()


def test_a_results_page_shows_what_it_was_made_on(
    client: Client, user: Any, photo_factory: Any
) -> None:
    target, source = photo_factory(user), photo_factory(user)
    result = photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap", making=MAKING)
    Lineage.objects.create(child=result, parent=target, role="target")
    Lineage.objects.create(child=result, parent=source, role="source")
    response = client.get(reverse("photo", args=[result.pk]))
    assert response.context["target"] == target
    assert response.context["sources"] == [source]
    assert response.context["job"] is None
    page = response.content.decode()
    assert reverse("asset_file", args=[target.pk, "preview"]) in page
    assert "<dd>Classic</dd>" in page


@dataclass
class Tree:
    """An upload, two versions of it, two of the first of those, and one of its second."""

    root: Asset
    smile: Asset
    swap: Asset
    older: Asset
    younger: Asset
    oldest: Asset


def made_on(parent: Asset, kind: str = "edit", **applied: int) -> Asset:
    """A result without files, made on ``parent``."""
    making = edited(applied=applied) if applied else MAKING
    what = EditWhat(applied) if kind == "edit" else SwapWhat()
    step = Step.now(kind, "classic", what.to_dict())
    child = Asset.objects.create(
        owner=parent.owner,
        origin=Asset.Origin.RESULT,
        made_by=kind,
        steps=[*parent.steps, step.to_dict()],
        width=4,
        height=3,
        bytes=1,
        making=making,
        screening=Asset.Screening.CLEAR,
    )
    Lineage.objects.create(child=child, parent=parent, role="target")
    return child


@pytest.fixture
def tree(user: Any) -> Tree:
    (root,) = rows(user, 1)
    smile = made_on(root, smile=40, age=0)
    swap = made_on(root, "swap")
    older, younger = made_on(smile, smile=0, age=30), made_on(smile, smile=-5, age=-20)
    return Tree(root, smile, swap, older, younger, made_on(older, age=100))


def shown_versions(client: Client, photo: Asset, query: str = "") -> list[Any]:
    versions: list[Any] = client.get(photo.get_absolute_url() + query).context["history"].versions
    return versions


def test_the_versions_of_a_photo_are_a_tree(client: Client, tree: Tree) -> None:
    expected = [
        (tree.root, "The photo", 1, 0),
        (tree.smile, "Smile +40", 2, 1),
        (tree.older, "Age +30", 3, 2),
        (tree.oldest, "Age +100", 4, 3),
        (tree.younger, "Age \N{MINUS SIGN}20, smile \N{MINUS SIGN}5", 3, 2),
        (tree.swap, "Face swap", 2, 1),
    ]
    for current in vars(tree).values():
        versions = shown_versions(client, current)
        assert [(it.photo, it.label, it.level, it.indent) for it in versions] == expected
        assert [it.photo for it in versions if it.is_current] == [current]
    page = client.get(tree.older.get_absolute_url()).content.decode()
    for other in (tree.root, tree.smile, tree.oldest, tree.younger, tree.swap):
        assert f'href="{other.get_absolute_url()}"' in page


def test_a_history_without_branches_is_a_straight_line(client: Client, user: Any) -> None:
    (photo,) = rows(user, 1)
    for step in range(1, 100):
        photo = made_on(photo, age=step)
    versions = shown_versions(client, photo)
    assert len(versions) == 100
    assert {it.indent for it in versions} == {0}
    assert [it.level for it in versions] == list(range(1, 101))


def test_of_very_many_versions_the_nearest_are_shown(client: Client, tree: Tree) -> None:
    for percent in range(1, 60):
        made_on(tree.root, smile=percent)
    versions = shown_versions(client, tree.oldest)
    assert len(versions) == MAX_SHOWN
    line = {tree.root, tree.smile, tree.older, tree.oldest}
    assert line <= {it.photo for it in versions}
    assert (
        f"{65 - MAX_SHOWN} more in your".encode()
        in client.get(tree.oldest.get_absolute_url()).content
    )


def test_a_version_deleted_in_between_parts_the_history(client: Client, tree: Tree) -> None:
    tree.smile.delete()
    assert [it.photo for it in shown_versions(client, tree.root)] == [tree.root, tree.swap]
    assert [it.photo for it in shown_versions(client, tree.older)] == [tree.older, tree.oldest]
    assert client.get(tree.older.get_absolute_url()).context["before"] is None


def test_any_two_versions_can_be_compared(client: Client, tree: Tree) -> None:
    address = tree.oldest.get_absolute_url()
    assert client.get(address).context["before"] == tree.older
    for other in (tree.root, tree.swap, tree.younger, tree.older):
        response = client.get(f"{address}?with={other.pk}")
        assert response.context["before"] == other
        page = response.content.decode()
        before = page.split('class="compare-before"')[1].split("</figure>")[0]
        assert reverse("asset_file", args=[other.pk, "preview"]) in before
        assert ("AI-edited" in before) == other.is_result, "both sides say what they are"
    # Walking on keeps what one compares with.
    assert f'href="{tree.root.get_absolute_url()}?with={tree.swap.pk}"' in (
        client.get(f"{address}?with={tree.swap.pk}").content.decode()
    )
    # An upload has no other side of its own, and gets one this way.
    upload = client.get(f"{tree.root.get_absolute_url()}?with={tree.swap.pk}")
    assert "data-compare" in upload.content.decode()


def test_only_versions_of_the_same_history_are_compared(
    client: Client, tree: Tree, user: Any, other_user: Any
) -> None:
    (unrelated,), (foreign,) = rows(user, 1), rows(other_user, 1)
    Lineage.objects.create(child=foreign, parent=tree.root, role="target")
    for query in (unrelated.pk, foreign.pk, tree.smile.pk, uuid4(), "x", ""):
        response = client.get(f"{tree.smile.get_absolute_url()}?with={query}")
        assert response.status_code == 200
        assert response.context["chosen"] is None
        assert response.context["before"] == tree.root
        assert str(foreign.pk) not in response.content.decode()


def test_a_long_history_costs_no_more_queries_than_a_short_one(client: Client, tree: Tree) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(f"{tree.smile.get_absolute_url()}?with={tree.root.pk}")
        return len(captured)

    few = queries()
    photo = tree.oldest
    for step in range(1, 30):
        photo = made_on(photo, age=step)
        made_on(tree.smile, age=step)
    assert queries() == few < 12


def test_a_photo_with_a_face_offers_smile_and_age(
    client: Client, user: Any, photo_factory: Any, face: dict[str, Any]
) -> None:
    """So does one whose faces are still looked for, as a result's are at first."""
    faceless = photo_factory(user)
    fresh = photo_factory(
        user, origin=Asset.Origin.RESULT, made_by="edit", analysis=Asset.Analysis.PENDING
    )
    upload = photo_factory(user, faces=[face])
    result = photo_factory(
        user, faces=[face], origin=Asset.Origin.RESULT, made_by="edit", making=MAKING
    )
    for photo, offered in ((faceless, False), (fresh, True), (upload, True), (result, True)):
        page = client.get(photo.get_absolute_url()).content.decode()
        assert (f'href="{reverse("edits")}?photo={photo.pk}"' in page) == offered


def edited(**changes: Any) -> dict[str, Any]:
    even = {"smile": 50, "age": 0}
    figures = replace(EditFigures("applied", even, even, 0.93, 0.8, 4), **changes)
    return Details("classic", own=EditMade(None, "", figures).to_dict()).to_dict()


def test_an_edit_shows_what_was_given_and_how_far_it_is_from_the_mark(
    client: Client, user: Any, photo_factory: Any
) -> None:
    photo = photo_factory(user, origin=Asset.Origin.RESULT, made_by="edit", making=edited())
    page = client.get(photo.get_absolute_url()).content.decode()
    assert "+50, as asked" in page
    assert "<dt>Age</dt>" not in page, "nothing was asked of it"
    assert 'aria-valuenow="0.93"' in page
    assert '<rect class="identity-share" width="0.930"' in page
    assert "M0.800 0v1" in page


def test_an_edit_that_was_held_back_says_how_much_and_why(
    client: Client, user: Any, photo_factory: Any
) -> None:
    making = edited(
        verdict="reduced",
        asked={"smile": 50, "age": -40},
        applied={"smile": 33, "age": -26},
        similarity=0.801,
        reason=Notice("identity_lost"),
    )
    photo = photo_factory(user, origin=Asset.Origin.RESULT, made_by="edit", making=making)
    page = client.get(photo.get_absolute_url()).content.decode()
    for asked, given in (("+50", "+33"), ("-40", "-26")):
        assert re.search(rf">{re.escape(given)}</span> <span[^>]*>{re.escape(asked)} asked<", page)
    assert "No version of this edit kept your identity. Try a smaller edit" in page


def test_deleting_one(
    client: Client,
    user: Any,
    photo_factory: Any,
    media: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    photo = photo_factory(user)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(reverse("asset_delete", args=[photo.pk]), YES, follow=True)
    assert response.redirect_chain == [(reverse("photos"), 302)]
    assert b"deleted" in response.content
    assert files_in(media) == []
    for name, args in (("photo", []), ("asset_file", ["thumb"]), ("photo_face", [0])):
        assert client.get(reverse(name, args=[photo.pk, *args])).status_code == 404


def test_deleting_many_takes_only_ones_own(
    client: Client, user: Any, other_user: Any, photo_factory: Any
) -> None:
    mine = [photo_factory(user) for _ in range(3)]
    theirs = photo_factory(other_user)
    ids = [str(mine[0].pk), str(mine[1].pk), str(theirs.pk), str(uuid4()), "no id", ""]
    response = client.post(reverse("assets_delete"), {"ids": ids, **YES}, follow=True)
    assert b"2 photos deleted" in response.content
    assert set(Asset.objects.all()) == {mine[2], theirs}
    for nothing in ({}, YES, {"ids": [str(theirs.pk)]}):
        response = client.post(reverse("assets_delete"), nothing, follow=True)
        assert b"Nothing was chosen" in response.content


def test_nothing_is_deleted_before_it_is_confirmed(
    client: Client, user: Any, photo_factory: Any
) -> None:
    """The question is the server's, so that a click before any script is there is safe."""
    first, second = (
        photo_factory(user),
        photo_factory(user, origin=Asset.Origin.RESULT, made_by="swap"),
    )
    one, many = reverse("asset_delete", args=[first.pk]), reverse("assets_delete")
    ids = [str(first.pk), str(second.pk)]
    for url, form, shown in ((one, {}, [first]), (many, {"ids": ids}, [first, second])):
        for answer in ({}, {"confirm": "no"}):
            response = client.post(url, {**form, **answer})
            assert response.status_code == 200
            assert Asset.objects.count() == 2
        page = response.content.decode()
        assert f'action="{url}"' in page
        assert 'type="submit" name="confirm" value="yes"' in page
        kept = re.findall(r'name="ids" value="([^"]+)"', page)
        assert sorted(kept) == sorted(ids[: len(shown)])
        assert page.count("/file/thumb/") == len(shown)
    client.post(many, {"ids": ids, **YES})
    assert not Asset.objects.exists()


def test_the_buttons_that_ask_in_a_dialog_send_the_confirmation(
    client: Client, user: Any, photo_factory: Any
) -> None:
    photo = photo_factory(user)
    for url in (photo.get_absolute_url(), reverse("photos")):
        page = client.get(url).content.decode()
        (button,) = re.findall(r"<button[^>]* data-confirm-yes>", page)
        assert 'name="confirm" value="yes"' in button


OWNED = [
    ("get", "photo", []),
    ("get", "photo_faces", []),
    ("get", "photo_face", [0]),
    ("get", "asset_file", ["original"]),
    ("get", "asset_file", ["preview"]),
    ("get", "asset_file", ["thumb"]),
    ("post", "asset_delete", []),
]


@pytest.mark.parametrize(("method", "name", "args"), OWNED)
def test_nobody_but_the_owner_gets_anything(
    method: str,
    name: str,
    args: list[Any],
    user: Any,
    other_user: Any,
    moderator: Any,
    client_for: Any,
    photo_factory: Any,
    face: dict[str, Any],
) -> None:
    photo = photo_factory(user, faces=[face])
    url = reverse(name, args=[photo.pk, *args])
    anonymous = getattr(client_for(None), method)(url)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith(reverse("account_login"))
    for person in (other_user, moderator):
        assert getattr(client_for(person), method)(url).status_code == 404
    assert Asset.objects.filter(pk=photo.pk).exists()
    assert getattr(client_for(user), method)(url, YES).status_code == (
        302 if method == "post" else 200
    )


@pytest.mark.parametrize("name", ["photo_upload", "assets_delete"])
def test_what_changes_things_is_no_get(name: str, client: Client) -> None:
    assert client.get(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", ["asset_delete"])
def test_deleting_by_get_does_nothing(name: str, client: Client, user: Any) -> None:
    (photo,) = rows(user, 1)
    assert client.get(reverse(name, args=[photo.pk])).status_code == 405
    assert Asset.objects.exists()
