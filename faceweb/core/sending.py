"""Messages to the workers, by the name of the task, so that services need not import tasks."""

import logging
from typing import Any

from celery import current_app

logger = logging.getLogger(__name__)


def send(task_name: str, *args: str | int, expires: float | None = None) -> bool:
    """Send one message; whether the broker took it.

    A message only says where to look: whatever it is about is a row, and a sweep sends again what
    was not sent. So a broker that is away is logged and never an error of the request.

    Args:
        task_name: the full name of the task, as Celery registers it.
        args: what the task is called with; JSON.
        expires: seconds after which no worker need look at it any more.
    """
    try:
        broker: Any = current_app
        broker.send_task(task_name, args=args, retry=False, expires=expires)
    # Whatever the client raises.
    except Exception as error:
        logger.warning("%s could not be sent (%s)", task_name, type(error).__name__)
        return False
    return True
