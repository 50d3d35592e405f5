"""Jobs: units of work. The row is the truth; messages only say where to look."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse


class JobQuerySet(models.QuerySet["Job"]):
    def for_user(self, user: object) -> "JobQuerySet":
        """What this person may see: their own. Everybody else's does not exist for them."""
        return self.filter(owner_id=getattr(user, "pk", None))

    def queued(self) -> "JobQuerySet":
        return self.filter(state=Job.State.QUEUED)

    def running(self) -> "JobQuerySet":
        return self.filter(state=Job.State.RUNNING)

    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=Job.UNFINISHED)

    def dispatched(self) -> "JobQuerySet":
        """Queued, and a message is believed to be at the broker."""
        return self.queued().filter(dispatched_at__isnull=False)

    def undispatched(self) -> "JobQuerySet":
        """Queued, due, and waiting for a message to be sent."""
        return self.queued().filter(
            models.Q(not_before=None) | models.Q(not_before__lte=Now()), dispatched_at=None
        )

    def held_by(self, job: "Job") -> "JobQuerySet":
        """The row of ``job`` while the claim that ``job`` was read under still holds it."""
        return self.running().filter(pk=job.pk, lease_token=job.lease_token)

    def expired(self) -> "JobQuerySet":
        """Claimed by a worker that has not renewed its lease, by the database's clock."""
        return self.running().filter(lease_until__lt=Now())


class Job(models.Model):
    """One unit of work for one person.

    Only `faceweb.work.services` changes a row, each time by a conditional UPDATE or under the
    row's lock: what is read first may be old by the time it is written. Times that are compared
    come from the database's clock, so that machines need not agree on theirs.

    - ``version`` grows with every visible change, so that a page can tell newer from older.
    - ``dispatched_at`` is set while a message for the job is believed to be at the broker.
    - ``not_before`` delays the next message after a fault that may pass.
    - ``lease_token`` names one claim by one worker; whoever holds another token holds nothing.
    - ``attempt`` is counted before work starts, so that one which kills its worker counts too.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "working"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"
        BLOCKED = "blocked", "blocked"

    UNFINISHED: ClassVar[tuple[str, ...]] = (State.QUEUED, State.RUNNING)
    RETRYABLE: ClassVar[tuple[str, ...]] = (State.FAILED, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs"
    )
    kind = models.CharField(max_length=20)
    recipe = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=60, blank=True, help_text="In plain words, for the page.")
    percent = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)

    dispatched_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=300, blank=True)
    error_way_on = models.CharField(max_length=300, blank=True)
    result = models.OneToOneField(
        "media.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="job"
    )
    engine = models.CharField(max_length=40, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    timings_ms = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[JobQuerySet] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("state", "queued_at"), name="job_state_queued"),
            models.Index(fields=("owner", "state"), name="job_owner_state"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.state not in self.UNFINISHED

    @property
    def can_cancel(self) -> bool:
        return not self.is_finished and not self.cancel_requested

    @property
    def can_retry(self) -> bool:
        return self.state in self.RETRYABLE
