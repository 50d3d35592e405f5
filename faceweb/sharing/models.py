"""Links to results that strangers may open."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def for_user(self, user: object) -> "ShareLinkQuerySet":
        """What this person may see: their own. Everybody else's does not exist for them."""
        return self.filter(owner_id=getattr(user, "pk", None), photo__erased_at=None)

    def unended(self, now: datetime) -> "ShareLinkQuerySet":
        """Neither revoked nor expired, and with views left: those that count as being there."""
        unlimited_or_left = Q(max_views=0) | Q(views__lt=F("max_views"))
        unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
        return self.filter(unlimited_or_left, unexpired, revoked_at=None)


class ShareLink(models.Model):
    """One link to one result. Whoever has its token may look; the token itself is never stored.

    - ``token_sha256`` is the digest in hex of the token in the address.
    - ``password`` is a hash as Django makes them, or empty.
    - ``expires_at`` None means never, where the operator allows it.
    - ``max_views`` 0 means any number.
    - ``note`` is for the owner alone.
    """

    class State(models.TextChoices):
        """What a link is like right now; only ``WORKS`` opens it."""

        WORKS = "works", "works"
        USED_UP = "used_up", "used up"
        EXPIRED = "expired", "expired"
        REVOKED = "revoked", "revoked"
        UNDER_REVIEW = "under_review", "picture under review"
        SHARING_OFF = "sharing_off", "sharing switched off"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="share_links"
    )
    photo = models.ForeignKey("media.Asset", on_delete=models.CASCADE, related_name="share_links")
    token_sha256 = models.CharField(max_length=64, unique=True)
    password = models.CharField(max_length=128, blank=True)
    allow_download = models.BooleanField(default=False)
    show_original = models.BooleanField(default=False)
    show_name = models.BooleanField(default=False)
    note = models.CharField(max_length=200, blank=True)
    max_views = models.PositiveIntegerField(default=0)
    views = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ShareLinkQuerySet] = ShareLinkQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("owner", "-created_at", "-id"), name="sharelink_owner_newest"),
        )

    def __str__(self) -> str:
        return f"link {self.pk}"

    def get_absolute_url(self) -> str:
        """Where its owner looks after it; the address for others is known to nobody but them."""
        return reverse("link", args=[self.pk])

    @property
    def state(self) -> State:
        """What it is like now; reads nothing but this row, its owner's and its photo's."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return self.State.EXPIRED
        if not (self.photo.may_leave and self.photo.is_result):
            return self.State.UNDER_REVIEW
        if not self.owner.may_share:
            return self.State.SHARING_OFF
        if self.max_views and self.views >= self.max_views:
            return self.State.USED_UP
        return self.State.WORKS

    @property
    def ends_with_photo(self) -> bool:
        """Whether its picture is deleted by itself before the link would end."""
        gone_at = self.photo.expires_at
        return gone_at is not None and (self.expires_at is None or gone_at < self.expires_at)
