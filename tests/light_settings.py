"""What both processes of the walk without vision set before they begin."""

from typing import Any


def settings_apply() -> None:
    """No Redis, no broker and no mail; must run after `django.setup`."""
    from celery import Celery
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment(debug=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.PROVENANCE_AUTO_INIT = True
    settings.DISK_FLOOR_MB = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def send_task(*_: Any, **__: Any) -> None:
        """Nobody listens."""

    Celery.send_task = send_task  # type: ignore[method-assign, assignment]
