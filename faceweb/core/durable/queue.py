"""Every change a row of durable work can go through, for all sorts of rows.

Each is one conditional UPDATE, or a change under the row's lock, so that messages may be doubled
or lost and workers may die at any line. Where a person's row is locked too, it is locked first.
SQLite has no row locks and needs none: its transactions begin IMMEDIATE and exclude each other.

Fairness: messages are served first in, first out, and of one person only so many expected seconds
of work are at the broker at once; the next of theirs is sent, to the end of the line, when a worker
takes one. However much one person queues, everybody else's first waits behind a few seconds of it.
"""

import logging
import math
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Generic, cast
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Avg, Count, ExpressionWrapper, F, Min, QuerySet, Subquery, Sum
from django.db.models import DurationField as Duration
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThan

from faceweb.core.durable import broker
from faceweb.core.durable.models import DurableQuerySet, DurableRow, RowT

logger = logging.getLogger(__name__)

# A message still unread after this may be lost; before it, it is merely on its way.
RESEND_AFTER = timedelta(seconds=10)
# The cost of a kind is learned from so many of its last runs, and looked up anew after so long.
LEARNED_FROM = 20
LEARNED_AT_LEAST = 5
LEARNED_FOR_SECONDS = 60.0
# While too few have run to learn from, it is looked up sooner.
DECLARED_FOR_SECONDS = 5.0
# Of one person's rows no more are looked at in one go.
_DISPATCH_BATCH = 50

NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_until": None}

_State = DurableRow.State


class DurableQueue(Generic[RowT]):
    """One sort of durable work: its rows and their limits.

    Subclasses set ``model`` and ``task`` (the Celery task that hands a row's id and what is to be
    done to `faceweb.core.durable.running.row_work`). The hooks `written`, `fresh`, `ending`,
    `changed`, `moved` and `give_up` let them add what their rows need to each change.
    """

    task: ClassVar[str]
    model: type[RowT]

    # How long one takes, where nothing has been learned yet.
    declared_seconds: ClassVar[float] = 1.0
    # The pause before another attempt after a fault that may pass; it doubles with each attempt.
    pause: ClassVar[timedelta] = timedelta(seconds=5)
    longest_pause: ClassVar[timedelta] = timedelta(hours=1)

    def __init__(self) -> None:
        self._learned: dict[str, tuple[float, int]] = {}

    # --- what a sort of work says of itself ---------------------------------------------------
    def attempts(self) -> int:
        """How often one row is tried before it is given up."""
        return int(settings.JOB_ATTEMPTS)

    def lease_seconds(self) -> float:
        """A worker renews its lease every third of this; the reaper takes an unrenewed row back."""
        return float(settings.JOB_LEASE_SECONDS)

    def limit_seconds(self) -> float:
        """How long one row may be at work."""
        return float(settings.JOB_TIME_LIMIT_SECONDS)

    def running_per_person(self) -> int | None:
        """How many of one person's rows may be at work or at the broker; None for any number."""
        return None

    def seconds_per_person(self) -> float:
        """How many expected seconds of one person's work may lie at the broker.

        One row may lie there whatever it is expected to take.
        """
        return float(settings.BROKER_SECONDS_PER_PERSON)

    def written(self) -> dict[str, Any]:
        """Columns that change with every change that a page shows."""
        return {}

    def fresh(self) -> dict[str, Any]:
        """Columns that are as at the beginning whenever a row is queued again or claimed."""
        return {}

    def changed(self, row_id: Any) -> None:
        """A row was changed; called inside the transaction that did it."""

    def moved(self) -> None:
        """Who is next may have changed; called after the transaction that did it."""

    def give_up(self, row: RowT) -> None:
        """End a row whose attempts are used up; called inside a transaction, with its lock."""
        self.write(self.rows().filter(pk=row.pk), **self.ending(_State.FAILED))

    def is_cancelled(self, row: RowT) -> bool:
        """Whether a row that is given back is not wanted any more."""
        return False

    # --- rows ---------------------------------------------------------------------------------
    def rows(self) -> DurableQuerySet[RowT]:
        """All rows of this queue."""
        return cast(DurableQuerySet[RowT], cast(Any, self.model).objects.all())

    def claimable(self) -> "QuerySet[RowT]":
        """The rows a worker may take."""
        return self.rows().queued()

    def due(self) -> "QuerySet[RowT]":
        """The rows a message should be sent for."""
        return self.rows().undispatched()

    def write(self, rows: "QuerySet[RowT]", **values: Any) -> int:
        """Change what a page shows; returns how many rows were."""
        return rows.update(**self.written(), **values)

    def ending(self, state: str) -> dict[str, Any]:
        """The columns of a row that ends as ``state``."""
        return {"state": state, "finished_at": Now(), "dispatched_at": None, **NO_LEASE}

    def queueing(self, *, pause: timedelta = timedelta(0)) -> dict[str, Any]:
        """The columns of a row that waits again."""
        return {
            "state": _State.QUEUED,
            "dispatched_at": None,
            "not_before": Now() + pause if pause else None,
            "started_at": None,
            **NO_LEASE,
            **self.fresh(),
        }

    def lease_end(self) -> Any:
        """When a lease that begins now ends, by the database's clock."""
        return Now() + timedelta(seconds=self.lease_seconds())

    def expected_ms(self, **alike: Any) -> int:
        """How long a row takes, as those that are ``alike`` (by columns) lately took."""
        key = repr(sorted(alike.items()))
        good_until, known = self._learned.get(key, (-math.inf, 0))
        now = time.monotonic()
        if now >= good_until:
            learned = self._learn(alike)
            known = round(1000 * self.declared_seconds) if learned is None else learned
            keep = DECLARED_FOR_SECONDS if learned is None else LEARNED_FOR_SECONDS
            self._learned[key] = (now + keep, known)
        return known

    def forget_learned(self) -> None:
        """Look up anew what rows take."""
        self._learned.clear()

    def _learn(self, alike: dict[str, Any]) -> int | None:
        done = self.rows().filter(state=_State.DONE, started_at__isnull=False, **alike)
        last = done.order_by("-finished_at").values("pk")[:LEARNED_FROM]
        took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=Duration())
        # Its ids first: neither database may limit a subquery that is averaged over everywhere.
        found = self.rows().filter(pk__in=[row["pk"] for row in last])
        learned = found.aggregate(number=Count("pk"), mean=Avg(took))
        if learned["number"] < LEARNED_AT_LEAST:
            return None
        return max(round(1000 * learned["mean"].total_seconds()), 1)

    # --- what workers do ----------------------------------------------------------------------
    def claim(self, row_id: Any) -> RowT | None:
        """Take a queued row for this worker, count the attempt and start its lease.

        Returns None where there is nothing to take: the row is gone, running or finished, its
        attempts are used up, which ends it, or its owner has as many at work as one may. In the
        last case it is sent again later.
        """
        with transaction.atomic():
            found = self.claimable().filter(pk=row_id).values_list("owner_id", flat=True)[:1]
            if not found:
                # A message for what may not be taken yet is one that is not at the broker any more.
                self._message_spent(row_id)
                return None
            owner_id = found[0]
            token = uuid4()
            claimed = self.write(
                self._within_share(owner_id).filter(pk=row_id, attempt__lt=self.attempts()),
                state=_State.RUNNING,
                attempt=F("attempt") + 1,
                dispatched_at=None,
                lease_token=token,
                lease_until=self.lease_end(),
                started_at=Now(),
                **self.fresh(),
            )
            if not claimed:
                self._message_spent(row_id)
                return None
            self.changed(row_id)
            self.dispatch_on_commit(owner_id)
            return self.rows().get(pk=row_id, lease_token=token)

    def insert_claimed(self, row: RowT) -> RowT:
        """Keep a new row that this worker goes on with at once, as if it had claimed it."""
        row.state = _State.RUNNING
        row.attempt = 1
        row.lease_token = uuid4()
        row.lease_until = self.lease_end()
        row.started_at = Now()
        row.save(force_insert=True)
        return self.rows().get(pk=row.pk)

    def _within_share(self, owner_id: Any) -> "QuerySet[RowT]":
        """The claimable rows, none where their owner has as many at work as one may."""
        limit = self.running_per_person()
        if limit is None:
            return self.claimable()
        owner_lock(owner_id)
        at_work = (
            self.rows()
            .running()
            .filter(owner_id=owner_id)
            .order_by()
            .values("owner_id")
            .annotate(number=Count("pk"))
            .values("number")
        )
        return self.claimable().filter(LessThan(Coalesce(Subquery(at_work), 0), limit))

    def _message_spent(self, row_id: Any) -> None:
        """A message was read and its row not taken: it must be sent again, or come to its end."""
        row = self.rows().queued().select_for_update().filter(pk=row_id).first()
        if row is None:
            return
        if row.attempt >= self.attempts():
            # The limit was lowered since: without an end it would be sent again for ever.
            self._give_up(row)
        else:
            self.rows().filter(pk=row_id).update(dispatched_at=None)

    def renew(self, row: RowT) -> bool:
        """Lengthen the lease; False where this worker no longer holds it."""
        return bool(self.rows().held_by(row).update(lease_until=self.lease_end()))

    def end(self, row: RowT, state: str, **values: Any) -> bool:
        """End a row that this worker holds; False, and nothing changed, if the lease was lost."""
        with transaction.atomic():
            ended = self.write(self.rows().held_by(row), **self.ending(state), **values)
            if ended:
                self.changed(row.pk)
                self.dispatch_on_commit(row.owner_id)
        return bool(ended)

    def release(self, row: RowT, *, counted: bool = True) -> bool:
        """Give a row back for another attempt; False if the lease was lost.

        Where the attempt is ``counted`` (a fault that may pass), the next one waits a little and
        the last one ends the row. It is not where the worker merely stops.
        """
        pause = min(self.pause * 2 ** min(row.attempt - 1, 20), self.longest_pause)
        held = self.rows().held_by(row)
        return self.give_back(held, counted=counted, pause=pause if counted else timedelta(0))

    def give_back(
        self,
        held: "QuerySet[RowT]",
        *,
        counted: bool = True,
        pause: timedelta = timedelta(0),
    ) -> bool:
        """Put the running row of ``held`` back into the queue, or end it where that is due."""
        with transaction.atomic():
            row = held.select_for_update().first()
            if row is None:
                return False
            here = self.rows().filter(pk=row.pk)
            if self.is_cancelled(row):
                self.write(here, **self.ending(_State.CANCELLED))
            elif counted and row.attempt >= self.attempts():
                self._give_up(row)
            else:
                attempt = row.attempt if counted else row.attempt - 1
                self.write(here, attempt=attempt, **self.queueing(pause=pause))
            self.changed(row.pk)
            self.dispatch_on_commit(row.owner_id)
        return True

    def _give_up(self, row: RowT) -> None:
        logger.error("%s: its %d attempts are used up", row, row.attempt)
        self.give_up(row)
        self.changed(row.pk)

    # --- what the clock does ------------------------------------------------------------------
    def reap(self) -> int:
        """Take back the rows whose lease has run out; returns how many."""
        expired = list(self.rows().expired())
        return sum(
            self.give_back(self.rows().expired().filter(pk=row.pk, lease_token=row.lease_token))
            for row in expired
        )

    def dispatch_due(self) -> int:
        """Send what should be at the broker and is not; returns how many messages were sent.

        That is a queued row whose time has come, or whose first sending failed, or whose message
        the broker lost. Messages are presumed lost only as far as the broker holds fewer of them
        than were sent, so that a long queue or a stopped worker never breeds duplicates.
        """
        owners = (
            self.due()
            .order_by()
            .values("owner_id")
            .annotate(oldest=Min("queued_at"))
            .order_by("oldest")
            .values_list("owner_id", flat=True)
        )
        sent = sum(self.dispatch(owner_id) for owner_id in list(owners))
        return sent + self._resend_lost()

    def _resend_lost(self) -> int:
        dispatched = self.rows().dispatched()
        stale = dispatched.filter(dispatched_at__lt=Now() - RESEND_AFTER)
        if not stale.exists():
            return 0
        try:
            waiting = broker.depth(self.task)
        # The broker's client raises many things; while it is away nothing can be sent anyhow.
        except Exception as error:
            logger.warning("the broker cannot be asked (%s)", type(error).__name__)
            return 0
        missing = dispatched.count() - waiting
        if missing <= 0:
            return 0
        lost = list(stale.order_by("dispatched_at").values_list("pk", flat=True)[:missing])
        self.rows().dispatched().filter(pk__in=lost).update(dispatched_at=Now())
        return self._send(lost)

    # --- sending ------------------------------------------------------------------------------
    def dispatch(self, owner_id: Any) -> int:
        """Send as many of a person's oldest queued rows as their share of the broker allows."""
        with transaction.atomic():
            owner_lock(owner_id)
            chosen = self._next(owner_id)
            self.due().filter(pk__in=chosen).update(dispatched_at=Now())
        return self._send(chosen)

    def _next(self, owner_id: Any) -> list[Any]:
        theirs = self.rows().filter(owner_id=owner_id)
        sent = theirs.dispatched().aggregate(number=Count("pk"), ms=Sum("expected_ms"))
        share = Share(sent["number"], sent["ms"] or 0, round(1000 * self.seconds_per_person()))
        limit = self.running_per_person()
        places = _DISPATCH_BATCH
        if limit is not None:
            places = min(places, limit - theirs.running().count() - sent["number"])
        if places <= 0:
            return []
        waiting = self.due().filter(owner_id=owner_id).order_by("queued_at", "pk")
        chosen = []
        for row_id, expected_ms in waiting.values_list("pk", "expected_ms")[:places]:
            if not share.take(expected_ms):
                break
            chosen.append(row_id)
        return chosen

    def _send(self, row_ids: Iterable[Any]) -> int:
        """Send messages; those that cannot be sent count as not dispatched, for the next sweep."""
        unsent = list(row_ids)
        sent = 0
        while unsent:
            try:
                broker.send(self.task, unsent[0])
            # Whatever the client raises: the rows stay queued and the request that brought us here,
            # whose work is committed, must not fail.
            except Exception as error:
                logger.warning(
                    "%d messages could not be sent (%s)", len(unsent), type(error).__name__
                )
                self.rows().dispatched().filter(pk__in=unsent).update(dispatched_at=None)
                break
            unsent.pop(0)
            sent += 1
        return sent

    def dispatch_on_commit(self, owner_id: Any) -> None:
        """What was written freed or filled a place: see who is next, and tell those who wait."""
        transaction.on_commit(partial(self._dispatch_and_tell, owner_id), robust=True)

    def _dispatch_and_tell(self, owner_id: Any) -> None:
        self.dispatch(owner_id)
        self.moved()


class Share:
    """What one person may have at the broker, while rows are taken into it one by one."""

    def __init__(self, number: int, used_ms: int, limit_ms: int) -> None:
        self._number = number
        self._used_ms = used_ms
        self._limit_ms = limit_ms

    def take(self, expected_ms: int) -> bool:
        """Whether a row of ``expected_ms`` finds room; the first one always does."""
        if self._number and self._used_ms + expected_ms > self._limit_ms:
            return False
        self.add(expected_ms)
        return True

    def add(self, expected_ms: int) -> None:
        """A row of ``expected_ms`` is there, room or not."""
        self._number += 1
        self._used_ms += expected_ms

    def free(self, expected_ms: int) -> None:
        """A worker has taken a row of ``expected_ms``."""
        self._number -= 1
        self._used_ms -= expected_ms


def owner_lock(owner_id: Any) -> None:
    """Make whatever counts this person's rows happen one after the other; nobody's need not."""
    if owner_id is not None:
        people = get_user_model()._default_manager
        people.select_for_update(no_key=True).filter(pk=owner_id).values("pk").first()


_queues: list[DurableQueue[Any]] = []


def register(queue: DurableQueue[Any]) -> None:
    """Have the clock look after ``queue``, usually from ``AppConfig.ready``."""
    if queue not in _queues:
        _queues.append(queue)


def registered() -> list[DurableQueue[Any]]:
    """All queues, in the order they were registered."""
    return list(_queues)
