"""One job, from its message to its end."""

import errno
import logging
import traceback
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from faceweb.core.durable.errors import LeaseLost, WorkerStopping
from faceweb.core.durable.lease import Lease
from faceweb.core.durable.running import patiently, row_work
from faceweb.media.errors import MarkingError, ResultBlocked, ScreeningFailed
from faceweb.media.screening import get_screener
from faceweb.work import kinds
from faceweb.work.errors import JobBlocked, JobCancelled, JobError
from faceweb.work.lease_reporter import LeaseReporter
from faceweb.work.models import Job
from faceweb.work.queue import jobs
from faceweb.work.services import (
    job_block,
    job_fail,
    job_finish,
    job_release,
    job_stop,
)
from models.refusals import Refusal

logger = logging.getLogger(__name__)

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def job_work(job_id: UUID) -> None:
    """Do the job if it is there to be done."""
    row_work(jobs, job_id, _work)


def _work(job: Job, lease: Lease) -> None:
    try:
        _run(job, lease)
    except JobCancelled:
        patiently(lambda: job_stop(job=job))


def warm_up() -> None:
    """Load what uploads and every kind need, so that the first is as quick as the next."""
    wanted = [(kind.name, kind.warm_up) for kind in kinds.registered()]
    for name, load in [*wanted, ("screening", lambda: get_screener().warm_up())]:
        try:
            load()
        # Whatever is missing will be told to the first person who needs it.
        except Exception as error:
            logger.warning("%s could not be warmed up (%s)", name, type(error).__name__)
    connection.close()


def _run(job: Job, lease: Lease) -> None:
    try:
        kind = kinds.get(job.kind)
        with LeaseReporter(job, lease) as report:
            outcome = kind.run(job, report)
        patiently(lambda: job_finish(job=job, outcome=outcome))
    except (LeaseLost, JobCancelled, WorkerStopping):
        raise
    except (JobBlocked, ResultBlocked) as error:
        reason = error
        patiently(lambda: job_block(job=job, reason=reason))
    except Exception as error:
        failure = _explain(job, error)
        if isinstance(failure, JobError) and failure.retryable:
            patiently(lambda: job_release(job=job))
            return
        patiently(lambda: job_fail(job=job, reason=failure))


def _explain(job: Job, error: Exception) -> Refusal:
    """What to tell the owner, and whether another attempt may help."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ScreeningFailed):
        logger.error("job %s: its result cannot be screened, so it was not kept", job.pk)
        return JobError("not_screened")
    if isinstance(error, MarkingError):
        logger.error("job %s: its result cannot be marked, so it was not kept", job.pk)
        return JobError("not_marked")
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        logger.error("job %s failed: the disk is full", job.pk)
        return JobError("disk_full")
    if isinstance(error, MemoryError):
        logger.error("job %s failed: out of memory", job.pk)
        return JobError("out_of_memory")
    # The message of an exception may hold a file's name or a person's words; where it was raised
    # never does.
    raised_at = "".join(traceback.format_tb(error.__traceback__))
    passing = isinstance(error, (OSError, OperationalError, InterfaceError))
    logger.error("job %s: %s\n%s", job.pk, type(error).__name__, raised_at)
    return JobError("internal", retryable=passing)
