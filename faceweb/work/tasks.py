"""Celery's side of jobs: each task is a door to a service."""

import threading
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.signals import worker_process_init, worker_ready

from faceweb.work import previews, services, worker


@shared_task
def job_run(job_id: str) -> None:
    """Work on one job; the message carries its id and nothing else."""
    worker.job_work(UUID(job_id))


@shared_task
def part_run(part_id: str) -> None:
    """Work on one part of a job."""
    worker.part_work(int(part_id))


@shared_task
def preview_run(preview_id: str) -> None:
    """Answer one question of somebody who waits at a page."""
    previews.preview_work(UUID(preview_id))


@shared_task
def jobs_forget() -> None:
    """Remove the rows of jobs and previews that ended long ago."""
    services.jobs_forget()
    previews.previews_forget()


@worker_process_init.connect
def warm_up_in_background(**_: Any) -> None:
    """Get ready while the worker already takes messages."""
    threading.Thread(target=worker.warm_up, name="warm-up", daemon=True).start()


@worker_ready.connect
def warm_up_threads(sender: Any, **_: Any) -> None:
    """The threads pool has no process of its own to announce; a parent of others stays lean."""
    if isinstance(sender.pool, ThreadPool):
        warm_up_in_background()
