"""A walk over every address of the site, in a process that cannot load vision.

The site is that of `tests.light_worker`; run it after `django.setup`.
"""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from tests.light_settings import settings_apply
from tests.light_worker import THINGS

OK = 200
FOUND = 302
# What a page may answer where it takes no question of this kind.
FINE = {OK, FOUND, 303, 400, 403, 404, 405, 409}


class Walk:
    """The clients of everybody who visits, and what there is to visit."""

    def __init__(self, things: dict[str, Any]) -> None:
        from django.test import Client

        from faceweb.people.models import User
        from tests.conftest import with_second_factor

        backend = "allauth.account.auth_backends.AuthenticationBackend"
        self.things = things
        self.owner, self.moderator, self.anyone = Client(), Client(), Client()
        for client, email in ((self.owner, "olive"), (self.moderator, "maud")):
            person = User.objects.get(email=f"{email}@example.org")
            client.force_login(person, backend=backend)
            if person.is_staff:
                with_second_factor(client, person)

    def all_pages(self) -> None:
        """Every address of the table, by everybody it is for."""
        from django.urls import NoReverseMatch, reverse

        from tests.test_access import ALLAUTH, SITE

        for name, row in sorted(SITE.items()):
            for who in ("anonymous", "moderator", "owner"):
                client = self.anyone if who == "anonymous" else getattr(self, who)
                url = row.url(name, self.things)
                assert client.get(url).status_code == getattr(row, who), (name, who)
        for name in ALLAUTH:
            try:
                url = reverse(name)
            except NoReverseMatch:
                continue
            for client in (self.anyone, self.owner):
                assert client.get(url).status_code in FINE, name

    def pictures(self) -> None:
        """Every size of an upload and of a result, saved ones with their marks, and faces."""
        from django.urls import reverse

        for name in ("photo", "result", "clear"):
            for role in ("original", "preview", "thumb"):
                url = reverse("asset_file", args=[self.things[name], role])
                assert self.owner.get(url).status_code == OK, (name, role)
        for name, media_type in (("result", "image/jpeg"), ("clear", "image/webp")):
            url = reverse("asset_file", args=[self.things[name], "original"])
            saved = self.owner.get(url, {"download": "1"})
            assert (saved.status_code, saved["Content-Type"]) == (OK, media_type), name

    def shared(self) -> bytes:
        """A link with all it has; returns the picture."""
        from django.urls import reverse

        def address(name: str) -> str:
            return reverse(name, args=[self.things["open_link"]])

        assert self.anyone.get(address("shared")).status_code == OK
        got = {}
        for name in ("shared_picture", "shared_original", "shared_preview", "shared_download"):
            answer = self.anyone.get(address(name))
            assert (answer.status_code, answer["Content-Type"]) == (OK, "image/jpeg"), name
            got[name] = answer.content
        return bytes(got["shared_download"])

    def verified(self, picture: bytes) -> None:
        """The picture that a link gave is known again."""
        from django.urls import reverse

        page = self.anyone.post(reverse("verify"), {"file": _file(picture)})
        assert page.status_code == OK
        assert page.context["report"].verdict == "here"

    def panel(self) -> None:
        """Every page of the panel, its pictures, and both ways to put one on the block list."""
        from django.contrib.admin import site
        from django.urls import reverse

        for model in site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            assert self.moderator.get(reverse(f"{name}_changelist")).status_code == OK, name
            assert self.moderator.get(reverse(f"{name}_add")).status_code in {OK, 403}, name
            row = model._default_manager.first()
            if row is not None:
                for page in ("change", "history", "delete"):
                    answer = self.moderator.get(reverse(f"{name}_{page}", args=[row.pk]))
                    assert answer.status_code in {OK, FOUND, 403}, (name, page)
        assert self.moderator.get(reverse("admin:index")).status_code == OK
        export = self.moderator.post(reverse("admin:moderation_auditentry_export"))
        assert export.status_code == OK
        thumb = reverse("admin:media_asset_thumb", args=[self.things["photo"]])
        assert self.moderator.get(thumb).status_code == OK
        case = self.things["case"]
        shown = self.moderator.get(reverse("admin:moderation_case_change", args=[case]))
        assert "data:image/png;base64," in shown.content.decode()
        told = self.moderator.post(
            reverse("admin:moderation_case_reveal", args=[case]),
            {"what": self.things["case_photo"]},
            headers={"accept": "application/json"},
        )
        assert self.moderator.get(told.json()["address"])["Content-Type"] == "image/webp"

    def blocked(self, picture: bytes) -> None:
        """A picture goes on the block list, by hand and by a decision, and does not come back."""
        from django.urls import reverse

        from faceweb.moderation.models import BlockedHash, Case

        form = {"reason": "nudity", "kind": "sha256", "picture": _file(picture)}
        address = reverse("admin:moderation_blockedhash_add")
        assert self.moderator.post(address, form).status_code == FOUND
        assert set(BlockedHash.objects.values_list("kind", flat=True)) == {"sha256", "pdq"}
        assert self.uploaded(picture).json()["code"] == "known_bad"
        before = BlockedHash.objects.count()
        case = Case.objects.get(pk=self.things["decided"])
        decision = {
            "action": "block_hash",
            "reason-block_hash": "nudity",
            "version": str(case.version),
        }
        address = reverse("admin:moderation_case_decide", args=[case.pk])
        assert self.moderator.post(address, decision).status_code == FOUND
        assert BlockedHash.objects.count() > before

    def uploaded(self, picture: bytes) -> Any:
        """What the answer to an upload is."""
        from django.urls import reverse

        from faceweb.media.consent import CONSENT_VERSION

        form = {"consent": CONSENT_VERSION, "file": _file(picture)}
        headers = {"accept": "application/json"}
        return self.owner.post(reverse("photo_upload"), form, headers=headers)

    def made(self, picture: bytes) -> None:
        """Uploads, jobs, quick looks, links and requests are taken."""
        from django.urls import reverse

        from faceweb.work.models import Job

        things, photo = self.things, self.things["photo"]
        assert self.uploaded(picture).status_code in {OK, 201}
        swap = {"target": photo, "map-0": f"{photo}:0", "blend": "multiband"}
        assert self.owner.post(reverse("swaps"), swap).status_code == 303
        edit = {"photo": photo, "face": "0", "smile": "40"}
        assert self.owner.post(reverse("edits"), edit).status_code == 303
        assert Job.objects.filter(kind="edit").exists()
        with mock.patch("faceweb.work.previews.preview_ask", return_value={"asked": True}):
            for name in ("edit_preview", "edit_prepare"):
                assert self.owner.post(reverse(name), edit).json() == {"asked": True}, name
        request = {"selfie": _file(picture), "proof": _file(picture), "consent": "on"}
        assert self.anyone.post(reverse("protect_face"), request).status_code in {OK, FOUND}
        posts: tuple[tuple[str, str, dict[str, str]], ...] = (
            ("link_make", "result", {"days": "7"}),
            ("job_cancel", "job", {}),
            ("job_retry", "job", {}),
            ("asset_keep", "photo", {}),
            ("report", "token", {"category": "likeness"}),
            ("link_revoke", "link", {"confirm": "yes"}),
            ("asset_delete", "photo", {"confirm": "yes"}),
        )
        for name, arg, form in posts:
            answer = self.owner.post(reverse(name, args=[things[arg]]), form)
            assert answer.status_code in FINE, name
        assert self.owner.post(reverse("accounts_export")).status_code == OK


def walk(folder: Path, banned: tuple[str, ...]) -> None:
    """Walk; ends with an assertion where something cannot be had, or was loaded after all."""
    settings_apply()
    from tests.conftest import sample_path

    walk = Walk(json.loads((folder / THINGS).read_text(encoding="utf-8")))
    walk.all_pages()
    walk.pictures()
    walk.verified(walk.shared())
    walk.panel()
    walk.made(sample_path("hopper").read_bytes())
    walk.blocked(sample_path("astronaut").read_bytes())
    assert [name for name in banned if name in sys.modules] == []


def _file(picture: bytes) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("a.jpg", picture, "image/jpeg")
