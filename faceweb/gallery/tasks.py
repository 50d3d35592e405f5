"""What the workers do for the gallery. Messages carry ids; the row is the truth."""

from uuid import UUID

from celery import shared_task

from faceweb.gallery import retention, services, sweep


@shared_task
def photo_analyse(photo_id: str) -> None:
    """Find the faces of one photo."""
    services.photo_analyse(UUID(photo_id))


@shared_task
def photos_analyse_pending() -> None:
    """Send photos again whose message was lost."""
    services.photos_analyse_pending()


@shared_task
def files_sweep() -> None:
    """Remove what killed processes left behind."""
    sweep.files_sweep()


@shared_task
def photos_expire() -> None:
    """Delete the photos whose time is over."""
    retention.photos_date_undated()
    sweep.photos_expire()


@shared_task
def photos_find_fileless() -> None:
    """Tell which photos have lost their files."""
    sweep.photos_report_fileless()
