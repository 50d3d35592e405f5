"""A worker's hold on a row while it works."""

import logging
import os
import signal
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from django.db import Error as DatabaseError
from django.db import connection

from faceweb.core.durable import stopping
from faceweb.core.durable.errors import LeaseLost, WorkerStopping

if TYPE_CHECKING:
    from faceweb.core.durable.models import DurableRow
    from faceweb.core.durable.queue import DurableQueue

logger = logging.getLogger(__name__)

# What is over its time is first asked to stop, at its next stage; this much later it is made to.
WATCHDOG_GRACE_SECONDS = 10.0


def end_process() -> None:
    """End this worker at once. Its supervisor starts another; its lease runs out by itself."""
    os.kill(os.getpid(), signal.SIGKILL)


class Lease:
    """Renews a claimed row's lease every third of its length, in a thread of its own.

    The thread is also the watchdog: work stuck in native code can be stopped by nothing but the
    end of its process, since Celery's time limits do nothing in the threads and solo pools.
    """

    def __init__(self, queue: "DurableQueue[Any]", row: "DurableRow") -> None:
        self.row = row
        self._queue = queue
        self._started = time.monotonic()
        self._released = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        self._thread.join(timeout=self._queue.lease_seconds())

    @property
    def is_lost(self) -> bool:
        """Whether a renewal found that the row is no longer this worker's."""
        return self._lost.is_set()

    @property
    def is_overdue(self) -> bool:
        """Whether the row has been at work for longer than one may."""
        return self.elapsed > self._queue.limit_seconds()

    @property
    def elapsed(self) -> float:
        """Seconds since the row was claimed."""
        return time.monotonic() - self._started

    def check(self) -> None:
        """Stop the work where it must not go on.

        Raises:
            LeaseLost: this worker no longer holds the row.
            WorkerStopping: this worker is being shut down.
        """
        if self.is_lost:
            raise LeaseLost
        if stopping.is_due():
            raise WorkerStopping

    def _keep(self) -> None:
        interval = self._queue.lease_seconds() / 3
        kill_at = self._queue.limit_seconds() + WATCHDOG_GRACE_SECONDS
        try:
            while not self._released.wait(min(interval, max(kill_at - self.elapsed, 0.01))):
                if self.elapsed >= kill_at:
                    logger.critical("%s is stuck: this worker ends itself", self.row)
                    end_process()
                    return
                self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        if self.is_lost:
            return
        try:
            if not self._queue.renew(self.row):
                self._lost.set()
        except DatabaseError as error:
            # The lease outlives two missed renewals; a connection that broke is opened anew.
            logger.warning("lease of %s not renewed (%s)", self.row, type(error).__name__)
            connection.close()
