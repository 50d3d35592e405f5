"""Who is registered to judge pictures: what pages ask is answered here, workers look further.

Looking at a picture needs networks and OpenCV, which the processes that answer pages do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from django.utils.module_loading import import_string

from faceweb.media.errors import IntakeError
from faceweb.media.models import Asset
from faceweb.media.screening import Finding
from faceweb.moderation.cases import case_open
from faceweb.moderation.models import BlockedHash, Case, Screening
from faceweb.moderation.screening.explanations import asset_explain
from faceweb.moderation.screening.verdict import KNOWN_BAD, UNSCREENED
from models.refusals import Refusal

if TYPE_CHECKING:
    from faceweb.moderation.screening.screener import PictureScreener
    from faceweb.people.models import User
    from models.faces.face import Face
    from models.pixels.imaging import Image


class SiteScreener:
    """See `faceweb.media.screening.Screener`; used by all threads of a process."""

    def upload_check(self, owner: User, sha256: str) -> None:
        """See `Screener`."""
        known = BlockedHash.objects.filter(
            kind=BlockedHash.Kind.SHA256, value=sha256, is_active=True
        ).exists()
        if not known:
            return
        Screening.objects.create(
            person=owner,
            subject=Screening.Subject.UPLOAD,
            state=Asset.Screening.BLOCKED,
            reason=KNOWN_BAD,
            sha256=sha256,
        )
        raise IntakeError(KNOWN_BAD)

    def asset_screen(self, photo: Asset, image: Image, faces: Sequence[Face]) -> Finding:
        """See `Screener`."""
        return _pictures().asset_screen(photo, image, faces)

    def asset_give_up(self, photo: Asset) -> None:
        """See `Screener`."""
        Screening.objects.create(
            photo=photo,
            person_id=photo.owner_id,
            subject=Screening.Subject.UPLOAD,
            state=Asset.Screening.REVIEW,
            reason=UNSCREENED,
        )
        case_open(kind=Case.Kind.SCREENING, reason=UNSCREENED, photo=photo)

    def asset_explain(self, photo: Asset) -> Refusal | None:
        """See `Screener`."""
        if photo.screening not in {Asset.Screening.REVIEW, Asset.Screening.BLOCKED}:
            return None
        latest = Screening.objects.filter(photo=photo).order_by("-created_at", "-pk").first()
        return asset_explain(photo, latest.reason if latest is not None else "")

    def result_screen(self, owner: User, image: Image, parents: Sequence[Asset]) -> Finding:
        """See `Screener`."""
        return _pictures().result_screen(owner, image, parents)

    def warm_up(self) -> None:
        """See `Screener`."""
        _pictures().warm_up()


@cache
def _pictures() -> PictureScreener:
    """In a worker: who looks at the pixels."""
    name = "faceweb.moderation.screening.screener.PictureScreener"
    return cast("PictureScreener", import_string(name)())
