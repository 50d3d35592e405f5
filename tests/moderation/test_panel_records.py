"""The records behind the panel: figures, audit log, block list, strikes, links, protected faces."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import cv2
import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from faceweb.moderation.admin.words import clock_of, span_words
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import AuditEntry, BlockedHash, Case, ProtectedFace, Screening
from tests.moderation.deciding import admin, decide, lead, mod, reported, share

__all__ = ["admin", "decide", "lead", "mod"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(published: Any) -> None:
    """Notices stay here."""


@pytest.fixture
def leads_panel(lead: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(lead)
    return signed_in


def act(client: Client, model: str, action: str, *rows: Any) -> Any:
    url = reverse(f"admin:{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": [str(row.pk) for row in rows]})


# --- words --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("hours", "words", "level"),
    [
        (47.5, "47 h left", "calm"), (24, "24 h left", "soon"), (8, "8 h left", "late"),
        (0.5, "30 min left", "late"), (0, "overdue by 0 min", "over"),
        (-50, "overdue by 2 days", "over"),
    ],
)  # fmt: skip
def test_the_clock_says_in_words_what_its_colour_says(hours: float, words: str, level: str) -> None:
    with time_machine.travel("2026-11-24 12:00", tick=False):
        case = Case(due_at=timezone.now() + timedelta(hours=hours))
        clock = clock_of(case)
    assert (clock.words, clock.level) == (words, level)


def test_a_closed_case_has_no_clock() -> None:
    assert clock_of(Case(state="closed", due_at=timezone.now())).level == "none"
    assert span_words(timedelta(hours=47, minutes=59)) == "47 h"


# --- figures ------------------------------------------------------------------------------------
def test_the_first_page_tells_how_things_stand(
    mod: Any, user: Any, photo_factory: Any, client_for: Any, decide: Any
) -> None:
    now = timezone.now()
    done = [reported(photo_factory(user), "deception") for _ in range(3)]
    for case in done:
        decide(case, mod, "dismiss", "allowed")
    reported(photo_factory(user), "likeness", due_at=now - timedelta(hours=1))
    reported(photo_factory(user), "likeness", due_at=now + timedelta(hours=4))
    for state in ("clear", "clear", "clear", "blocked"):
        Screening.objects.create(subject="upload", state=state)
    page = client_for(mod).get(reverse("admin:index"))
    queue = page.context["queue"]
    assert (queue["open"], queue["overdue"], queue["soon"], queue["free"]) == (2, 1, 1, 2)
    assert page.context["decisions_total"] == 3
    assert page.context["decisions"][-1].value == 3
    shares = {row.label: (row.value, row.of_all) for row in page.context["screening"]}
    assert shares["clear"] == (3, 75)
    assert shares["not allowed here"] == (1, 25)
    assert [row.value for row in page.context["reasons"]] == [3, 2]
    html = page.content.decode()
    # What the bars say is there in words.
    assert re.search(r"<title[^>]*>3 decisions in the last 14 days: .*\d \w+ 3</title>", html)
    assert " style=" not in html.split('class="case board"')[1].split("</svg>")[0]


def test_the_first_page_costs_the_same_for_many(
    mod: Any, user: Any, photo_factory: Any, client_for: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_for(mod)
    for _ in range(15):
        reported(photo_factory(user))
        Screening.objects.create(subject="upload", state="clear")
    with django_assert_max_num_queries(18):
        client.get(reverse("admin:index"))


def test_an_empty_site_has_a_first_page_too(mod: Any, client_for: Any) -> None:
    page = client_for(mod).get(reverse("admin:index"))
    assert page.context["queue"]["open"] == 0
    assert "Nothing waits." in page.content.decode()


# --- audit log ----------------------------------------------------------------------------------
AUDIT = "/admin/moderation/auditentry/"


def test_the_log_is_searched_and_narrowed_down(
    leads_panel: Client, mod: Any, user: Any, photo_factory: Any
) -> None:
    case = reported(photo_factory(user))
    with time_machine.travel("2026-01-05 10:00"):
        audit_write(actor=mod, action="picture.reveal", target=case.photo, case=case)
    audit_write(actor=None, action="strike.add", reason="likeness")

    def found(**query: str) -> set[str]:
        response = leads_panel.get(AUDIT, query)
        return {entry.action for entry in response.context["cl"].result_list}

    assert found(q=case.ticket) == {"case.open", "picture.reveal"}
    assert found(q=str(case.photo_id)) == {"picture.reveal"}
    assert found(about="strike") == {"strike.add"}
    assert found(who=str(mod.pk)) == {"picture.reveal"}
    assert found(who="site") == {"case.open", "strike.add"}
    assert found(at_from="2026-01-01", at_to="2026-01-05") == {"picture.reveal"}
    assert found(at_to="2026-01-04") == set()
    assert len(found(at_from="never", at_to="2026-13-77")) == 3


def test_the_list_is_taken_away_as_it_is_shown(leads_panel: Client, lead: Any, mod: Any) -> None:
    audit_write(actor=mod, action="strike.add", reason="=1+1")
    audit_write(actor=mod, action="picture.reveal")
    page = leads_panel.get(AUDIT, {"about": "strike"}).content.decode()
    [action] = re.findall(r'action="(/admin/moderation/auditentry/export/[^"]*)"', page)
    response = leads_panel.post(action)
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert [row["action"] for row in rows] == ["strike.add"]
    assert rows[0]["reason"] == "'=1+1"
    assert AuditEntry.objects.get(action="audit.export").actor_id == lead.pk


def test_taking_the_log_away_is_for_leads_and_by_post(
    leads_panel: Client, mod: Any, client_for: Any
) -> None:
    url = reverse("admin:moderation_auditentry_export")
    assert leads_panel.get(url).status_code == 403
    assert client_for(mod).post(url).status_code == 403
    assert not AuditEntry.objects.filter(action="audit.export").exists()


# --- block list ---------------------------------------------------------------------------------
BLOCK = "/admin/moderation/blockedhash/add/"


def test_a_hash_is_blocked_by_hand(mod: Any, client_for: Any) -> None:
    value = "AB" * 32
    form = {"kind": "sha256", "value": value, "reason": "known_bad", "note": "from a colleague"}
    assert client_for(mod).post(BLOCK, form).status_code == 302
    row = BlockedHash.objects.get()
    assert (row.value, row.reason, row.added_by, row.is_active) == (
        "ab" * 32, "known_bad", mod, True,
    )  # fmt: skip
    assert AuditEntry.objects.get(action="hash.block").actor_id == mod.pk


@pytest.mark.parametrize("value", ["", "abc", "g" * 64, "a" * 63])
def test_what_is_no_hash_is_refused(value: str, mod: Any, client_for: Any) -> None:
    form = {"kind": "sha256", "value": value, "reason": "known_bad"}
    assert client_for(mod).post(BLOCK, form).status_code == 200
    assert not BlockedHash.objects.exists()


def test_a_picture_is_blocked_by_its_digest_and_its_looks(
    mod: Any, client_for: Any, portrait: Any
) -> None:
    pytest.importorskip("faceweb.marks.pdq")
    data = cv2.imencode(".png", portrait)[1].tobytes()
    form = {"reason": "nudity", "kind": "sha256", "picture": SimpleUploadedFile("a.png", data)}
    assert client_for(mod).post(BLOCK, form).status_code == 302
    assert set(BlockedHash.objects.values_list("kind", flat=True)) == {"sha256", "pdq"}


def test_a_picture_that_is_none_is_refused_in_words(mod: Any, client_for: Any) -> None:
    form = {
        "reason": "nudity", "kind": "sha256",
        "picture": SimpleUploadedFile("a.png", b"not a picture"),
    }  # fmt: skip
    page = client_for(mod).post(BLOCK, form)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors["picture"]
    assert not BlockedHash.objects.exists()


def test_an_entry_is_switched_off_and_on_again(mod: Any, client_for: Any) -> None:
    row = BlockedHash.objects.create(kind="sha256", value="a" * 64, reason="nudity")
    client = client_for(mod)
    act(client, "moderation_blockedhash", "switch_off", row)
    assert not BlockedHash.objects.filter(is_active=True).exists()
    form = {"kind": "sha256", "value": "a" * 64, "reason": "minor"}
    client.post(BLOCK, form)
    row.refresh_from_db()
    assert row.is_active
    assert row.reason == "minor"
    entries = AuditEntry.objects.filter(action__startswith="hash.").order_by("pk")
    actions = entries.values_list("action", flat=True)
    assert list(actions) == ["hash.release", "hash.block"]


# --- strikes, links, faces ----------------------------------------------------------------------
def test_a_lead_lifts_a_strike(
    leads_panel: Client, mod: Any, user: Any, photo_factory: Any, decide: Any
) -> None:
    decide(reported(photo_factory(user)), mod, "warn", "likeness")
    strike = user.strikes.get()
    act(leads_panel, "moderation_strike", "lift", strike)
    strike.refresh_from_db()
    assert strike.lifted_at is not None
    assert AuditEntry.objects.filter(action="strike.lift").exists()


def test_links_are_revoked_and_their_secrets_shown_to_nobody(
    leads_panel: Client, lead: Any, user: Any, photo_factory: Any
) -> None:
    link = share(photo_factory(user), password="pbkdf2_sha256$1$salt$hash")
    for page in (
        reverse("admin:sharing_sharelink_changelist"),
        reverse("admin:sharing_sharelink_change", args=[link.pk]),
    ):
        html = leads_panel.get(page).content.decode()
        assert str(link.pk) in html
        assert link.token_sha256 not in html
        assert "pbkdf2" not in html
    act(leads_panel, "sharing_sharelink", "revoke", link)
    link.refresh_from_db()
    assert link.revoked_at is not None
    assert AuditEntry.objects.get(action="link.revoke").target_id == str(link.pk)


def test_protected_faces_show_nothing_that_identifies(leads_panel: Client) -> None:
    face = ProtectedFace.objects.create(
        state="active", embeddings={"network": "c2VhbGVk"}, email="asks@example.net"
    )
    for page in ("changelist", "change"):
        args = [face.pk] if page == "change" else []
        html = leads_panel.get(reverse(f"admin:moderation_protectedface_{page}", args=args))
        assert "c2VhbGVk" not in html.content.decode()
        assert "asks@example.net" not in html.content.decode()


def test_a_request_for_protection_is_looked_at_veiled_and_logged(
    mod: Any, client_for: Any, portrait: Any
) -> None:
    sealing = pytest.importorskip("faceweb.moderation.sealing")
    from faceweb.moderation.cases import case_open

    case = case_open(kind=Case.Kind.PROTECTED_FACE, reason="protected_face")
    picture = sealing.seal(cv2.imencode(".webp", portrait)[1].tobytes())
    ProtectedFace.objects.create(case=case, selfie=picture, proof=picture)
    client = client_for(mod)
    page = client.get(reverse("admin:moderation_case_change", args=[case.pk])).content.decode()
    assert "Selfie" in page
    assert "Proof of who they are" in page
    for what in ("selfie", "proof"):
        answer = client.post(
            reverse("admin:moderation_case_reveal", args=[case.pk]),
            {"what": what},
            headers={"accept": "application/json"},
        )
        shown = client.get(answer.json()["address"])
        assert shown["Content-Type"] == "image/webp"
        assert "no-store" in shown["Cache-Control"]
    details = AuditEntry.objects.filter(action="picture.reveal").values_list("details", flat=True)
    assert [entry["what"] for entry in details] == ["proof", "selfie"]
