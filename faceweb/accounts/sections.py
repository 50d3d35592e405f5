"""Personal data of this floor and of those below it."""

from collections.abc import Iterable
from typing import Any

from django.db.models.fields.files import FieldFile

from faceweb.media.makers import asset_describe
from faceweb.media.media_types import extension_of
from faceweb.media.models import Asset, Rendition
from faceweb.media.services import assets_delete
from faceweb.people import personal_data
from faceweb.people.erasure import account_erase
from faceweb.people.models import User
from faceweb.work.models import Job


def _account_rows(user: User) -> Iterable[dict[str, Any]]:
    yield {
        "id": str(user.pk),
        "email": user.email,
        "name": user.name,
        "joined": user.date_joined,
        "last_sign_in": user.last_login,
    }


def _photo_rows(user: User) -> Iterable[dict[str, Any]]:
    mine = Asset.objects.for_user(user).prefetch_related("lineage", "renditions")
    for photo in mine.iterator(chunk_size=200):
        yield {
            "id": str(photo.pk),
            "file": _photo_name(photo),
            "kind": photo.kind,
            "origin": photo.origin,
            "made_by": photo.made_by,
            "steps": [
                {**step.step.to_dict(), "label": step.label} for step in asset_describe(photo)
            ],
            "created": photo.created_at,
            "width": photo.width,
            "height": photo.height,
            "consent_version": photo.consent_version,
            "consent_given": photo.consent_at,
            "faces": photo.faces,
            "making": photo.making,
            "made_from": [
                {"photo": str(line.parent_id), "role": line.role} for line in photo.lineage.all()
            ],
        }


def _photo_name(photo: Asset) -> str | None:
    """Where a photo lies in the export; None where it has lost its file."""
    try:
        media_type = photo.rendition(Rendition.Role.ORIGINAL).media_type
    except Rendition.DoesNotExist:
        return None
    return f"photos/{photo.pk}.{extension_of(media_type)}"


def _photo_files(user: User) -> Iterable[tuple[str, FieldFile]]:
    mine = Asset.objects.for_user(user).only("id").prefetch_related("renditions")
    for photo in mine.iterator(chunk_size=200):
        if name := _photo_name(photo):
            yield name, photo.file_of(Rendition.Role.ORIGINAL)


def _job_rows(user: User) -> Iterable[dict[str, Any]]:
    for job in user.jobs.iterator(chunk_size=200):
        yield {
            "id": str(job.pk),
            "kind": job.kind,
            "state": job.state,
            "recipe": job.recipe,
            "engine": job.engine,
            "figures": job.figures,
            "created": job.created_at,
            "finished": job.finished_at,
            "result": str(job.result_id) if job.result_id else None,
        }


def _erase_jobs(user: User) -> None:
    # A worker in the middle of one finds its row gone at the next stage and leaves nothing behind.
    Job.objects.filter(owner=user).delete()


def _erase_photos(user: User) -> None:
    assets_delete(owner=user, ids=list(user.photos.values_list("pk", flat=True)))


def _erase_account(user: User) -> None:
    account_erase(user=user)


def register() -> None:
    """Called once, when the app is ready."""
    personal_data.register(
        personal_data.Section("jobs", rows=_job_rows, erase=_erase_jobs, order=10)
    )
    personal_data.register(
        personal_data.Section(
            "photos", rows=_photo_rows, files=_photo_files, erase=_erase_photos, order=20
        )
    )
    personal_data.register(
        personal_data.Section("account", rows=_account_rows, erase=_erase_account, order=100)
    )
