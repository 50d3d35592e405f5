"""What the frame of every page shows of moderation: its pages, and what concerns whoever asks."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from faceweb.core.frame import FrameLink, link_register, notice_register
from faceweb.media import panels
from faceweb.sharing import complaints


def _standing(request: HttpRequest) -> dict[str, Any] | None:
    """What the person may not do at present, from their own row, which every page reads anyhow."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    off = user.sharing_off_until
    found = {
        "account_frozen": user.frozen_at is not None,
        "sharing_off_until": off if off is not None and off > timezone.now() else None,
    }
    return found if any(found.values()) else None


def _screening(request: HttpRequest) -> dict[str, Any] | None:
    return {} if settings.SCREENING == "off" else None


def register() -> None:
    """Called once, when the app is ready."""
    link_register(
        FrameLink("account", _("My standing"), "standing", 40),
        FrameLink("account", _("Administration"), "admin:index", 90, is_for_staff=True),
        FrameLink("foot", _("Have a picture removed"), "takedown", 20),
        FrameLink("foot", _("Protect your face"), "protect_face", 30),
    )
    notice_register("moderation/_restrictions.html", _standing)
    notice_register("moderation/_screening_off.html", _screening)
    panels.appeal_register(lambda photo: reverse("appeal_photo", args=[photo.pk]))
    complaints.register(lambda token: reverse("report", args=[token]))
