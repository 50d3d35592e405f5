"""How far a run is, written to its row; and how the run hears that it should stop."""

import time

from faceweb.work import stopping
from faceweb.work.errors import JobError, LeaseLost, WorkerStopping
from faceweb.work.lease import Lease
from faceweb.work.services import job_progress

SECONDS_BETWEEN_WRITES = 0.25


class LeaseReporter:
    """The `Reporter` of a run that holds a lease."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stage = ""
        self._written_at = float("-inf")

    def stage(self, name: str, fraction: float) -> None:
        """See `Reporter`.

        The row is written when the stage changes and otherwise at most four times a second. 100
        percent is kept for the finished job.
        """
        self._check()
        now = time.monotonic()
        if name == self._stage and now - self._written_at < SECONDS_BETWEEN_WRITES:
            return
        percent = min(max(round(fraction * 100), 0), 99)
        job_progress(job=self._lease.job, stage=name, percent=percent)
        self._stage = name
        self._written_at = now

    def _check(self) -> None:
        if self._lease.is_lost:
            raise LeaseLost
        if stopping.is_due():
            raise WorkerStopping
        if self._lease.is_overdue:
            raise JobError(
                "time_limit",
                "This took longer than a job may take.",
                "Try a smaller photo, or fewer faces at once.",
            )
