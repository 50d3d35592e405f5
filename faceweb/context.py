"""What every template may show."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Limits that pages put into words, where the source can be had."""
    return {
        "upload_max_mb": settings.UPLOAD_MAX_MB,
        "upload_max_megapixels": settings.UPLOAD_MAX_MEGAPIXELS,
        "source_url": settings.SOURCE_URL,
    }
