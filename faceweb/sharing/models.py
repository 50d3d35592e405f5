"""Links to results that strangers may open."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def for_user(self, user: object) -> "ShareLinkQuerySet":
        """What this person may see: their own. Everybody else's does not exist for them."""
        return self.filter(owner_id=getattr(user, "pk", None))


class ShareLink(models.Model):
    """One link to one result. Whoever has its token may look; the token itself is never stored.

    - ``token_sha256`` is the digest in hex of the token in the address.
    - ``password`` is a hash as Django makes them, or empty.
    - ``expires_at`` None means never, where the operator allows it.
    - ``max_views`` 0 means any number.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="share_links"
    )
    photo = models.ForeignKey("gallery.Photo", on_delete=models.CASCADE, related_name="share_links")
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

    def __str__(self) -> str:
        return f"link {self.pk}"
