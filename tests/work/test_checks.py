"""Settings under which jobs would go wrong are named when the site starts."""

from typing import Any

import pytest

from faceweb.work.checks import check_jobs


def ids() -> set[str | None]:
    return {message.id for message in check_jobs(None)}


@pytest.fixture(autouse=True)
def redis_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}


def test_the_defaults_are_sound() -> None:
    assert ids() == set()


def test_a_message_must_not_come_back_while_its_job_works(settings: Any) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": settings.JOB_TIME_LIMIT_SECONDS
    }
    assert ids() == {"work.E001"}
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    settings.JOB_TIME_LIMIT_SECONDS = 7200
    assert ids() == {"work.E001"}


def test_sqlite_transactions_must_exclude_each_other(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {}}
    monkeypatch.setitem(settings.DATABASES, "default", sqlite)
    assert ids() == {"work.E002"}


def test_a_lease_longer_than_any_job_is_worth_a_word(settings: Any) -> None:
    settings.JOB_TIME_LIMIT_SECONDS = 10
    settings.JOB_LEASE_SECONDS = 20
    assert ids() == {"work.W001"}


def test_nudges_must_reach_other_processes(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    assert ids() == {"work.W002"}
