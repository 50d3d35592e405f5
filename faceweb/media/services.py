"""What may be done with photos. Views and tasks call these and decide nothing themselves."""

import logging
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Count, Sum
from django.utils import timezone

from faceweb.media import forgetting
from faceweb.media.analysis_queue import analysis, asset_wants
from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.errors import IntakeError
from faceweb.media.files import Picture, files_remove, files_roll_back, files_store
from faceweb.media.models import Asset, Rendition
from faceweb.media.receiving import upload_received
from faceweb.media.retention import expiry_of_new
from faceweb.media.screening import get_screener

if TYPE_CHECKING:
    from faceweb.people.models import User

logger = logging.getLogger(__name__)

DELETE_BATCH = 500
MEGABYTE = 1024 * 1024


def asset_intake(
    *,
    owner: "User",
    upload: UploadedFile,
    consent_version: str,
    origin: Asset.Origin = Asset.Origin.UPLOAD,
) -> Asset:
    """Take in an uploaded file as a clean copy and have its faces looked for.

    The same bytes sent again by the same person give the photo they already have.

    Raises:
        IntakeError: it is refused; nothing of it was kept.
    """
    account_check(owner)
    _check_consent(consent_version)
    disk_check()
    with upload_received(upload) as received:
        digest = received.sha256
        known = _known_copy(owner, digest)
        if known is not None:
            return known
        get_screener().upload_check(owner, digest)
        quota_check(owner=owner)
        decoded = received.decode()
        photo = Asset(
            owner=owner,
            origin=origin,
            upload_sha256=digest,
            consent_version=consent_version,
            consent_at=timezone.now(),
            expires_at=expiry_of_new(origin),
            notes=[note.to_dict() for note in decoded.notes],
        )
        with decoded.picture() as picture:
            try:
                with files_roll_back(), transaction.atomic():
                    _lock(owner)
                    quota_check(owner=owner, extra_bytes=picture.bytes)
                    asset_insert(photo, picture)
            except IntegrityError:
                # Sent twice at the same time: the other request was first.
                known = _known_copy(owner, digest)
                if known is None:
                    raise
                return known
    logger.info("photo %s taken in, %d x %d", photo.pk, photo.width, photo.height)
    return photo


def _check_consent(consent_version: str) -> None:
    if consent_version != CONSENT_VERSION:
        raise IntakeError("consent_missing")


def account_check(owner: "User") -> None:
    """Refuse pictures from somebody who may make nothing.

    Raises:
        IntakeError: ``account_frozen``.
    """
    if not owner.may_make:
        raise IntakeError("account_frozen")


def disk_check() -> None:
    """Refuse more pictures while the disk is nearly full.

    Raises:
        IntakeError: ``disk_full``.
    """
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < settings.DISK_FLOOR_MB * MEGABYTE:
        logger.error("less than %d MB free: uploads are refused", settings.DISK_FLOOR_MB)
        raise IntakeError("disk_full")


def quota_check(*, owner: "User", extra_bytes: int = 0) -> None:
    """Refuse one more photo, of ``extra_bytes``, beyond what a person may keep.

    Raises:
        IntakeError: ``quota_photos`` or ``quota_bytes``.
    """
    kept = Asset.objects.for_user(owner).aggregate(photos=Count("pk"), bytes=Sum("bytes"))
    if kept["photos"] >= settings.QUOTA_PHOTOS:
        raise IntakeError("quota_photos", limit=settings.QUOTA_PHOTOS)
    if (kept["bytes"] or 0) + extra_bytes > settings.QUOTA_MB * MEGABYTE:
        raise IntakeError("quota_bytes", limit_mb=settings.QUOTA_MB)


def _known_copy(owner: "User", digest: str) -> Asset | None:
    return Asset.objects.for_user(owner).filter(upload_sha256=digest).first()


def _lock(owner: "User") -> None:
    """Let nobody else change what this person keeps until the transaction ends."""
    get_user_model().objects.select_for_update().filter(pk=owner.pk).values_list("pk").first()


def asset_insert(photo: Asset, picture: Picture) -> None:
    """Store files and row in the current transaction, and send for analysis once it commits.

    To be called within `files_roll_back`.
    """
    photo.width, photo.height, photo.bytes = picture.width, picture.height, picture.bytes
    photo.save(force_insert=True)
    files_store(photo, picture)
    wanted = asset_wants(photo)
    if wanted is not None:
        analysis.queue(photo, wanted)


def owner_has_assets(owner_id: UUID) -> bool:
    """Whether anything is kept of this person, such as a picture on legal hold."""
    return Asset.objects.filter(owner_id=owner_id).exists()


def asset_delete(*, photo: Asset) -> None:
    """Remove a photo, and its files once that is committed."""
    assets_delete(owner=photo.owner_id, ids=[photo.pk])


def assets_delete(*, owner: "User | UUID", ids: Iterable[UUID]) -> int:
    """Remove those of the photos that belong to ``owner``; return how many there were.

    The files go when the transaction commits. What was made of the photos stays. A photo on legal
    hold is gone for its owner and kept for those who hold it.
    """
    mine = Asset.objects.filter(owner=owner)
    wanted = list(ids)
    removed = 0
    with transaction.atomic():
        for start in range(0, len(wanted), DELETE_BATCH):
            batch = wanted[start : start + DELETE_BATCH]
            held = mine.filter(pk__in=batch, legal_hold=True, erased_at=None)
            removed += held.update(erased_at=timezone.now())
            free = mine.filter(pk__in=batch, legal_hold=False)
            rows = list(free.values_list("pk", flat=True))
            gone = frozenset(str(pk) for pk in rows)
            names = list(Rendition.objects.filter(asset__in=rows).values_list("file", flat=True))
            mine.filter(pk__in=rows).delete()
            if gone:
                owner_id = owner if isinstance(owner, UUID) else owner.pk
                _makings_forget(owner_id, gone)
                forgetting.forget(owner_id, gone)
            transaction.on_commit(partial(files_remove, names), robust=True)
            removed += len(rows)
    return removed


def _makings_forget(owner_id: UUID, gone: frozenset[str]) -> None:
    """Take the ids of deleted photos out of how what was made of them came about."""
    results = Asset.objects.filter(owner=owner_id).exclude(making={}).only("pk", "making")
    for photo in results.iterator(chunk_size=DELETE_BATCH):
        if forgetting.mentions(photo.making, gone):
            photo.making = forgetting.without(photo.making, gone)
            photo.save(update_fields=["making"])
