"""System checks: settings under which jobs would run twice, stall or hide their progress."""

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from faceweb.core.durable.lease import WATCHDOG_GRACE_SECONDS


@register
def check_jobs(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> list[CheckMessage]:
    """work.E001, jobs.E002, jobs.W001, jobs.W002."""
    found: list[CheckMessage] = []
    longest = settings.JOB_TIME_LIMIT_SECONDS + WATCHDOG_GRACE_SECONDS
    if settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 3600) <= longest:
        found.append(
            Error(
                "The broker hands out a job's message again while the job may still be at work.",
                hint="Set visibility_timeout well above FACEWEB_JOB_TIME_LIMIT_SECONDS.",
                id="work.E001",
            )
        )
    database = settings.DATABASES["default"]
    if (
        database["ENGINE"] == "django.db.backends.sqlite3"
        and str(database.get("OPTIONS", {}).get("transaction_mode")).upper() != "IMMEDIATE"
    ):
        found.append(
            Error(
                "SQLite transactions do not exclude each other, so limits could be exceeded.",
                hint="Set transaction_mode to IMMEDIATE.",
                id="work.E002",
            )
        )
    if settings.JOB_TIME_LIMIT_SECONDS < settings.JOB_LEASE_SECONDS:
        found.append(
            Warning(
                "A lease outlives the longest job, so a lost worker is noticed late.",
                hint="Set FACEWEB_JOB_LEASE_SECONDS below FACEWEB_JOB_TIME_LIMIT_SECONDS.",
                id="work.W001",
            )
        )
    layer = settings.CHANNEL_LAYERS.get("default", {}).get("BACKEND", "")
    if str(layer).endswith("InMemoryChannelLayer"):
        found.append(
            Warning(
                "The in-memory channel layer stays within one process: progress made by workers "
                "reaches pages by polling only.",
                hint="Use channels_redis.",
                id="work.W002",
            )
        )
    return found
