"""Every change a job can go through, by what people do and by what workers do.

How a row is claimed, leased, sent and taken back is the same for all durable work and lies in
`faceweb.core.durable.queue`; here is what is particular to jobs.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Now

from faceweb.core.durable.errors import LeaseLost
from faceweb.core.durable.queue import owner_lock
from faceweb.media.files import files_roll_back
from faceweb.media.forgetting import mentions
from faceweb.media.models import AssetQuerySet
from faceweb.people.models import User
from faceweb.work import kinds
from faceweb.work.errors import AccountFrozen, JobCancelled, TooManyJobs
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.parts import parts_renew, parts_stop
from faceweb.work.queue import error_columns, jobs
from faceweb.work.serving import Waiting, Working, serving_order
from models.refusals import Refusal


# --- what people do ---------------------------------------------------------------------------
def job_request(*, owner: User, kind: str, recipe: Mapping[str, Any], once: str = "") -> Job:
    """Have a request checked by its kind, and queue it; the way in for every kind.

    Args:
        owner: whose job it is.
        kind: its kind's name.
        recipe: what is asked for, JSON, as the kind's recipe writes it.
        once: as `job_create` has it.

    Raises:
        Refusal: the kind cannot carry it out, or as `job_create`.
        KeyError: no such kind is registered.
    """
    asked = kinds.get(kind)
    asked.check(owner=owner, recipe=recipe)
    return job_create(owner=owner, kind=kind, recipe=recipe, engine=asked.engine(), once=once)


def job_create(
    *,
    owner: AbstractBaseUser,
    kind: str,
    recipe: Mapping[str, Any],
    engine: str = "",
    once: str = "",
) -> Job:
    """Queue a job and, once the transaction is through, send its message.

    Args:
        owner: whose job it is.
        kind: its kind's name.
        recipe: what is asked for, JSON.
        engine: the engine's name, if it is known.
        once: the one-time key of the form that asks; the same form sent again, asking for the
            same, gives the job that it made, whatever has become of it.

    Raises:
        TooManyJobs: ``owner`` has JOBS_QUEUED_PER_PERSON jobs waiting already.
        AccountFrozen: ``owner`` may make nothing.
        KeyError: no such kind is registered.
    """
    kinds.get(kind)
    key = _request_key(once, kind, recipe)
    with transaction.atomic():
        owner_lock(owner.pk)
        if key and (made := Job.objects.filter(owner_id=owner.pk, request_key=key).first()):
            return made
        _admit(owner.pk)
        job = Job.objects.create(
            owner_id=owner.pk,
            kind=kind,
            recipe=dict(recipe),
            engine=engine,
            request_key=key,
            expected_ms=jobs.expected_ms(kind=kind),
        )
        jobs.dispatch_on_commit(owner.pk)
    return job


def job_cancel(*, job: Job) -> bool:
    """End a queued or divided job at once; ask the worker of a running one to stop when it next
    says how far it is.

    Returns whether there was anything to cancel.
    """
    with transaction.atomic():
        row = Job.objects.select_for_update().unfinished().filter(pk=job.pk).first()
        if row is None:
            return False
        if row.state == Job.State.QUEUED or row.lease_token is None:
            jobs.write(Job.objects.filter(pk=row.pk), **jobs.ending(Job.State.CANCELLED))
            parts_stop(row.pk)
            jobs.dispatch_on_commit(row.owner_id)
        else:
            jobs.write(Job.objects.filter(pk=row.pk), cancel_requested=True)
        jobs.changed(row.pk)
    return True


def job_retry(*, job: Job) -> bool:
    """Queue a failed or cancelled job again, with all its attempts before it.

    Of a divided one only those parts are worked on again that were not done. Returns False, and
    changes nothing, where the job is in another state.

    Raises:
        JobRefused: as for `job_create`.
    """
    with transaction.atomic():
        owner_lock(job.owner_id)
        again = Job.objects.select_for_update().filter(pk=job.pk, state__in=Job.RETRYABLE)
        if again.first() is None:
            return False
        _admit(job.owner_id)
        jobs.write(
            Job.objects.filter(pk=job.pk),
            queued_at=Now(),
            attempt=0,
            cancel_requested=False,
            finished_at=None,
            **error_columns(),
            **jobs.queueing(),
        )
        parts_renew(job.pk)
        jobs.changed(job.pk)
        jobs.dispatch_on_commit(job.owner_id)
    return True


def job_place(job: Job) -> int | None:
    """The job's 1-based place among the queued ones in the order of service; None if not queued."""
    if job.state != Job.State.QUEUED:
        return None
    return jobs_places().get(job.pk)


def jobs_places() -> dict[UUID, int]:
    """The 1-based place of every queued job in the order of service."""
    running = Job.objects.running().order_by("started_at").values_list("owner_id", "expected_ms")
    queued = (
        Job.objects.queued()
        .order_by(F("dispatched_at").asc(nulls_last=True), "queued_at", "pk")
        .values_list("pk", "owner_id", "expected_ms", "dispatched_at")
    )
    order = serving_order(
        (Working(owner, ms) for owner, ms in running.iterator()),
        (Waiting(pk, owner, ms, sent is not None) for pk, owner, ms, sent in queued.iterator()),
        places=jobs.running_per_person(),
        share_ms=round(1000 * jobs.seconds_per_person()),
    )
    return {cast(UUID, pk): place for place, pk in enumerate(order, start=1)}


# --- what workers do --------------------------------------------------------------------------
def job_claim(job_id: UUID) -> Job | None:
    """Take a queued job for this worker; see `DurableQueue.claim`."""
    return jobs.claim(job_id)


def job_progress(*, job: Job, stage: str, percent: int) -> None:
    """Write down how far the work is. The percent never falls within an attempt.

    Args:
        job: as `job_claim` gave it.
        stage: in plain words, for the page.
        percent: 0 to 100.

    Raises:
        JobCancelled: the owner asked for an end.
        LeaseLost: this worker no longer holds the job.
    """
    held = Job.objects.held_by(job)
    written = jobs.write(
        held.filter(cancel_requested=False),
        stage_key=stage[:40],
        percent=Greatest(F("percent"), Value(percent)),
    )
    if not written:
        raise JobCancelled if held.exists() else LeaseLost
    jobs.changed(job.pk)


def job_finish(*, job: Job, outcome: Outcome) -> None:
    """End the job as done and store its result, both or neither.

    Raises:
        JobCancelled, LeaseLost: as for `job_progress`; nothing was stored.
    """
    with files_roll_back(), transaction.atomic():
        held = Job.objects.held_by(job)
        finished = jobs.write(
            held.filter(cancel_requested=False),
            percent=100,
            made=Job.Made.NOTHING if outcome.save is None else Job.Made.PICTURE,
            engine=outcome.engine,
            figures={"version": 1, **outcome.figures},
            timings_ms=dict(outcome.timings_ms),
            **error_columns(outcome.reason),
            **jobs.ending(Job.State.DONE),
        )
        if not finished:
            raise JobCancelled if held.exists() else LeaseLost
        if outcome.save is not None:
            Job.objects.filter(pk=job.pk).update(result=outcome.save())
        jobs.changed(job.pk)
        jobs.dispatch_on_commit(job.owner_id)


def job_fail(*, job: Job, reason: Refusal) -> bool:
    """End the job as failed, with a reason its owner can read; False if the lease was lost."""
    return jobs.end(job, Job.State.FAILED, **error_columns(reason))


def job_block(*, job: Job, reason: Refusal) -> bool:
    """End the job as one that may not be done; False if the lease was lost."""
    return jobs.end(job, Job.State.BLOCKED, **error_columns(reason))


def job_stop(*, job: Job) -> bool:
    """End the job as cancelled, as its owner asked; False if the lease was lost."""
    return jobs.end(job, Job.State.CANCELLED)


def job_release(*, job: Job, counted: bool = True) -> bool:
    """Give the job back for another attempt; see `DurableQueue.release`."""
    return jobs.release(job, counted=counted)


# --- what the clock does ----------------------------------------------------------------------
def jobs_forget() -> int:
    """Remove the rows of jobs that ended longer ago than photos are kept; returns how many."""
    if not settings.RETENTION_DAYS:
        return 0
    ended = Job.objects.exclude(state__in=Job.UNFINISHED)
    over = Now() - timedelta(days=settings.RETENTION_DAYS)
    return ended.filter(finished_at__lt=over, result=None).delete()[0]


def jobs_of_photos_forget(owner_id: UUID, photo_ids: frozenset[str]) -> None:
    """Remove the jobs of a person that name one of these photos, which are being deleted.

    A worker in the middle of one finds its row gone at its next stage and leaves nothing behind.
    """
    jobs = Job.objects.filter(owner=owner_id).values_list("pk", "recipe", "figures", "result_id")
    gone = [
        pk
        for pk, recipe, figures, result in jobs.iterator()
        if str(result) in photo_ids or mentions([recipe, figures], photo_ids)
    ]
    Job.objects.filter(pk__in=gone).delete()


def assets_at_work_keep(photos: AssetQuerySet) -> AssetQuerySet:
    """Leave out the photos of everybody who has a job waiting or at work."""
    return photos.exclude(owner__in=Job.objects.unfinished().order_by().values("owner"))


def _admit(owner_id: Any) -> None:
    # Read anew under the row's lock: who is in the middle of a request may have been frozen in it.
    if not get_user_model()._default_manager.get(pk=owner_id).may_make:
        raise AccountFrozen
    limit = settings.JOBS_QUEUED_PER_PERSON
    if Job.objects.queued().filter(owner_id=owner_id).count() >= limit:
        raise TooManyJobs(limit)


def _request_key(once: str, kind: str, recipe: Mapping[str, Any]) -> str:
    """Of a form and what it asks for: a form that was changed since and sent again is another."""
    if not once:
        return ""
    asked = json.dumps([once, kind, recipe], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()
