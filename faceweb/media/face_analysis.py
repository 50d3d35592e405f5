"""Finds the faces of photos and keeps them on their rows, once a photo and in a worker."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from faceweb.core.durable.lease import Lease
from faceweb.core.durable.running import claimed_work, row_work
from faceweb.media.analysis import found_tell, get_analyser
from faceweb.media.analysis_queue import (
    FACES,
    SCREENING,
    STUDY,
    analysis,
    asset_wants,
    assets_renew,
)
from faceweb.media.models import Asset, AssetTask


def asset_task_work(task_id: Any) -> None:
    """Look at an asset, if it still is to be done. A doubled message finds nothing and ends."""
    row_work(analysis, task_id, _look)


def asset_analyse(photo_id: UUID) -> None:
    """In a worker: find the faces of one photo and have it screened now, message or not.

    A photo that is gone, or that somebody else is looking at, is left alone.
    """
    photo = Asset.objects.filter(pk=photo_id).first()
    wanted = asset_wants(photo) if photo is not None else None
    if photo is None or wanted is None:
        return
    waiting = AssetTask.objects.unfinished().filter(asset=photo, kind=wanted).first()
    if waiting is not None:
        asset_task_work(waiting.pk)
        return
    try:
        with transaction.atomic():
            task = analysis.insert_claimed(
                AssetTask(asset=photo, owner_id=photo.owner_id, kind=wanted)
            )
    except IntegrityError:
        # Another worker was first.
        return
    claimed_work(analysis, task, _look)


def assets_analyse_now(photos: Iterable[Asset]) -> None:
    """In a worker: see that the faces of ``photos`` are known, and found by its own analyser."""
    for photo in photos:
        assets_renew([photo])
        if not photo.is_ready:
            asset_analyse(photo.pk)
            photo.refresh_from_db()


def _look(task: AssetTask, lease: Lease) -> None:
    from faceweb.media.screening_run import asset_screen

    if task.kind == FACES:
        _faces_find(task)
    elif task.kind == STUDY:
        _faces_study(task)
    else:
        asset_screen(task, lease)


def _faces_find(task: AssetTask) -> None:
    """Find the faces of a photo and keep them on its row, then go on with its screening."""

    from faceweb.media.pictures import asset_read
    from faceweb.media.screening_run import asset_screen
    from models.faces.analysis import FaceStudent

    photo = task.asset
    analyser = get_analyser()
    image = asset_read(photo)
    found = analyser.find_faces(image)
    found_tell(photo, image, found)
    faces = [face.to_dict() for face in found]
    with transaction.atomic():
        if not analysis.end(task, AssetTask.State.DONE):
            return
        Asset.objects.filter(pk=photo.pk).update(
            analysis=Asset.Analysis.DONE, analyser=analyser.name, faces=faces
        )
        photo.refresh_from_db()
        if faces and isinstance(analyser, FaceStudent):
            analysis.queue(photo, STUDY)
        if photo.screening != Asset.Screening.PENDING:
            return
        following = analysis.insert_claimed(
            AssetTask(asset=photo, owner_id=photo.owner_id, kind=SCREENING)
        )
    claimed_work(analysis, following, partial(asset_screen, image=image))


def _faces_study(task: AssetTask) -> None:
    """Take a closer look at each face of a photo, whose place is known and shown already."""

    from faceweb.media.pictures import asset_read
    from models.faces.analysis import FaceStudent

    photo, analyser = task.asset, get_analyser()
    if photo.analyser != analyser.name or not isinstance(analyser, FaceStudent):
        analysis.end(task, AssetTask.State.DONE)
        return
    image = asset_read(photo)
    faces = [analyser.study(image, face).to_dict() for face in photo.found_faces()]
    with transaction.atomic():
        if analysis.end(task, AssetTask.State.DONE):
            # Not where the photo has been analysed anew in the meantime.
            same = Asset.objects.filter(pk=photo.pk, analyser=analyser.name, faces=photo.faces)
            same.update(faces=faces)
