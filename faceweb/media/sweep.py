"""Finds what is over, and what a killed process left behind: intakes, files without a row."""

import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.core.files.storage import Storage, default_storage
from django.utils import timezone

from faceweb.media.files import files_remove, rowless
from faceweb.media.models import RENDITIONS_FOLDER, Rendition
from faceweb.media.retention import assets_over
from faceweb.media.sandbox import incoming_folder
from faceweb.media.services import assets_delete

logger = logging.getLogger(__name__)

# An intake lasts seconds, and a file is written moments before its row.
AGE = timedelta(hours=1)
BATCH = 500


def files_sweep() -> int:
    """Remove everything older than `AGE` that no photo points to; return how much it was."""
    before = timezone.now() - AGE
    removed = _sweep_incoming(before)
    names = _stored_names(default_storage)
    while batch := list(islice(names, BATCH)):
        orphans = [name for name in rowless(batch) if _is_older(default_storage, name, before)]
        files_remove(orphans)
        removed += len(orphans)
    return removed


def assets_expire() -> int:
    """Delete every photo that `retention.assets_over` names; returns how many there were."""
    over = assets_over()
    removed = 0
    while rows := list(over.order_by("pk").values_list("owner_id", "pk")[:BATCH]):
        by_owner: dict[UUID, list[UUID]] = defaultdict(list)
        for owner, pk in rows:
            by_owner[owner].append(pk)
        gone = sum(assets_delete(owner=owner, ids=ids) for owner, ids in by_owner.items())
        if not gone:
            break
        removed += gone
    if removed:
        logger.info("%d photos deleted: their time was over", removed)
    return removed


def assets_without_files() -> Iterator[UUID]:
    """The photos, older than an hour, whose picture is not in the store any more.

    They are found and told, never removed by themselves: a store that is away for an hour looks
    just the same.
    """
    rows = (
        Rendition.objects.filter(
            role=Rendition.Role.ORIGINAL, asset__created_at__lt=timezone.now() - AGE
        )
        .order_by("asset")
        .values_list("asset", "file")
        .iterator(chunk_size=BATCH)
    )
    while batch := list(islice(rows, BATCH)):
        yield from (pk for pk, name in batch if not default_storage.exists(name))


def assets_report_fileless() -> int:
    """Log each photo that has lost its picture; returns how many there are."""
    missing = list(assets_without_files())
    for pk in missing:
        logger.error("photo %s has lost its file", pk)
    return len(missing)


def _sweep_incoming(before: datetime) -> int:
    folder = incoming_folder()
    removed = 0
    for entry in folder.iterdir() if folder.is_dir() else ():
        # One that ends just now takes its folder with it.
        with suppress(FileNotFoundError):
            if entry.stat().st_mtime < before.timestamp():
                shutil.rmtree(entry)
                removed += 1
    return removed


def _stored_names(storage: Storage) -> Iterator[str]:
    for prefix in _listed(storage, RENDITIONS_FOLDER)[0]:
        folder = f"{RENDITIONS_FOLDER}/{prefix}"
        for name in _listed(storage, folder)[1]:
            yield f"{folder}/{name}"


def _is_older(storage: Storage, name: str, before: datetime) -> bool:
    try:
        return storage.get_modified_time(name) < before
    except FileNotFoundError:
        return False


def _listed(storage: Storage, folder: str) -> tuple[list[str], list[str]]:
    """Folders and files in ``folder``, none where it does not exist yet."""
    try:
        return storage.listdir(folder)
    except FileNotFoundError:
        return [], []
