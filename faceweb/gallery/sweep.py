"""Finds what a killed process left behind: unfinished intakes, and files without a row."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from django.core.files.storage import Storage, default_storage
from django.utils import timezone

from faceweb.gallery.files import files_remove, rowless
from faceweb.gallery.sandbox import incoming_folder

# An intake lasts seconds, and a file is written moments before its row.
AGE = timedelta(hours=1)
BATCH = 500
FOLDERS = ("originals", "derivatives")


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
    for folder in FOLDERS:
        for prefix in _listed(storage, folder)[0]:
            for name in _listed(storage, f"{folder}/{prefix}")[1]:
                yield f"{folder}/{prefix}/{name}"


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
