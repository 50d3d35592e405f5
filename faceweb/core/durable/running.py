"""One row, from its message to its end."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from faceweb.core.durable.errors import LeaseLost, WorkerStopping
from faceweb.core.durable.lease import Lease
from faceweb.core.durable.models import RowT
from faceweb.core.durable.queue import DurableQueue

logger = logging.getLogger(__name__)

_DATABASE_PAUSES = (0.5, 1.0, 2.0)


def row_work(queue: DurableQueue[RowT], row_id: Any, work: Callable[[RowT, Lease], object]) -> None:
    """Do ``work`` on a row if it is there to be done. A doubled message finds nothing and ends.

    ``work`` gets the claimed row and its lease and ends the row by its queue. Whatever it raises
    counts as a fault that may pass: another attempt follows, or the end of them.
    """
    row = queue.claim(row_id)
    if row is not None:
        claimed_work(queue, row, work)


def claimed_work(
    queue: DurableQueue[RowT], row: RowT, work: Callable[[RowT, Lease], object]
) -> None:
    """Do ``work`` on a row that this worker has claimed, as `row_work`."""
    with Lease(queue, row) as lease:
        try:
            work(row, lease)
        except LeaseLost:
            logger.warning("%s is no longer this worker's", row)
        except WorkerStopping:
            patiently(lambda: queue.release(row, counted=False))
        except Exception as error:
            # The message of an exception may hold a file's name or a person's words.
            logger.warning("%s, attempt %d: %s", row, row.attempt, type(error).__name__)
            patiently(lambda: queue.release(row))


def patiently(write: Callable[[], object]) -> None:
    """Call ``write``, waiting out a database that is being restarted."""
    for pause in _DATABASE_PAUSES:
        try:
            write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database is away (%s)", type(error).__name__)
            connection.close()
            time.sleep(pause)
        else:
            return
    write()
