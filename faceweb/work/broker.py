"""Messages to the workers. A message carries a job's id and says only where to look."""

from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings

from faceweb.core import sending

JOB_RUN = "faceweb.work.tasks.job_run"


def queue_name() -> str:
    """The Celery queue that jobs go through."""
    return str(settings.CELERY_TASK_ROUTES[JOB_RUN]["queue"])


def send(job_id: UUID) -> None:
    """Send one message.

    Raises:
        ConnectionError: the broker cannot be reached.
    """
    if not sending.send(JOB_RUN, str(job_id)):
        raise ConnectionError("the broker is away")


def depth() -> int:
    """How many messages wait at the broker, not counting those a worker has taken."""
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue=queue_name()).message_count)
