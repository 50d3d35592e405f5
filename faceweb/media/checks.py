"""System checks of the gallery: what would make uploads or pictures fail at run time."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.files)
def media_root_is_writable(**_: Any) -> list[CheckMessage]:
    """media.E001: pictures, or at least unfinished intakes, are written below MEDIA_ROOT."""
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            "The media folder cannot be written to.",
            hint="Give the user this process runs as write access, or set FACEWEB_MEDIA_ROOT.",
            id="media.E001",
        )
    ]


@register(Tags.files)
def delivery_fits_storage(**_: Any) -> list[CheckMessage]:
    """media.E002 to E004: the way pictures are delivered works with where they lie."""
    on_s3 = settings.STORAGE == "s3"
    location = settings.DELIVERY_ACCEL_LOCATION
    if settings.DELIVERY == "signed" and not on_s3:
        return [
            Error(
                "FACEWEB_DELIVERY=signed needs pictures to be kept in S3.",
                hint="Set FACEWEB_STORAGE=s3, or deliver by 'process' or 'accel'.",
                id="media.E002",
            )
        ]
    if settings.DELIVERY == "accel" and on_s3:
        return [
            Error(
                "FACEWEB_DELIVERY=accel needs pictures to be kept in files.",
                hint="With FACEWEB_STORAGE=s3 deliver by 'signed' or 'process'.",
                id="media.E003",
            )
        ]
    if settings.DELIVERY == "accel" and not (location.startswith("/") and location.endswith("/")):
        return [
            Error(
                "FACEWEB_DELIVERY_ACCEL_LOCATION must begin and end with a slash.",
                hint="It names nginx's internal location whose alias is the media folder.",
                id="media.E004",
            )
        ]
    return []


@register(Tags.compatibility)
def heif_is_supported(**_: Any) -> list[CheckMessage]:
    """media.W001: without pillow-heif an iPhone's own format is refused."""
    if find_spec("pillow_heif") is not None:
        return []
    return [
        Warning(
            "pillow-heif is not installed: HEIC photos are refused.",
            hint="Install the locked requirements.",
            id="media.W001",
        )
    ]


@register(Tags.files)
def media_root_is_not_static(**_: Any) -> list[CheckMessage]:
    """media.E005: a media folder inside the static one would be public."""
    if not settings.STATIC_ROOT:
        return []
    media, static = Path(settings.MEDIA_ROOT).resolve(), Path(settings.STATIC_ROOT).resolve()
    if not media.is_relative_to(static):
        return []
    return [
        Error(
            "The media folder lies inside the static folder, which everybody can read.",
            hint="Set FACEWEB_MEDIA_ROOT to a folder of its own.",
            id="media.E005",
        )
    ]
