"""One job, from its message to its end."""

import errno
import logging
import traceback
from functools import partial
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from faceweb.core.durable.errors import LeaseLost, WorkerStopping
from faceweb.core.durable.lease import Lease
from faceweb.core.durable.running import patiently, row_work
from faceweb.media.errors import MarkingError, ResultBlocked, ScreeningFailed
from faceweb.media.screening import get_screener
from faceweb.work import kinds
from faceweb.work.errors import JobBlocked, JobCancelled, JobError
from faceweb.work.kinds import Split
from faceweb.work.lease_reporter import LeaseReporter
from faceweb.work.models import Job, JobPart
from faceweb.work.parts import job_resume, job_split, part_fail, part_finish, part_progress, parts
from faceweb.work.queue import jobs
from faceweb.work.services import (
    job_block,
    job_fail,
    job_finish,
    job_progress,
    job_release,
    job_stop,
)
from models.refusals import Refusal

logger = logging.getLogger(__name__)

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def job_work(job_id: UUID) -> None:
    """Do the job if it is there to be done."""
    row_work(jobs, job_id, _work)


def part_work(part_id: int) -> None:
    """Do a part of a job if it is there to be done."""
    row_work(parts, part_id, _part_work)


def _work(job: Job, lease: Lease) -> None:
    try:
        _run(job, lease)
    except JobCancelled:
        patiently(lambda: job_stop(job=job))


def _part_work(part: JobPart, lease: Lease) -> None:
    try:
        _part_run(part, lease)
    except JobCancelled:
        # The job has ended; should it be tried again, this part waits for it.
        patiently(lambda: parts.release(part, counted=False))


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
        if job_resume(job=job):
            return
        kind = kinds.get(job.kind)
        with LeaseReporter(lease, partial(_progress, job)) as report:
            outcome = kind.run(job, report)
        if isinstance(outcome, Split):
            split = outcome
            patiently(lambda: job_split(job=job, split=split))
        else:
            done = outcome
            patiently(lambda: job_finish(job=job, outcome=done))
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


def _progress(job: Job, stage: str, percent: int) -> None:
    job_progress(job=job, stage=stage, percent=percent)


def _part_run(part: JobPart, lease: Lease) -> None:
    try:
        kind = kinds.get(part.job.kind)
        with LeaseReporter(lease, partial(_part_progress, part)) as report:
            made = dict(kind.part_run(part, report))
        patiently(lambda: part_finish(part=part, made=made))
    except (LeaseLost, JobCancelled, WorkerStopping):
        raise
    except Exception as error:
        failure = _explain(part.job, error)
        if isinstance(failure, JobError) and failure.retryable:
            patiently(lambda: parts.release(part))
            return
        patiently(lambda: part_fail(part=part, reason=failure))


def _part_progress(part: JobPart, stage: str, percent: int) -> None:
    part_progress(part=part, stage=stage, percent=percent)


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
