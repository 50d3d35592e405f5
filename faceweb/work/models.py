"""Jobs: units of work. The row is the truth; messages only say where to look."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse

from faceweb.core.durable.models import DurableQuerySet, DurableRow


class JobQuerySet(DurableQuerySet["Job"]):
    def for_user(self, user: object) -> "JobQuerySet":
        """What this person may see: their own. Everybody else's does not exist for them."""
        return self.filter(owner_id=getattr(user, "pk", None))


class Job(DurableRow):
    """One unit of work for one person.

    Only `faceweb.work.services` and its queue change a row. ``version`` grows with every visible
    change, so that a page can tell newer from older.
    """

    class Made(models.TextChoices):
        PICTURE = "picture", "a picture"
        NOTHING = "nothing", "no picture, for a reason"

    RETRYABLE: ClassVar[tuple[str, ...]] = (DurableRow.State.FAILED, DurableRow.State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs"
    )
    kind = models.CharField(max_length=20)
    recipe = models.JSONField()
    stage_key = models.CharField(max_length=40, blank=True, help_text="A code of the catalogue.")
    percent = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    phase = models.PositiveSmallIntegerField(
        default=0, help_text="Whose parts are at work or were last; 0 for a job without parts."
    )
    progressed_at = models.DateTimeField(null=True, blank=True)
    request_key = models.CharField(
        max_length=64, blank=True, help_text="Of a form's one-time key and what it asked for."
    )
    cancel_requested = models.BooleanField(default=False)

    error_code = models.CharField(max_length=40, blank=True)
    error_params = models.JSONField(default=dict, blank=True)
    result = models.OneToOneField(
        "media.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="job"
    )
    made = models.CharField(
        max_length=10, choices=Made, blank=True, help_text="What a job that is done has made."
    )
    engine = models.CharField(max_length=40, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    timings_ms = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[JobQuerySet] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "request_key"),
                name="job_once_a_request",
                condition=~models.Q(request_key=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.pk])

    @property
    def can_cancel(self) -> bool:
        return not self.is_finished and not self.cancel_requested

    @property
    def reason(self) -> dict[str, Any] | None:
        """Why it ended, for the filters that make words of codes; None where it has no reason."""
        if not self.error_code:
            return None
        return {"code": self.error_code, "params": self.error_params}

    @property
    def can_retry(self) -> bool:
        return self.state in self.RETRYABLE


class JobPart(DurableRow):
    """One of the pieces that a long job is worked on in, by any worker.

    Parts of one phase are worked on at the same time; whoever ends the last of a phase starts the
    next. Only `faceweb.work.parts` changes a row. ``what`` and ``made`` belong to the job's kind.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="parts")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    phase = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    what = models.JSONField(default=dict)
    made = models.JSONField(default=dict, blank=True)
    weight = models.PositiveIntegerField(default=1)
    percent = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[DurableQuerySet["JobPart"]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        ordering = ("phase", "number")
        constraints = (
            models.UniqueConstraint(fields=("job", "phase", "number"), name="job_part_once"),
        )

    def __str__(self) -> str:
        return f"part {self.phase}.{self.number} of {self.job_id}"


class Preview(DurableRow):
    """One question that somebody at a page waits for; see `faceweb.work.previews`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    topic = models.CharField(max_length=80)
    question = models.JSONField(default=dict, help_text="Empty once the preview has ended.")

    objects: ClassVar[DurableQuerySet["Preview"]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        pass

    def __str__(self) -> str:
        return f"preview {self.pk}"
