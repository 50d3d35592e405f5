"""Celery's side of edits: each task is a door to a service."""

from celery import shared_task

from editing.preview import preview_answer


@shared_task
def preview_make(name: str) -> None:
    """Make one preview; the message carries the random name of the question."""
    preview_answer(name)
