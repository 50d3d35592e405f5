"""What every template may show."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def site(request: HttpRequest) -> dict[str, Any]:
    """Limits that pages put into words, where the source can be had, what is switched off."""
    return {
        "upload_max_mb": settings.UPLOAD_MAX_MB,
        "upload_max_megapixels": settings.UPLOAD_MAX_MEGAPIXELS,
        "source_url": settings.SOURCE_URL,
        "screening_is_off": settings.SCREENING == "off",
    }


def standing(request: HttpRequest) -> dict[str, Any]:
    """What the person may not do at present, from their own row, which every page reads anyhow."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    off = user.sharing_off_until
    return {
        "account_frozen": user.frozen_at is not None,
        "sharing_off_until": off if off is not None and off > timezone.now() else None,
    }
