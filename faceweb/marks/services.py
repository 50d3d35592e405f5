"""What other floors use of the marks."""

from faceweb.marks.badge import badge_draw
from faceweb.marks.copying import copy_make
from faceweb.media.models import Asset

__all__ = ["badge_draw", "badged_copy"]


def badged_copy(*, photo: Asset, max_side: int | None = None) -> bytes:
    """A JPEG of a result for strangers: badge, invisible mark, source type and credentials.

    Made anew at each call (docs/provenance.md has what that takes); nothing of it is kept.

    Args:
        photo: a result.
        max_side: the most pixels that its longer side may have; never enlarged.

    Raises:
        FileNotFoundError: the stored file is not there.
        MarkingError: it cannot be marked, so it must not be shown.
        ValueError: the photo is no result: there is nothing to say of it.
    """
    if not photo.is_result:
        raise ValueError("an upload carries no badge")
    return copy_make(photo, max_side)
