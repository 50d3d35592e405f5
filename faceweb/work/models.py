"""Jobs: units of work. The row is the truth; messages only say where to look."""

import uuid
from typing import ClassVar

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
    cancel_requested = models.BooleanField(default=False)

    error_code = models.CharField(max_length=40, blank=True)
    error_params = models.JSONField(default=dict, blank=True)
    result = models.OneToOneField(
        "media.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="job"
    )
    engine = models.CharField(max_length=40, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    timings_ms = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[JobQuerySet] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.pk])

    @property
    def can_cancel(self) -> bool:
        return not self.is_finished and not self.cancel_requested

    @property
    def can_retry(self) -> bool:
        return self.state in self.RETRYABLE


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
