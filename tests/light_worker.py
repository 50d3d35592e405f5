"""A site with a little of everything, made by a process that has vision, as a worker does.

`tests.light_web` walks it where vision cannot be loaded; run it after `django.setup`.
"""

import json
from pathlib import Path
from typing import Any

from tests.light_settings import settings_apply

THINGS = "things.json"


def site_make(folder: Path) -> None:
    """Fill the database and the media folder, and write down what is where."""
    settings_apply()
    import cv2
    import numpy as np
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    from faceweb.media import screening
    from faceweb.media.models import Asset, Lineage
    from faceweb.media.screening import Finding
    from faceweb.people.models import User
    from faceweb.sharing.models import ShareLink
    from faceweb.sharing.services import token_digest
    from tests.conftest import photo_keep, sample_path, stored_face
    from tests.media.conftest import store_result
    from tests.moderation.deciding import reported
    from tests.test_access import things_make

    class Passing:
        def result_screen(self, *_: Any) -> Finding:
            return Finding(Asset.Screening.CLEAR, lambda photo: None)

    screening._screeners[:] = [Passing()]  # type: ignore[list-item]
    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("olive@example.org", "correct horse battery")
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    moderator = User.objects.create_superuser("maud@example.org", "correct horse battery")
    moderator.groups.set(Group.objects.all())
    portrait = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert portrait is not None
    photo = photo_keep(owner, portrait, faces=[stored_face()])
    large = np.asarray(cv2.resize(portrait, (2000, 2000), interpolation=cv2.INTER_CUBIC), np.uint8)
    result = store_result(owner, photo_keep(owner, large), image=large)
    seen_through = np.full(portrait.shape[:2], 255, np.uint8)
    seen_through[:100] = 0
    clear = photo_keep(owner, portrait, seen_through, origin=Asset.Origin.RESULT, made_by="swap")
    _marked_as(clear, result)
    Lineage.objects.create(child=clear, parent=photo, role=Lineage.Role.TARGET)
    things = things_make(owner, photo, result)
    shown = ShareLink.objects.get(token_sha256=token_digest(things["open_link"]))
    shown.show_original = shown.allow_download = True
    shown.save()
    cases = [reported(photo_keep(owner, image)) for image in (portrait, portrait[::-1].copy())]
    things |= {"clear": clear.pk, "case": cases[0].pk, "decided": cases[1].pk}
    things["case_photo"] = cases[0].photo_id
    (folder / THINGS).write_text(json.dumps(things, default=str), encoding="utf-8")


def _marked_as(photo: Any, result: Any) -> None:
    """A row in the registry for a result that was put there by hand, like another's."""
    from faceweb.marks.models import MarkedResult

    row = MarkedResult.objects.get(photo=result)
    row.pk, row.photo, row.mark_id = None, photo, "0123456789abcdef"
    row._state.adding = True
    row.save()
