"""A throwaway site for measuring: its own database and media folder, no Redis, no workers."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from django.test import Client


@contextmanager
def signed_in_client() -> Iterator["Client"]:
    """Django's test client, through all middleware, for a person without photos."""
    with tempfile.TemporaryDirectory(prefix="faceweb-bench-") as folder:
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "faceweb.settings",
                "FACEWEB_DATA_DIR": folder,
                "FACEWEB_DEBUG": "true",
                "FACEWEB_DISK_FLOOR_MB": "0",
                "FACEWEB_LOG_LEVEL": "ERROR",
            }
        )
        import django

        django.setup()
        from django.contrib.auth import get_user_model
        from django.core.management import call_command
        from django.test import Client

        call_command("migrate", verbosity=0)
        user = get_user_model().objects.create_user("bench@example.org")
        client = Client(headers={"host": "localhost"})
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        with mock.patch("celery.Celery.send_task"):
            yield client
