"""Every change a job can go through.

Each is one conditional UPDATE, or a change under the row's lock, so that messages may be doubled
or lost and workers may die at any line. Where a person's row is locked too, it is locked first.
SQLite has no row locks and needs none: its transactions begin IMMEDIATE and exclude each other.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, F, Min, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Now
from django.db.models.lookups import LessThan

from faceweb.media.files import files_roll_back
from faceweb.media.forgetting import mentions
from faceweb.media.models import AssetQuerySet
from faceweb.work import broker, kinds, progress
from faceweb.work.errors import AccountFrozen, JobCancelled, LeaseLost, TooManyJobs
from faceweb.work.kinds import Outcome
from faceweb.work.models import Job
from faceweb.work.serving import Waiting, serving_order

logger = logging.getLogger(__name__)

# A message still unread after this may be lost; before it, it is merely on its way.
RESEND_AFTER = timedelta(seconds=10)
# The pause before another attempt after a fault that may pass; it doubles with each attempt.
BACKOFF = timedelta(seconds=5)

_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_until": None}


# --- what people do ---------------------------------------------------------------------------
def job_create(
    *, owner: AbstractBaseUser, kind: str, recipe: Mapping[str, Any], engine: str = ""
) -> Job:
    """Queue a job and, once the transaction is through, send its message.

    Raises:
        TooManyJobs: ``owner`` has JOBS_QUEUED_PER_PERSON jobs waiting already.
        AccountFrozen: ``owner`` may make nothing.
        KeyError: no such kind is registered.
    """
    kinds.get(kind)
    with transaction.atomic():
        _lock_owner(owner.pk)
        _admit(owner.pk)
        job = Job.objects.create(owner_id=owner.pk, kind=kind, recipe=dict(recipe), engine=engine)
        _dispatch_on_commit(owner.pk)
    return job


def job_cancel(*, job: Job) -> bool:
    """End a queued job at once; ask the worker of a running one to stop at its next stage.

    Returns whether there was anything to cancel.
    """
    with transaction.atomic():
        row = Job.objects.select_for_update().unfinished().filter(pk=job.pk).first()
        if row is None:
            return False
        if row.state == Job.State.QUEUED:
            _write(Job.objects.filter(pk=row.pk), **_ended(Job.State.CANCELLED), **_NO_LEASE)
            _dispatch_on_commit(row.owner_id)
        else:
            _write(Job.objects.filter(pk=row.pk), cancel_requested=True)
        _announce_on_commit(row.pk)
    return True


def job_retry(*, job: Job) -> bool:
    """Queue a failed or cancelled job again, with all its attempts before it.

    Returns False, and changes nothing, where the job is in another state.

    Raises:
        JobRefused: as for `job_create`.
    """
    with transaction.atomic():
        _lock_owner(job.owner_id)
        again = Job.objects.select_for_update().filter(pk=job.pk, state__in=Job.RETRYABLE)
        if again.first() is None:
            return False
        _admit(job.owner_id)
        _write(
            Job.objects.filter(pk=job.pk),
            state=Job.State.QUEUED,
            queued_at=Now(),
            attempt=0,
            stage="",
            percent=0,
            cancel_requested=False,
            dispatched_at=None,
            not_before=None,
            started_at=None,
            finished_at=None,
            **_error(),
            **_NO_LEASE,
        )
        _announce_on_commit(job.pk)
        _dispatch_on_commit(job.owner_id)
    return True


def job_place(job: Job) -> int | None:
    """The job's 1-based place among the queued ones in the order of service; None if not queued."""
    if job.state != Job.State.QUEUED:
        return None
    running = Job.objects.running().order_by("started_at").values_list("owner_id", flat=True)
    queued = (
        Job.objects.queued()
        .order_by(F("dispatched_at").asc(nulls_last=True), "queued_at", "pk")
        .values_list("pk", "owner_id", "dispatched_at")
    )
    order = serving_order(
        running.iterator(),
        (Waiting(pk, owner, sent is not None) for pk, owner, sent in queued.iterator()),
        settings.JOBS_RUNNING_PER_PERSON,
    )
    return next((place for place, pk in enumerate(order, start=1) if pk == job.pk), None)


# --- what workers do --------------------------------------------------------------------------
def job_claim(job_id: UUID) -> Job | None:
    """Take a queued job for this worker, count the attempt and start its lease.

    Returns None where there is nothing to take: the job is gone, running, finished or cancelled,
    or its owner has JOBS_RUNNING_PER_PERSON at work. In the last case it is sent again later.
    """
    with transaction.atomic():
        owner_id = Job.objects.queued().filter(pk=job_id).values_list("owner_id", flat=True).first()
        if owner_id is None:
            return None
        _lock_owner(owner_id)
        at_work = (
            Job.objects.running()
            .filter(owner_id=owner_id)
            .order_by()
            .values("owner_id")
            .annotate(number=Count("pk"))
            .values("number")
        )
        token = uuid4()
        claimed = _write(
            Job.objects.queued().filter(
                LessThan(Coalesce(Subquery(at_work), 0), settings.JOBS_RUNNING_PER_PERSON),
                pk=job_id,
                cancel_requested=False,
                attempt__lt=settings.JOB_ATTEMPTS,
            ),
            state=Job.State.RUNNING,
            stage="",
            percent=0,
            attempt=F("attempt") + 1,
            lease_token=token,
            lease_until=_lease_end(),
            started_at=Now(),
        )
        if not claimed:
            Job.objects.queued().filter(pk=job_id).update(dispatched_at=None)
            return None
        _announce_on_commit(job_id, moved=True)
        return Job.objects.get(pk=job_id, lease_token=token)


def job_renew(*, job: Job) -> bool:
    """Lengthen the lease; False where this worker no longer holds it."""
    return bool(Job.objects.held_by(job).update(lease_until=_lease_end()))


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
    written = _write(
        held.filter(cancel_requested=False),
        stage=stage[:60],
        percent=Greatest(F("percent"), Value(percent)),
    )
    if not written:
        raise JobCancelled if held.exists() else LeaseLost
    _announce_on_commit(job.pk)


def job_finish(*, job: Job, outcome: Outcome) -> None:
    """End the job as done and store its result, both or neither.

    Raises:
        JobCancelled, LeaseLost: as for `job_progress`; nothing was stored.
    """
    with files_roll_back(), transaction.atomic():
        held = Job.objects.held_by(job)
        finished = _write(
            held.filter(cancel_requested=False),
            percent=100,
            engine=outcome.engine,
            figures=dict(outcome.figures),
            timings_ms=dict(outcome.timings_ms),
            **_ended(Job.State.DONE),
            **_NO_LEASE,
        )
        if not finished:
            raise JobCancelled if held.exists() else LeaseLost
        if outcome.save is not None:
            Job.objects.filter(pk=job.pk).update(result=outcome.save())
        _announce_on_commit(job.pk)
        _dispatch_on_commit(job.owner_id)


def job_fail(*, job: Job, code: str, sentence: str, way_on: str = "") -> bool:
    """End the job as failed, with a reason its owner can read; False if the lease was lost."""
    return _job_end(job, Job.State.FAILED, code, sentence, way_on)


def job_block(*, job: Job, code: str, sentence: str, way_on: str = "") -> bool:
    """End the job as one that may not be done; False if the lease was lost."""
    return _job_end(job, Job.State.BLOCKED, code, sentence, way_on)


def job_stop(*, job: Job) -> bool:
    """End the job as cancelled, as its owner asked; False if the lease was lost."""
    return _job_end(job, Job.State.CANCELLED)


def job_release(*, job: Job, counted: bool = True) -> bool:
    """Give the job back for another attempt; False if the lease was lost.

    Where the attempt is ``counted`` (a fault that may pass), the next one waits a little and the
    last one ends the job. It is not where the worker merely stops.
    """
    delay = BACKOFF * 2 ** (job.attempt - 1) if counted else timedelta(0)
    return _give_back(Job.objects.held_by(job), counted=counted, delay=delay)


# --- what the clock does ----------------------------------------------------------------------
def jobs_reap() -> int:
    """Take back the jobs whose lease has run out; returns how many."""
    expired = list(Job.objects.expired())
    return sum(
        _give_back(Job.objects.expired().filter(pk=job.pk, lease_token=job.lease_token))
        for job in expired
    )


def jobs_dispatch() -> int:
    """Send what should be at the broker and is not; returns how many messages were sent.

    That is a queued job whose time has come, or whose first sending failed, or whose message the
    broker lost. Messages are presumed lost only as far as the broker holds fewer of them than were
    sent, so that a long queue or a stopped worker never breeds duplicates.
    """
    owners = (
        Job.objects.undispatched()
        .order_by()
        .values("owner_id")
        .annotate(oldest=Min("queued_at"))
        .order_by("oldest")
        .values_list("owner_id", flat=True)
    )
    sent = sum(_dispatch(owner_id) for owner_id in list(owners))
    return sent + _resend_lost()


def _resend_lost() -> int:
    stale = Job.objects.dispatched().filter(dispatched_at__lt=Now() - RESEND_AFTER)
    if not stale.exists():
        return 0
    try:
        waiting = broker.depth()
    # The broker's client raises many things; while it is away nothing can be sent anyhow.
    except Exception as error:
        logger.warning("the broker cannot be asked (%s)", type(error).__name__)
        return 0
    missing = Job.objects.dispatched().count() - waiting
    if missing <= 0:
        return 0
    lost = list(stale.order_by("dispatched_at").values_list("pk", flat=True)[:missing])
    Job.objects.dispatched().filter(pk__in=lost).update(dispatched_at=Now())
    return _send(lost)


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


# --- the parts --------------------------------------------------------------------------------
def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


def _error(code: str = "", sentence: str = "", way_on: str = "") -> dict[str, Any]:
    return {
        "error_code": code[:40],
        "error_text": sentence[:300],
        "error_way_on": way_on[:300],
    }


def _ended(state: Job.State) -> dict[str, Any]:
    return {"state": state, "stage": "", "finished_at": Now()}


def _write(rows: QuerySet[Job], **values: Any) -> int:
    """Change what a page shows, so that its version grows too."""
    return rows.update(version=F("version") + 1, **values)


def _lock_owner(owner_id: Any) -> None:
    """Make whatever counts this person's jobs happen one after the other."""
    people = get_user_model()._default_manager
    people.select_for_update(no_key=True).filter(pk=owner_id).values("pk").first()


def _admit(owner_id: Any) -> None:
    # Read anew under the row's lock: who is in the middle of a request may have been frozen in it.
    if not get_user_model()._default_manager.get(pk=owner_id).may_make:
        raise AccountFrozen
    limit = settings.JOBS_QUEUED_PER_PERSON
    if Job.objects.queued().filter(owner_id=owner_id).count() >= limit:
        raise TooManyJobs(limit)


def _job_end(
    job: Job, state: Job.State, code: str = "", sentence: str = "", way_on: str = ""
) -> bool:
    with transaction.atomic():
        ended = _write(
            Job.objects.held_by(job), **_ended(state), **_error(code, sentence, way_on), **_NO_LEASE
        )
        if ended:
            _announce_on_commit(job.pk)
            _dispatch_on_commit(job.owner_id)
    return bool(ended)


def _give_back(
    held: QuerySet[Job], *, counted: bool = True, delay: timedelta = timedelta(0)
) -> bool:
    """Put a running job back into the queue, or end it where that is due."""
    with transaction.atomic():
        job = held.select_for_update().first()
        if job is None:
            return False
        row = Job.objects.filter(pk=job.pk)
        if job.cancel_requested:
            _write(row, **_ended(Job.State.CANCELLED), **_NO_LEASE)
        elif counted and job.attempt >= settings.JOB_ATTEMPTS:
            error = _error(
                "too_many_attempts",
                f"The work stopped unexpectedly {job.attempt} times, so we gave up.",
                "Try once more, or try with another photo.",
            )
            _write(row, **_ended(Job.State.FAILED), **error, **_NO_LEASE)
            logger.error("job %s failed: attempts used up", job.pk)
        else:
            _write(
                row,
                state=Job.State.QUEUED,
                stage="",
                percent=0,
                attempt=job.attempt if counted else job.attempt - 1,
                dispatched_at=None,
                not_before=Now() + delay if delay else None,
                started_at=None,
                **_NO_LEASE,
            )
        _announce_on_commit(job.pk)
        _dispatch_on_commit(job.owner_id)
    return True


def _dispatch(owner_id: Any) -> int:
    """Send as many of a person's oldest queued jobs as their share of the broker allows."""
    with transaction.atomic():
        _lock_owner(owner_id)
        theirs = Job.objects.filter(owner_id=owner_id)
        outstanding = theirs.running().count() + theirs.dispatched().count()
        free = settings.JOBS_RUNNING_PER_PERSON - outstanding
        if free <= 0:
            return 0
        due = theirs.undispatched().order_by("queued_at", "pk").values_list("pk", flat=True)
        chosen = list(due[:free])
        theirs.undispatched().filter(pk__in=chosen).update(dispatched_at=Now())
    return _send(chosen)


def _send(job_ids: Iterable[UUID]) -> int:
    """Send messages; those that cannot be sent count as not dispatched, for the next sweep."""
    unsent = list(job_ids)
    sent = 0
    while unsent:
        try:
            broker.send(unsent[0])
        # Whatever the client raises: the rows stay queued and the request that brought us here,
        # whose work is committed, must not fail.
        except Exception as error:
            logger.warning("%d jobs could not be sent (%s)", len(unsent), type(error).__name__)
            Job.objects.dispatched().filter(pk__in=unsent).update(dispatched_at=None)
            break
        unsent.pop(0)
        sent += 1
    return sent


def _dispatch_on_commit(owner_id: Any) -> None:
    """What was written freed or filled a place: see who is next, and tell those who wait."""

    def dispatch() -> None:
        _dispatch(owner_id)
        progress.nudge_queue()

    transaction.on_commit(dispatch, robust=True)


def _announce_on_commit(job_id: UUID, *, moved: bool = False) -> None:
    transaction.on_commit(partial(_announce, job_id, moved), robust=True)


def _announce(job_id: UUID, moved: bool) -> None:
    version = Job.objects.filter(pk=job_id).values_list("version", flat=True).first()
    if version is not None:
        progress.nudge(job_id, version)
    if moved:
        progress.nudge_queue()
