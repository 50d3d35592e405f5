"""What the workers do for the gallery. Messages carry ids; the row is the truth."""

from uuid import UUID

from celery import shared_task

from faceweb.media import analysis_queue, face_analysis, retention, sweep


@shared_task
def asset_analyse(photo_id: str) -> None:
    """Find the faces of one photo."""
    face_analysis.asset_analyse(UUID(photo_id))


@shared_task
def assets_analyse_pending() -> None:
    """Send photos again whose message was lost."""
    analysis_queue.assets_analyse_pending()


@shared_task
def files_sweep() -> None:
    """Remove what killed processes left behind."""
    sweep.files_sweep()


@shared_task
def assets_expire() -> None:
    """Delete the photos whose time is over."""
    retention.assets_date_undated()
    sweep.assets_expire()


@shared_task
def assets_find_fileless() -> None:
    """Tell which photos have lost their files."""
    sweep.assets_report_fileless()
