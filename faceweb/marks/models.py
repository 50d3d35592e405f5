"""The registry: what was made here, known again by its id or by its looks."""

from django.db import models


class MarkedResult(models.Model):
    """One result that was made here, without its pixels and without a person.

    It outlives the photo, so that a copy found somewhere can still be told to come from here.

    - ``mark_id`` is the 64-bit number in the imperceptible watermark, as 16 hex digits.
    - ``pdq`` and ``pdq_badged`` are the perceptual hashes of the result without and with the
      visible badge, 64 hex digits each.
    - ``kind`` and ``engine`` say what was done, and ``made_at`` when; ``steps`` lists every edit
      that led here, the oldest first, as `credentials.Step` gives it.
    """

    mark_id = models.CharField(max_length=16, unique=True)
    pdq = models.CharField(max_length=64)
    pdq_badged = models.CharField(max_length=64)
    pdq_quality = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10)
    engine = models.CharField(max_length=40, blank=True)
    steps = models.JSONField(default=list, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    photo = models.OneToOneField(
        "media.Asset", null=True, on_delete=models.SET_NULL, related_name="mark"
    )

    class Meta:
        ordering = ("-made_at", "-pk")

    def __str__(self) -> str:
        return f"{self.kind} {self.mark_id}"
