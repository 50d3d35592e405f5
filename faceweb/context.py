"""What every template may show."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from faceweb.media.media_types import ACCEPTED, FORMATS_IN_WORDS


def site(request: HttpRequest) -> dict[str, Any]:
    """Limits that pages put into words, where the source can be had."""
    return {
        "upload_max_mb": settings.UPLOAD_MAX_MB,
        "upload_accept": ACCEPTED,
        "upload_formats": FORMATS_IN_WORDS,
        "upload_max_megapixels": settings.UPLOAD_MAX_MEGAPIXELS,
        "source_url": settings.SOURCE_URL,
    }
