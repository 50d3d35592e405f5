"""Jobs that are worked on in parts, by many workers, phase after phase.

A divided job is running and held by nobody: its parts are. Whoever ends the last part of a phase
starts the next by one conditional UPDATE, and after the last phase queues the job itself, to be run
once more. A part is only ever taken while its job is running and in its phase, so that cancelling
or failing the job needs to touch no queued part, and trying it again goes on where it stood.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Greatest, Now

from faceweb.core.durable.errors import LeaseLost
from faceweb.core.durable.queue import NO_LEASE, DurableQueue
from faceweb.work.errors import JobCancelled
from faceweb.work.kinds import Split
from faceweb.work.models import Job, JobPart
from faceweb.work.queue import error_columns, jobs
from models.refusals import Refusal

# The rest of the bar belongs to the run that makes the result of them.
PERCENT_OF_PARTS: Final = 95
# The page of a job sees at most two steps a second, however many parts report.
BETWEEN_STEPS: Final = timedelta(seconds=0.5)


class PartQueue(DurableQueue[JobPart]):
    """Parts of jobs: as many at once as there are workers, within a person's share."""

    task = "faceweb.work.tasks.part_run"
    model = JobPart

    def fresh(self) -> dict[str, Any]:
        return {"percent": 0}

    def claimable(self) -> "QuerySet[JobPart]":
        return self.rows().queued().filter(_in_turn())

    def due(self) -> "QuerySet[JobPart]":
        return self.rows().undispatched().filter(_in_turn())

    def give_up(self, row: JobPart) -> None:
        super().give_up(row)
        _job_fail(row, Refusal("too_many_attempts", attempts=row.attempt))


parts = PartQueue()


def _in_turn() -> Exists:
    """Whether a part's job is being worked on in its phase.

    No join: an UPDATE with one would forget, where two claim at once, to look at the state again.
    """
    divided = Job.objects.running().filter(lease_token=None)
    return Exists(divided.filter(pk=OuterRef("job_id"), phase=OuterRef("phase")))


# --- the job ----------------------------------------------------------------------------------
def job_split(*, job: Job, split: Split) -> None:
    """Divide a claimed job and let its parts be worked on.

    Raises:
        JobCancelled, LeaseLost: as for `faceweb.work.services.job_progress`.
        ValueError: there is no part.
    """
    if not split.parts:
        raise ValueError("a job is divided into at least one part")
    rows = [
        JobPart(
            job=job,
            owner_id=job.owner_id,
            phase=plan.phase,
            number=number,
            what=dict(plan.what),
            weight=plan.weight,
            expected_ms=(
                parts.expected_ms(job__kind=job.kind, phase=plan.phase)
                if plan.seconds is None
                else round(1000 * plan.seconds)
            ),
        )
        for number, plan in enumerate(split.parts)
    ]
    with transaction.atomic():
        _let_go(job, phase=min(plan.phase for plan in split.parts))
        JobPart.objects.bulk_create(rows)


def job_resume(*, job: Job) -> bool:
    """Go on with the parts of a claimed job that were left; False where all are done, or none.

    Raises:
        JobCancelled, LeaseLost: as for `faceweb.work.services.job_progress`.
    """
    left = JobPart.objects.filter(job=job).exclude(state=JobPart.State.DONE)
    if job.phase == 0 or not left.exists():
        return False
    with transaction.atomic():
        _let_go(job, phase=job.phase)
    return True


def _let_go(job: Job, *, phase: int) -> None:
    held = Job.objects.held_by(job)
    if not jobs.write(held.filter(cancel_requested=False), phase=phase, **NO_LEASE):
        raise JobCancelled if held.exists() else LeaseLost
    jobs.changed(job.pk)
    jobs.dispatch_on_commit(job.owner_id)
    parts.dispatch_on_commit(job.owner_id)


def parts_stop(job_id: UUID) -> None:
    """Take the parts of a job that ended from their workers; in the transaction that ended it."""
    mine = JobPart.objects.filter(job=job_id)
    parts.write(mine.running(), **parts.queueing())
    mine.dispatched().update(dispatched_at=None)


def parts_renew(job_id: UUID) -> None:
    """Let what failed be tried again with all attempts; in the transaction that queues the job."""
    left = JobPart.objects.filter(job=job_id).exclude(
        state__in=(JobPart.State.DONE, JobPart.State.RUNNING)
    )
    parts.write(left, attempt=0, finished_at=None, **parts.queueing())


# --- the parts --------------------------------------------------------------------------------
def part_progress(*, part: JobPart, stage: str, percent: int) -> None:
    """Write down how far a part is, and now and then how far its job is.

    Args:
        part: as it was claimed.
        stage: a code of the catalogue, for the job's page.
        percent: 0 to 100.

    Raises:
        JobCancelled: the job is not worked on any more.
        LeaseLost: this worker no longer holds the part.
    """
    held = JobPart.objects.held_by(part)
    if not held.update(percent=Greatest(F("percent"), Value(percent))):
        raise LeaseLost
    job = Job.objects.running().filter(pk=part.job_id, phase=part.phase, lease_token=None)
    due = Q(progressed_at=None) | Q(progressed_at__lt=Now() - BETWEEN_STEPS)
    with transaction.atomic():
        if jobs.write(
            job.filter(due),
            progressed_at=Now(),
            stage_key=stage[:40],
            percent=Greatest(F("percent"), Value(parts_percent(part.job_id))),
        ):
            jobs.changed(part.job_id)
            return
    if not job.exists():
        raise JobCancelled


def parts_percent(job_id: UUID) -> int:
    """How much of a divided job lies behind, by the weights of its parts."""
    sums = JobPart.objects.filter(job=job_id).aggregate(
        done=Sum(F("weight") * F("percent")), all=Sum("weight")
    )
    if not sums["all"]:
        return 0
    return int(PERCENT_OF_PARTS * sums["done"] / (100 * sums["all"]))


def part_finish(*, part: JobPart, made: dict[str, Any]) -> None:
    """End a part as done, and start what comes after it where it was the last of its phase.

    Raises:
        LeaseLost: this worker no longer holds the part; nothing was kept.
    """
    with transaction.atomic():
        # One after the other: of two that end at once, the second must see that the first did.
        job = Job.objects.select_for_update().filter(pk=part.job_id).first()
        if job is None or not parts.end(part, JobPart.State.DONE, percent=100, made=made):
            raise LeaseLost
        _phase_end(job, part.phase)


def _phase_end(job: Job, phase: int) -> None:
    left = JobPart.objects.filter(job=OuterRef("pk"), phase=phase).exclude(state=JobPart.State.DONE)
    ended = Job.objects.running().filter(~Exists(left), pk=job.pk, phase=phase, lease_token=None)
    later = JobPart.objects.filter(job=job, phase__gt=phase)
    following = later.aggregate(first=Min("phase"))["first"]
    percent = Greatest(F("percent"), Value(parts_percent(job.pk)))
    if following is not None:
        if jobs.write(ended, phase=following, percent=percent):
            jobs.changed(job.pk)
            parts.dispatch_on_commit(job.owner_id)
        return
    columns = {**jobs.queueing(), "percent": percent, "attempt": 0, "queued_at": Now()}
    if jobs.write(ended, phase=phase + 1, **columns):
        jobs.changed(job.pk)
        jobs.dispatch_on_commit(job.owner_id)


def part_fail(*, part: JobPart, reason: Refusal) -> bool:
    """End a part as failed and its job with it; False if the lease was lost."""
    with transaction.atomic():
        Job.objects.select_for_update().filter(pk=part.job_id).first()
        if not parts.end(part, JobPart.State.FAILED):
            return False
        _job_fail(part, reason)
    return True


def _job_fail(part: JobPart, reason: Refusal) -> None:
    job = Job.objects.running().filter(pk=part.job_id, phase=part.phase, lease_token=None)
    if jobs.write(job, **jobs.ending(Job.State.FAILED), **error_columns(reason)):
        # The others hear of it at their next stage; what they have done till then is lost.
        parts_stop(part.job_id)
        jobs.changed(part.job_id)
        jobs.dispatch_on_commit(part.owner_id)
