"""What the workers do for the gallery. Messages carry ids; the row is the truth."""

from celery import shared_task

from faceweb.media import analysis_queue, face_analysis, retention, sweep


@shared_task
def asset_task_run(task_id: str) -> None:
    """Look at one asset."""
    face_analysis.asset_task_work(int(task_id))


@shared_task
def asset_tasks_forget() -> None:
    """Remove the rows of looks that ended long ago."""
    analysis_queue.asset_tasks_forget()


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
