"""The queue of looks at assets: for their faces, then for whether they may be used here."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from faceweb.core.durable.queue import DurableQueue
from faceweb.media.analysis import analyser_name
from faceweb.media.models import Asset, AssetTask
from faceweb.media.screening import get_screener

logger = logging.getLogger(__name__)

ATTEMPTS = 3
# A worker that was not restarted with the pages still uses the other analyser: no endless circle.
RENEWAL_PAUSE = timedelta(seconds=60)
# What looks take is learned from those that are done.
KEPT = timedelta(days=1)

FACES = AssetTask.Kind.FACES
SCREENING = AssetTask.Kind.SCREENING
STUDY = AssetTask.Kind.STUDY


class AnalysisQueue(DurableQueue[AssetTask]):
    """Looks at assets. What cannot be looked at says so; it never passes."""

    task = "faceweb.media.tasks.asset_task_run"
    model = AssetTask
    declared_seconds = 0.5

    def attempts(self) -> int:
        return ATTEMPTS

    def give_up(self, row: AssetTask) -> None:
        super().give_up(row)
        asset = Asset.objects.filter(pk=row.asset_id).first()
        if asset is None:
            return
        if row.kind == FACES:
            pending = Asset.objects.filter(pk=asset.pk, analysis=Asset.Analysis.PENDING)
            pending.update(analysis=Asset.Analysis.FAILED)
            if asset.screening == Asset.Screening.PENDING:
                self.queue(asset, SCREENING)
        elif row.kind == SCREENING and asset.screening == Asset.Screening.PENDING:
            Asset.objects.filter(pk=asset.pk).update(screening=Asset.Screening.REVIEW)
            asset.screening = Asset.Screening.REVIEW
            get_screener().asset_give_up(asset)

    def queue(self, asset: Asset, kind: str) -> AssetTask:
        """Have ``asset`` looked at once the transaction is through."""
        expected_ms = self.expected_ms(kind=kind)
        if kind == FACES:
            # Whoever looks for the faces goes on with the screening, the picture in its memory.
            expected_ms += self.expected_ms(kind=SCREENING)
        row = AssetTask.objects.create(
            asset=asset, owner_id=asset.owner_id, kind=kind, expected_ms=expected_ms
        )
        self.dispatch_on_commit(asset.owner_id)
        return row


analysis = AnalysisQueue()


def asset_wants(asset: Asset) -> str | None:
    """The kind of look that an asset waits for; None where it waits for none."""
    if asset.analysis == Asset.Analysis.PENDING:
        return FACES
    return SCREENING if asset.screening == Asset.Screening.PENDING else None


def assets_renew(photos: Iterable[Asset]) -> None:
    """Have those of ``photos`` analysed again whose faces another engine's analyser found.

    Engines read different things off a face, so after a change of engine the old finds do not
    serve. The rows, and the objects given, are then as those of photos that just came in.
    """
    name = analyser_name()
    for photo in photos:
        if not (name and photo.analyser and photo.analyser != name and photo.is_ready):
            continue
        if photo.tasks.filter(kind=FACES, started_at__gt=Now() - RENEWAL_PAUSE).exists():
            continue
        fresh: dict[str, Any] = {
            "analysis": Asset.Analysis.PENDING,
            "analyser": "",
            "faces": [],
        }
        with transaction.atomic():
            # Of two requests at the same time one sends it.
            stale = Asset.objects.filter(pk=photo.pk, analyser=photo.analyser)
            if stale.exclude(analysis=Asset.Analysis.PENDING).update(**fresh):
                logger.info("photo %s is analysed again for another engine", photo.pk)
                analysis.queue(photo, FACES)
        for field, value in fresh.items():
            setattr(photo, field, value)


def asset_tasks_forget() -> int:
    """Remove the rows of looks that ended long ago; returns how many."""
    ended = AssetTask.objects.exclude(state__in=AssetTask.UNFINISHED)
    return ended.filter(finished_at__lt=Now() - KEPT).delete()[0]
