"""Progress of a run on the row that its lease holds, and how it hears that it should stop."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import Error as DatabaseError
from django.db import connection

from faceweb.core.durable.errors import LeaseLost
from faceweb.core.durable.lease import Lease
from faceweb.work.errors import JobCancelled, JobError

# More changes of its bar than this within one second nobody sees.
WRITES_PER_SECOND = 2


class LeaseReporter:
    """The `faceweb.work.reporter.Reporter` of one run; a context manager."""

    def __init__(self, lease: Lease, write: Callable[[str, int], None]) -> None:
        """``write`` is given the stage and the percent that are to be written to the row."""
        self._lease = lease
        self._write_down = write
        self._stage = ""
        self._written_at: deque[float] = deque(maxlen=WRITES_PER_SECOND)
        # What was said last and not written yet; a timer does it if nothing is said meanwhile.
        self._pending: tuple[str, int] | None = None
        self._timer: threading.Timer | None = None
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._writing:
            self._pending = None
            if self._timer is not None:
                self._timer.cancel()

    def stage(self, name: str, fraction: float) -> None:
        """Say what is being done and how much of the whole job lies behind, 0 to 1.

        Cheap enough for inner loops: the row is written at most twice within any second, and within
        a stage no sooner than half a second after the last time. 100 percent is kept for the
        finished job.

        Raises:
            JobCancelled: the owner asked for an end.
            JobError: the job is over its time limit.
            LeaseLost: this worker no longer holds the job.
            WorkerStopping: this worker is being shut down.
        """
        self._check()
        percent = min(max(round(fraction * 100), 0), 99)
        with self._writing:
            pause = self._pause(name)
            if pause > 0:
                self._pending = (name, percent)
                if name != self._stage and self._timer is None:
                    self._write_after(pause)
                return
            self._write(name, percent)

    def _pause(self, name: str) -> float:
        """Seconds until the row may be written."""
        now, written = time.monotonic(), self._written_at
        pauses = [0.0]
        if len(written) == WRITES_PER_SECOND:
            pauses.append(written[0] + 1.0 - now)
        if written and name == self._stage:
            pauses.append(written[-1] + 1.0 / WRITES_PER_SECOND - now)
        return max(pauses)

    def _write(self, name: str, percent: int) -> None:
        self._pending = None
        self._stage = name
        self._written_at.append(time.monotonic())
        self._write_down(name, percent)

    def _write_after(self, pause: float) -> None:
        self._timer = threading.Timer(pause, self._write_pending)
        self._timer.daemon = True
        self._timer.start()

    def _write_pending(self) -> None:
        """The stage that was said last, though it says nothing more for long."""
        try:
            with self._writing:
                self._timer = None
                if self._pending is not None:
                    # The work itself hears of these the next time it says something.
                    with contextlib.suppress(JobCancelled, LeaseLost, DatabaseError):
                        self._write(*self._pending)
        finally:
            connection.close()

    def _check(self) -> None:
        self._lease.check()
        if self._lease.is_overdue:
            raise JobError("time_limit")
