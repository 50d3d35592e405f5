"""Messages to the workers. A message carries a row's id and says only where to look."""

from typing import Any

from celery import current_app

from faceweb.core import sending


def queue_name(task: str) -> str:
    """The Celery queue that messages of ``task`` go through."""
    route: Any = current_app.amqp.router.route({}, task)
    return str(route["queue"].name)


def send(task: str, row_id: Any) -> None:
    """Send one message.

    Raises:
        ConnectionError: the broker cannot be reached.
    """
    if not sending.send(task, str(row_id)):
        raise ConnectionError("the broker is away")


def depth(task: str) -> int:
    """How many messages wait at the broker where those of ``task`` go, without those taken."""
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue=queue_name(task)).message_count)
