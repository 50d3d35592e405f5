"""Which photos wait for their analysis or screening, and sending them to a worker."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from faceweb.core.sending import send
from faceweb.media.analysis import analyser_name
from faceweb.media.models import Asset

logger = logging.getLogger(__name__)

# A look takes a second or two; a worker that has not finished by then is not working on it.
CLAIM = timedelta(seconds=60)
# A worker that was not restarted with the pages still uses the other analyser: no endless circle.
RENEWAL_PAUSE = timedelta(seconds=60)
# A message needs a moment to arrive; a worker gets through this many between two sweeps.
PENDING_AGE = timedelta(seconds=10)
PENDING_BATCH = 20


def analysis_send(photo_id: UUID) -> None:
    """Have one photo analysed; where it cannot be sent, the periodic sweep sends it later."""
    send("faceweb.media.tasks.asset_analyse", str(photo_id))


def assets_renew(photos: Iterable[Asset]) -> None:
    """Have those of ``photos`` analysed again whose faces another engine's analyser found.

    Engines read different things off a face, so after a change of engine the old finds do not
    serve. The rows, and the objects given, are then as those of photos that just came in.
    """
    name = analyser_name()
    for photo in photos:
        if not (name and photo.analyser and photo.analyser != name and photo.is_ready):
            continue
        if photo.analysis_started_at and timezone.now() - photo.analysis_started_at < RENEWAL_PAUSE:
            continue
        fresh: dict[str, Any] = {
            "analysis": Asset.Analysis.PENDING,
            "analysis_started_at": None,
            "analysis_attempts": 0,
            "analyser": "",
            "faces": [],
        }
        # Of two requests at the same time one sends it.
        stale = Asset.objects.filter(pk=photo.pk, analyser=photo.analyser)
        if stale.exclude(analysis=Asset.Analysis.PENDING).update(**fresh):
            logger.info("photo %s is analysed again for another engine", photo.pk)
            transaction.on_commit(partial(analysis_send, photo.pk), robust=True)
        for field, value in fresh.items():
            setattr(photo, field, value)


def assets_analyse_pending() -> int:
    """Send the oldest photos again that wait for analysis or screening and that nobody works on.

    Messages get lost with a broker; this finds what they were about. Returns how many were sent.
    """
    now = timezone.now()
    waiting = (
        Asset.objects.filter(unanalysed(now) | unscreened(now), created_at__lt=now - PENDING_AGE)
        .order_by("created_at")
        .values_list("pk", flat=True)[:PENDING_BATCH]
    )
    photo_ids = list(waiting)
    for photo_id in photo_ids:
        analysis_send(photo_id)
    return len(photo_ids)


def unanalysed(now: datetime) -> Q:
    """Photos whose faces are to be found and that nobody works on."""
    free = Q(analysis_started_at=None) | Q(analysis_started_at__lt=now - CLAIM)
    return free & Q(analysis=Asset.Analysis.PENDING)


def unscreened(now: datetime) -> Q:
    """Photos that wait for their screening, faces known, and that nobody looks at."""
    free = Q(screening_started_at=None) | Q(screening_started_at__lt=now - CLAIM)
    return free & Q(screening=Asset.Screening.PENDING) & ~Q(analysis=Asset.Analysis.PENDING)
