"""Has one photo looked at by whoever screens here, and keeps the verdict on its row."""

import logging
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from numpy.typing import NDArray

from faceweb.media.analysis_queue import unscreened
from faceweb.media.models import Asset, AssetQuerySet
from faceweb.media.pictures import asset_read
from faceweb.media.screening import get_screener

logger = logging.getLogger(__name__)

SCREENING_ATTEMPTS = 3


def asset_screen(photo_id: UUID, image: NDArray[np.uint8] | None) -> None:
    """Have one photo looked at, and keep the verdict on its row.

    A screening that fails never passes a photo: it waits for the next attempt, and after the last
    one for a person.

    Args:
        photo_id: the photo; one whose faces are still being looked for, or that has its verdict,
            is left alone.
        image: its pixels, uint8 (H, W, 3) BGR, where they were read already.
    """
    claimed = _claim_screening(photo_id)
    photo = claimed.first() if claimed is not None else None
    if claimed is None or photo is None:
        return
    try:
        if photo.screening_attempts > SCREENING_ATTEMPTS:
            raise RuntimeError("every attempt killed its worker")
        pixels = asset_read(photo) if image is None else image
        finding = get_screener().asset_screen(photo, pixels, photo.found_faces())
        with transaction.atomic():
            if claimed.update(screening=finding.state):
                photo.screening = finding.state
                finding.record(photo)
    except Exception as error:
        logger.warning(
            "photo %s, screening attempt %d: %s",
            photo_id,
            photo.screening_attempts,
            type(error).__name__,
        )
        if photo.screening_attempts < SCREENING_ATTEMPTS:
            claimed.update(screening_started_at=None)
            return
        with transaction.atomic():
            if claimed.update(screening=Asset.Screening.REVIEW):
                photo.screening = Asset.Screening.REVIEW
                get_screener().asset_give_up(photo)


def _claim_screening(photo_id: UUID) -> AssetQuerySet | None:
    """Take a photo that waits for its screening, count the attempt, and give its row; or None."""
    now = timezone.now()
    waiting = Asset.objects.filter(unscreened(now), pk=photo_id)
    with transaction.atomic():
        if not waiting.update(
            screening_started_at=now, screening_attempts=F("screening_attempts") + 1
        ):
            return None
        attempt = Asset.objects.values_list("screening_attempts", flat=True).get(pk=photo_id)
    return Asset.objects.filter(
        pk=photo_id, screening=Asset.Screening.PENDING, screening_attempts=attempt
    )
