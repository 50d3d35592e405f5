"""Has one photo looked at by whoever screens here, and keeps the verdict on its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from faceweb.core.durable.lease import Lease
from faceweb.media.analysis_queue import analysis
from faceweb.media.models import Asset, AssetTask
from faceweb.media.screening import get_screener

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def asset_screen(task: AssetTask, lease: Lease, image: NDArray[np.uint8] | None = None) -> None:
    """Have a photo looked at whose faces are known, and keep the verdict on its row.

    A screening that fails never passes a photo: it waits for the next attempt, and after the last
    one for a person.

    Args:
        task: the claimed look.
        lease: its lease.
        image: the photo's pixels, uint8 (H, W, 3) BGR, where they were read already.
    """

    from faceweb.media.pictures import asset_read

    photo = task.asset
    if photo.screening != Asset.Screening.PENDING:
        analysis.end(task, AssetTask.State.DONE)
        return
    pixels = asset_read(photo) if image is None else image
    finding = get_screener().asset_screen(photo, pixels, photo.found_faces())
    lease.check()
    with transaction.atomic():
        pending = Asset.objects.filter(pk=photo.pk, screening=Asset.Screening.PENDING)
        if analysis.end(task, AssetTask.State.DONE) and pending.update(screening=finding.state):
            photo.screening = finding.state
            finding.record(photo)
