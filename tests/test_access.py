"""Who may reach what: every address of the site against every kind of visitor.

The table below must name each address the site has; a new one without a row fails. Answers to
strangers must be those to an id that never existed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation.models import Case, Report, Strike
from faceweb.moderation.tokens import appeal_token
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import token_digest
from faceweb.work.models import Job
from tests.conftest import stored_face
from tests.moderation.deciding import share

pytestmark = pytest.mark.django_db

SIGN_IN = 302
GONE = 404
OK = 200
NO = 405
NOTHING_TO_DO = 409


@dataclass(frozen=True)
class Row:
    """What a GET of an address answers to each visitor; ``args`` are filled from `Things`."""

    anonymous: int
    stranger: int
    moderator: int
    owner: int
    args: tuple[str, ...] = ()
    query: str = ""

    def url(self, name: str, things: dict[str, Any]) -> str:
        return reverse(name, args=[things[arg] for arg in self.args]) + self.query.format(**things)


def private(*args: str, query: str = "") -> Row:
    """Only the owner; for others who are signed in it does not exist, staff or not."""
    return Row(SIGN_IN, GONE, GONE, OK, args, query)


def personal(query: str = "") -> Row:
    """Everybody's own page of that kind."""
    return Row(SIGN_IN, OK, OK, OK, query=query)


def public(*args: str) -> Row:
    return Row(OK, OK, OK, OK, args)


def post_only(*args: str) -> Row:
    """A GET changes nothing, whoever asks; `POSTS` has the other half."""
    return Row(SIGN_IN, NO, NO, NO, args)


SITE = {
    "landing": public(),
    "protect_face": public(),
    "healthz": public(),
    "verify": public(),
    "root_certificates": public(),
    "profile": personal(),
    "accounts_export": post_only(),
    "accounts_delete": personal(),
    "photos": personal(),
    "photo_upload": post_only(),
    "photo": private("photo"),
    "asset_file": private("photo", "size"),
    "photo_face": private("photo", "face"),
    "photo_faces": private("photo"),
    "asset_keep": post_only("photo"),
    "asset_delete": post_only("photo"),
    "assets_delete": post_only(),
    "jobs": personal(),
    "job": private("job"),
    "job_status": private("job"),
    "job_cancel": post_only("job"),
    "job_retry": post_only("job"),
    "studio": personal(),
    "studio_pick": personal("?slot=source"),
    "studio_slot": private(query="?slot=target&photo={photo}"),
    "studio_check": personal("?target={photo}&source={photo}"),
    "swaps": post_only(),
    "edits": private(query="?photo={photo}"),
    "edit_prepare": post_only(),
    "edit_preview": post_only(),
    "report": public("token"),
    "takedown": public(),
    "takedown_status": public("ticket"),
    "standing": personal(),
    "appeal_strike": private("strike"),
    # The owner's photo is not refused, which is what they are told.
    "appeal_photo": Row(SIGN_IN, GONE, GONE, NOTHING_TO_DO, ("photo",)),
    "appeal_signed": public("appeal"),
    "links": personal(),
    "link": private("link"),
    "link_address": post_only("link"),
    "link_revoke": post_only("link"),
    "link_make": private("result"),
}

# Who is signed in has no business on these pages of allauth; that it answers them is its own test.
ALLAUTH = {
    name for name in get_resolver().reverse_dict if str(name).startswith(("account_", "mfa_"))
}

# `readyz` needs a running Redis, which these tests have not; the stack tests ask it. What a link
# shows to whoever holds it has its own table in tests/sharing/test_access.py.
ELSEWHERE = {
    "readyz",
    "shared",
    "shared_picture",
    "shared_original",
    "shared_preview",
    "shared_download",
}


@pytest.fixture
def things(user, photo_factory, portrait) -> dict[str, Any]:
    result = photo_factory(user, portrait, origin=Asset.Origin.RESULT, made_by="swap")
    return things_make(user, photo_factory(user, portrait, faces=[stored_face()]), result)


def things_make(user: Any, photo: Asset, result: Asset) -> dict[str, Any]:
    """The owner's photo with a face and a result, their job, their strike, a stranger's report."""
    job = Job.objects.create(
        owner=user,
        kind="swap",
        recipe={
            "target": str(photo.pk),
            "mapping": [{"target_face": 0, "source": str(photo.pk), "source_face": 0}],
            "blend": "multiband",
        },
    )
    strike = Strike.objects.create(
        person=user, level="warning", reason="other", expires_at=timezone.now() + timedelta(days=9)
    )
    case = Case.objects.create(kind=Case.Kind.TAKEDOWN)
    report = Report.objects.create(case=case, category="other")
    token = "a" * 43
    share(photo, token)
    open_link = "b" * 43
    link = ShareLink.objects.create(owner=user, photo=result, token_sha256=token_digest(open_link))
    return {
        "photo": photo.pk, "job": job.pk, "size": "thumb", "face": 0, "token": token,
        "ticket": report.ticket, "strike": strike.pk, "appeal": appeal_token(strike),
        "result": result.pk, "link": link.pk, "open_link": open_link,
    }  # fmt: skip


@pytest.fixture
def visitors(client_for, user, other_user, moderator, make_user, things):
    """Everybody there is; whoever holds a link has opened it."""
    people = {"anonymous": None, "stranger": other_user, "moderator": moderator, "owner": user}
    for role in ("Moderators", "Leads", "Admins"):
        person = make_user(f"{role.lower()}@example.org", is_staff=True)
        person.groups.add(Group.objects.get(name=role))
        people[role] = person
    clients = {who: client_for(person) for who, person in people.items()}
    clients["link holder"] = client_for(None)
    shared = clients["link holder"].get(reverse("shared", args=[things["open_link"]]))
    assert shared.status_code == OK
    return clients


# To the site's own pages a role in the panel opens nothing, and neither does a link.
NO_MORE_THAN = {
    "Moderators": "stranger",
    "Leads": "stranger",
    "Admins": "stranger",
    "link holder": "anonymous",
}


def names(patterns: list[Any], namespace: str = "") -> set[str]:
    """All url names of the site, those of the admin panel apart."""
    found: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                found |= names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern} has no name"
            found.add(pattern.name)
    return found


def test_every_address_is_in_the_table():
    known = SITE.keys() | ALLAUTH | ELSEWHERE
    assert names(get_resolver().url_patterns) == known


@pytest.mark.parametrize("name", sorted(SITE))
def test_reading(name, things, visitors, published):
    row = SITE[name]
    url = row.url(name, things)
    for who, client in visitors.items():
        response = client.get(url)
        assert response.status_code == getattr(row, NO_MORE_THAN.get(who, who)), f"{who} at {url}"
        if response.status_code == SIGN_IN:
            assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    "name", sorted(name for name, row in SITE.items() if row.owner == OK and row.stranger == GONE)
)
def test_what_is_anothers_answers_like_what_never_was(name, things, visitors):
    row = SITE[name]
    nothing = {**things, "photo": uuid4(), "job": uuid4(), "link": uuid4(), "result": uuid4()}
    real, void = row.url(name, things), row.url(name, nothing)
    for who in ("stranger", "moderator", "Moderators", "Leads", "Admins"):
        for method in ("get", "post"):
            theirs = getattr(visitors[who], method)(real)
            nobodys = getattr(visitors[who], method)(void)
            assert theirs.status_code == nobodys.status_code
            assert theirs.content.replace(real.encode(), b"") == nobodys.content.replace(
                void.encode(), b""
            )


@pytest.mark.parametrize("who", ["anonymous", "stranger", "moderator", *NO_MORE_THAN])
def test_nobody_changes_what_is_anothers(who, things, visitors, published):
    client = visitors[who]
    refused = SIGN_IN if who in {"anonymous", "link holder"} else GONE
    for name in ("asset_delete", "job_cancel", "job_retry", "link_address", "link_revoke"):
        url = reverse(name, args=[things[SITE[name].args[0]]])
        response = client.post(url, {"confirm": "yes"})
        assert response.status_code == refused, name
    client.post(reverse("assets_delete"), {"ids": [str(things["photo"])], "confirm": "yes"})
    for name in ("edits", "edit_prepare", "edit_preview"):
        edit = client.post(reverse(name), {"photo": str(things["photo"]), "smile": "40"})
        assert edit.status_code in {SIGN_IN, 400, 404}
    swap = client.post(
        reverse("swaps"),
        {"target": str(things["photo"]), "map-0": f"{things['photo']}:0", "blend": "multiband"},
    )
    assert swap.status_code in {SIGN_IN, 400, 404}
    for name in ("edits", "edit_prepare", "edit_preview"):
        edit = client.post(reverse(name), {"photo": str(things["photo"]), "smile": "50"})
        assert edit.status_code in {SIGN_IN, 400, 404}, name
    assert Asset.objects.filter(pk=things["photo"]).exists()
    assert Job.objects.get().state == Job.State.QUEUED


def test_another_persons_photo_does_not_show_in_ones_studio_or_gallery(things, visitors):
    stranger = visitors["stranger"]
    for url in (
        reverse("studio") + f"?target={things['photo']}&source={things['photo']}",
        reverse("studio_slot") + f"?slot=target&photo={things['photo']}",
        reverse("photos"),
    ):
        page = stranger.get(url)
        assert page.status_code in {OK, GONE}
        assert reverse("asset_file", args=[things["photo"], "preview"]).encode() not in page.content
        assert reverse("asset_file", args=[things["photo"], "thumb"]).encode() not in page.content


def admin_pages() -> list[str]:
    return [
        reverse("admin:index"),
        *(reverse(f"admin:{app}_changelist") for app in ("people_user", "media_asset", "work_job")),
    ]


def test_the_admin_panel_is_for_staff(visitors, things):
    for url in admin_pages():
        answers = {who: client.get(url).status_code for who, client in visitors.items()}
        for who in ("anonymous", "link holder", "stranger", "owner"):
            assert answers[who] == SIGN_IN, (who, url)
        assert answers["moderator"] == OK, url


def test_no_file_is_served_by_its_path(things, visitors):
    photo = Asset.objects.get(pk=things["photo"])
    for prefix in ("/", "/media/", "/static/", "/_private/"):
        for client in visitors.values():
            assert client.get(prefix + str(photo.file_of("original"))).status_code == GONE


@pytest.mark.parametrize("name", sorted(SITE))
def test_every_answer_is_kept_out_of_caches_and_frames(name, things, visitors, published):
    row = SITE[name]
    response = visitors["owner"].get(row.url(name, things))
    assert "private" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["Referrer-Policy"] == "same-origin"
