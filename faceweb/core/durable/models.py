"""What every row of durable work has."""

from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now

RowT = TypeVar("RowT", bound="DurableRow")


class DurableQuerySet(models.QuerySet[RowT]):
    """The rows of one queue by where they are on their way."""

    def queued(self) -> Self:
        """Waiting for a worker, sent or not."""
        return self.filter(state=DurableRow.State.QUEUED)

    def running(self) -> Self:
        """At work."""
        return self.filter(state=DurableRow.State.RUNNING)

    def unfinished(self) -> Self:
        """Waiting or at work."""
        return self.filter(state__in=DurableRow.UNFINISHED)

    def dispatched(self) -> Self:
        """Queued, and a message is believed to be at the broker."""
        return self.queued().filter(dispatched_at__isnull=False)

    def undispatched(self) -> Self:
        """Queued, due, and waiting for a message to be sent."""
        return self.queued().filter(
            models.Q(not_before=None) | models.Q(not_before__lte=Now()), dispatched_at=None
        )

    def held_by(self, row: RowT) -> Self:
        """``row`` while the claim that it was read under still holds it."""
        return self.running().filter(pk=row.pk, lease_token=row.lease_token)

    def expired(self) -> Self:
        """Claimed by a worker that has not renewed its lease, by the database's clock."""
        return self.running().filter(lease_until__lt=Now())


class DurableRow(models.Model):
    """One piece of work that a worker claims, for one person or, without an owner, for the site.

    Only a queue changes a row, each time by a conditional UPDATE or under the row's lock: what is
    read first may be old by the time it is written. Times that are compared come from the
    database's clock, so that machines need not agree on theirs.

    - ``attempt`` is counted before work starts, so that one which kills its worker counts too.
    - ``expected_ms`` is how long the work is believed to take; fairness is reckoned by it.
    - ``dispatched_at`` is set while a message for the row is believed to be at the broker.
    - ``not_before`` delays the next message after a fault that may pass.
    - ``lease_token`` names one claim by one worker; whoever holds another token holds nothing.

    A subclass adds ``owner``, a foreign key to the user that may be null.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "working"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"
        BLOCKED = "blocked", "blocked"

    UNFINISHED: ClassVar[tuple[str, ...]] = (State.QUEUED, State.RUNNING)

    owner_id: Any

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    expected_ms = models.PositiveIntegerField(default=1000)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        indexes = (
            models.Index(fields=("state", "queued_at"), name="%(class)s_state_queued"),
            models.Index(fields=("state", "finished_at"), name="%(class)s_state_finished"),
            models.Index(fields=("owner", "state"), name="%(class)s_owner_state"),
        )

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state not in self.UNFINISHED
