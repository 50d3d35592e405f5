"""What the clock does for every queue of durable work, and what a stopping worker does."""

import logging
from collections.abc import Callable
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from faceweb.core.durable import stopping
from faceweb.core.durable.queue import DurableQueue, registered

logger = logging.getLogger(__name__)


@shared_task
def durable_reap() -> None:
    """Take back what workers held that are gone."""
    _each(lambda queue: queue.reap())


@shared_task
def durable_dispatch() -> None:
    """Send what is due, and what was lost."""
    _each(lambda queue: queue.dispatch_due())


def _each(act: Callable[[DurableQueue[Any]], int]) -> None:
    """``act`` on every queue: the trouble of one is none of the others'."""
    for queue in registered():
        try:
            act(queue)
        except Exception as error:
            logger.error("queue of %s: %s", queue.task, type(error).__name__)


@worker_shutting_down.connect
def hand_back_soon(**_: Any) -> None:
    """Let what is at work finish if it is quick, and hand it back before the worker is killed."""
    stopping.begin(settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT / 2)
