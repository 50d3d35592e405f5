"""Nudges to open pages: "look again". They carry no content and may be lost without harm."""

import logging
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

QUEUE_GROUP = "jobs.queue"


def job_group(job_id: UUID) -> str:
    """The channel group of the pages that show one job."""
    return f"job.{job_id}"


def nudge(job_id: UUID, version: int) -> None:
    """Tell the pages of one job that its row has reached ``version``."""
    _send(job_group(job_id), {"type": "job.changed", "job": str(job_id), "version": version})


def nudge_queue() -> None:
    """Tell the pages of waiting jobs that the queue has moved."""
    _send(QUEUE_GROUP, {"type": "queue.moved"})


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group, message)
    # Whatever the channel layer's client raises, the row is written and pages poll: work goes on.
    except Exception as error:
        logger.warning("a nudge could not be sent (%s)", type(error).__name__)
