"""Pictures that may not come back: by their file's digest, and by their looks."""

from typing import TYPE_CHECKING

from faceweb.gallery.errors import IntakeError
from faceweb.gallery.models import Photo
from faceweb.moderation.models import BlockedHash, Screening
from faceweb.moderation.screening.verdict import KNOWN_BAD

if TYPE_CHECKING:
    from faceweb.accounts.models import User


def digest_check(owner: "User", sha256: str) -> None:
    """Refuse a file whose digest, in hex, is on the block list.

    Raises:
        IntakeError: ``known_bad``.
    """
    known = BlockedHash.objects.filter(
        kind=BlockedHash.Kind.SHA256, value=sha256, is_active=True
    ).exists()
    if not known:
        return
    Screening.objects.create(
        person=owner,
        subject=Screening.Subject.UPLOAD,
        state=Photo.Screening.BLOCKED,
        reason=KNOWN_BAD,
        sha256=sha256,
    )
    raise IntakeError(
        KNOWN_BAD,
        "This picture cannot be used here: it was taken down before.",
        "Choose another photo. If you think that is a mistake, write to whoever runs this site.",
        403,
    )
