"""Finds the faces of photos and keeps them on their rows, once a photo and in a worker."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from faceweb.media.analysis import found_tell, get_analyser
from faceweb.media.analysis_queue import assets_renew, unanalysed
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.media.screening_run import asset_screen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

ANALYSIS_ATTEMPTS = 3


def asset_analyse(photo_id: UUID) -> None:
    """Find the faces of one photo, then have it looked at before anybody may use it.

    A second message for the same photo, or one for a photo that is gone, does nothing.
    """
    image = _faces_find(photo_id)
    asset_screen(photo_id, image)


def _faces_find(photo_id: UUID) -> "NDArray[np.uint8] | None":
    """Find the faces of one photo and keep them on its row; its pixels, if they were read.

    A photo that cannot be analysed in three attempts is given up and says so.
    """
    attempt = _claim_analysis(photo_id)
    if attempt is None:
        return None
    claimed = Asset.objects.filter(
        pk=photo_id, analysis=Asset.Analysis.PENDING, analysis_attempts=attempt
    )
    photo = claimed.first()
    if photo is None:
        return None
    analyser = get_analyser()
    try:
        image = asset_read(photo)
        found = analyser.find_faces(image)
        found_tell(photo, image, found)
        faces = [face.to_dict() for face in found]
    except Exception as error:
        logger.warning("photo %s, analysis attempt %d: %s", photo_id, attempt, type(error).__name__)
        gave_up = attempt >= ANALYSIS_ATTEMPTS
        claimed.update(
            analysis=Asset.Analysis.FAILED if gave_up else Asset.Analysis.PENDING,
            analysis_started_at=None,
        )
        return None
    claimed.update(analysis=Asset.Analysis.DONE, analyser=analyser.name, faces=faces)
    return image


def assets_analyse_now(photos: Iterable[Asset]) -> None:
    """In a worker: see that the faces of ``photos`` are known, and found by its own analyser."""
    for photo in photos:
        assets_renew([photo])
        if not photo.is_ready:
            asset_analyse(photo.pk)
            photo.refresh_from_db()


def _claim_analysis(photo_id: UUID) -> int | None:
    """Take a pending photo that nobody works on; the number of this attempt, or None.

    The attempt is counted before the work, so that a photo which kills its worker is counted too.
    """
    now = timezone.now()
    pending = Asset.objects.filter(unanalysed(now), pk=photo_id)
    with transaction.atomic():
        if not pending.filter(analysis_attempts__lt=ANALYSIS_ATTEMPTS).update(
            analysis_started_at=now, analysis_attempts=F("analysis_attempts") + 1
        ):
            pending.filter(analysis_attempts__gte=ANALYSIS_ATTEMPTS).update(
                analysis=Asset.Analysis.FAILED
            )
            return None
        return Asset.objects.values_list("analysis_attempts", flat=True).get(pk=photo_id)
