"""A worker's hold on a job while it works."""

import logging
import os
import signal
import threading
import time
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from faceweb.work.models import Job
from faceweb.work.services import job_renew

logger = logging.getLogger(__name__)

# A job over its time is first asked to stop, at its next stage; this much later it is made to.
WATCHDOG_GRACE_SECONDS = 10.0


def end_process() -> None:
    """End this worker at once. Its supervisor starts another; its lease runs out by itself."""
    os.kill(os.getpid(), signal.SIGKILL)


class Lease:
    """Renews a claimed job's lease every third of its length, in a thread of its own.

    The thread is also the watchdog: a job stuck in native code can be stopped by nothing but the
    end of its process, since Celery's time limits do nothing in the threads and solo pools.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._started = time.monotonic()
        self._released = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="job-lease", daemon=True)

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
        self._thread.join(timeout=settings.JOB_LEASE_SECONDS)

    @property
    def is_lost(self) -> bool:
        """Whether a renewal found that the job is no longer this worker's."""
        return self._lost.is_set()

    @property
    def is_overdue(self) -> bool:
        """Whether the job has been at work for longer than JOB_TIME_LIMIT_SECONDS."""
        return self.elapsed > settings.JOB_TIME_LIMIT_SECONDS

    @property
    def elapsed(self) -> float:
        """Seconds since the job was claimed."""
        return time.monotonic() - self._started

    def _keep(self) -> None:
        interval = settings.JOB_LEASE_SECONDS / 3
        kill_at = settings.JOB_TIME_LIMIT_SECONDS + WATCHDOG_GRACE_SECONDS
        try:
            while not self._released.wait(min(interval, max(kill_at - self.elapsed, 0.01))):
                if self.elapsed >= kill_at:
                    logger.critical("job %s is stuck: this worker ends itself", self.job.pk)
                    end_process()
                    return
                self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        if self.is_lost:
            return
        try:
            if not job_renew(job=self.job):
                self._lost.set()
        except DatabaseError as error:
            # The lease outlives two missed renewals; a connection that broke is opened anew.
            logger.warning("lease of %s not renewed (%s)", self.job.pk, type(error).__name__)
            connection.close()
