"""What may be done with photos. Views and tasks call these and decide nothing themselves."""

import hashlib
import logging
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from numpy.typing import NDArray

from faceweb.media import forgetting
from faceweb.media.analysis import analyser_name, get_analyser
from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.errors import IntakeError
from faceweb.media.files import (
    FIELDS,
    Picture,
    files_remove,
    files_roll_back,
    files_store,
)
from faceweb.media.models import Asset, AssetQuerySet
from faceweb.media.retention import expiry_of_new
from faceweb.media.sandbox import intake_folder, upload_decode
from faceweb.media.screening import get_screener
from models.pixels.imaging import decode_image

if TYPE_CHECKING:
    from faceweb.people.models import User

logger = logging.getLogger(__name__)

ANALYSIS_ATTEMPTS = 3
SCREENING_ATTEMPTS = 3
# An analysis takes a second or two; a worker that has not finished by then is not working on it.
ANALYSIS_CLAIM = timedelta(seconds=60)
# A worker that was not restarted with the pages still uses the other analyser: no endless circle.
RENEWAL_PAUSE = timedelta(seconds=60)
# A message needs a moment to arrive; a worker gets through this many between two sweeps.
PENDING_AGE = timedelta(seconds=10)
PENDING_BATCH = 20
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
    _check_request(upload, consent_version)
    disk_check()
    with intake_folder() as folder:
        digest = _receive(upload, folder / "upload")
        known = _known_copy(owner, digest)
        if known is not None:
            return known
        get_screener().upload_check(owner, digest)
        quota_check(owner=owner)
        decoded = upload_decode(folder)
        photo = Asset(
            owner=owner,
            origin=origin,
            upload_sha256=digest,
            consent_version=consent_version,
            consent_at=timezone.now(),
            expires_at=expiry_of_new(origin),
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


def _check_request(upload: UploadedFile, consent_version: str) -> None:
    if consent_version != CONSENT_VERSION:
        raise IntakeError(
            "consent_missing",
            "Please confirm first that everyone in the photo has agreed.",
            "Tick the box beside the photo and send it again.",
        )
    size = upload.size or 0
    if size == 0:
        raise IntakeError("empty", "This file is empty.", "Choose another photo.")
    if size > settings.UPLOAD_MAX_BYTES:
        raise IntakeError(
            "file_too_large",
            f"This file is larger than {settings.UPLOAD_MAX_MB} MB.",
            "Choose a smaller photo, or save this one at a lower quality.",
            413,
        )


def account_check(owner: "User") -> None:
    """Refuse pictures from somebody who may make nothing.

    Raises:
        IntakeError: ``account_frozen``.
    """
    if not owner.may_make:
        raise IntakeError(
            "account_frozen",
            "Your account is frozen, so no photos can be added.",
            "You can read why under “My standing” and ask for another look.",
            403,
        )


def disk_check() -> None:
    """Refuse more pictures while the disk is nearly full.

    Raises:
        IntakeError: ``disk_full``.
    """
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < settings.DISK_FLOOR_MB * MEGABYTE:
        logger.error("less than %d MB free: uploads are refused", settings.DISK_FLOOR_MB)
        raise IntakeError(
            "disk_full",
            "This site has no room for more photos right now.",
            "Try again later; the people who run it have been told.",
            507,
        )


def quota_check(*, owner: "User", extra_bytes: int = 0) -> None:
    """Refuse one more photo, of ``extra_bytes``, beyond what a person may keep.

    Raises:
        IntakeError: ``quota_photos`` or ``quota_bytes``.
    """
    kept = Asset.objects.for_user(owner).aggregate(photos=Count("pk"), bytes=Sum("bytes"))
    if kept["photos"] >= settings.QUOTA_PHOTOS:
        raise IntakeError(
            "quota_photos",
            f"You already keep {settings.QUOTA_PHOTOS:,} photos, the most an account may have.",
            "Delete some in your gallery, then send this one again.",
            403,
        )
    if (kept["bytes"] or 0) + extra_bytes > settings.QUOTA_MB * MEGABYTE:
        raise IntakeError(
            "quota_bytes",
            f"Your photos already fill the {settings.QUOTA_MB:,} MB an account may have.",
            "Delete some in your gallery, then send this one again.",
            403,
        )


def _receive(upload: UploadedFile, path: Path) -> str:
    """Write the upload to ``path`` and return its SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in upload.chunks():
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _known_copy(owner: "User", digest: str) -> Asset | None:
    return Asset.objects.for_user(owner).filter(upload_sha256=digest).first()


def _lock(owner: "User") -> None:
    """Let nobody else change what this person keeps until the transaction ends."""
    get_user_model().objects.select_for_update().filter(pk=owner.pk).values_list("pk").first()


def asset_insert(photo: Asset, picture: Picture) -> None:
    """Store files and row in the current transaction, and send for analysis once it commits.

    To be called within `files_roll_back`.
    """
    photo.width, photo.height = picture.width, picture.height
    files_store(photo, picture)
    photo.save(force_insert=True)
    transaction.on_commit(partial(_send_for_analysis, photo.pk), robust=True)


def _send_for_analysis(photo_id: UUID) -> None:
    # The task's module imports the services that send it.
    from faceweb.media.tasks import asset_analyse

    try:
        asset_analyse.apply_async(args=(str(photo_id),), retry=False)
    except Exception as error:
        # The row says "pending": the periodic sweep sends it when the broker is back.
        logger.warning("photo %s not sent for analysis: %s", photo_id, type(error).__name__)


def asset_read(photo: Asset) -> NDArray[np.uint8]:
    """The original's pixels, uint8 (H, W, 3) BGR, for a worker.

    Raises:
        OSError: the stored file cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    with photo.original.open("rb") as file:
        return decode_image(file.read())


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
            rows = list(free.values_list("pk", *FIELDS))
            gone = frozenset(str(pk) for pk, *_ in rows)
            mine.filter(pk__in=gone).delete()
            if gone:
                owner_id = owner if isinstance(owner, UUID) else owner.pk
                _makings_forget(owner_id, gone)
                forgetting.forget(owner_id, gone)
            names = [name for _, *files in rows for name in files]
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


def asset_analyse(photo_id: UUID) -> None:
    """Find the faces of one photo, then have it looked at before anybody may use it.

    A second message for the same photo, or one for a photo that is gone, does nothing.
    """
    image = _faces_find(photo_id)
    _photo_screen(photo_id, image)


def _faces_find(photo_id: UUID) -> NDArray[np.uint8] | None:
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
        faces = [face.to_dict() for face in analyser.find_faces(image)]
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


def _photo_screen(photo_id: UUID, image: NDArray[np.uint8] | None) -> None:
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
    waiting = Asset.objects.filter(_unscreened(now), pk=photo_id)
    with transaction.atomic():
        if not waiting.update(
            screening_started_at=now, screening_attempts=F("screening_attempts") + 1
        ):
            return None
        attempt = Asset.objects.values_list("screening_attempts", flat=True).get(pk=photo_id)
    return Asset.objects.filter(
        pk=photo_id, screening=Asset.Screening.PENDING, screening_attempts=attempt
    )


def _unscreened(now: datetime) -> Q:
    free = Q(screening_started_at=None) | Q(screening_started_at__lt=now - ANALYSIS_CLAIM)
    return free & Q(screening=Asset.Screening.PENDING) & ~Q(analysis=Asset.Analysis.PENDING)


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
            transaction.on_commit(partial(_send_for_analysis, photo.pk), robust=True)
        for field, value in fresh.items():
            setattr(photo, field, value)


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
    pending = Asset.objects.filter(_unanalysed(now), pk=photo_id)
    with transaction.atomic():
        if not pending.filter(analysis_attempts__lt=ANALYSIS_ATTEMPTS).update(
            analysis_started_at=now, analysis_attempts=F("analysis_attempts") + 1
        ):
            pending.filter(analysis_attempts__gte=ANALYSIS_ATTEMPTS).update(
                analysis=Asset.Analysis.FAILED
            )
            return None
        return Asset.objects.values_list("analysis_attempts", flat=True).get(pk=photo_id)


def _unanalysed(now: datetime) -> Q:
    free = Q(analysis_started_at=None) | Q(analysis_started_at__lt=now - ANALYSIS_CLAIM)
    return free & Q(analysis=Asset.Analysis.PENDING)


def assets_analyse_pending() -> int:
    """Send the oldest photos again that wait for analysis or screening and that nobody works on.

    Messages get lost with a broker; this finds what they were about. Returns how many were sent.
    """
    now = timezone.now()
    waiting = (
        Asset.objects.filter(_unanalysed(now) | _unscreened(now), created_at__lt=now - PENDING_AGE)
        .order_by("created_at")
        .values_list("pk", flat=True)[:PENDING_BATCH]
    )
    photo_ids = list(waiting)
    for photo_id in photo_ids:
        _send_for_analysis(photo_id)
    return len(photo_ids)
