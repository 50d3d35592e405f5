"""``manage.py seed``: a demo account with two sample photos, for a developer's site."""

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.models import Asset
from faceweb.media.services import asset_intake

DEMO_EMAIL = "demo@faceweb.example"
# Two US Navy and NASA portraits in the public domain, inside packages that are installed anyway.
# `demo` puts a new face into the first: its glasses stay where they are.
SAMPLES = (
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("skimage", "data/astronaut.png"),
)


class Command(BaseCommand):
    help = "Make the demo account with two sample photos, once; only while FACEWEB_DEBUG is on."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo account is for a developer's site: set FACEWEB_DEBUG=true")
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            user, made = get_user_model().objects.get_or_create(email=DEMO_EMAIL)
            if not made:
                self.stdout.write(f"The demo account {DEMO_EMAIL} is there already.")
                return
            user.set_password(password)
            user.save()
            for package, inside in SAMPLES:
                path = sample_photo(package, inside)
                upload = SimpleUploadedFile(path.name, path.read_bytes())
                asset_intake(
                    owner=user,
                    upload=upload,
                    consent_version=CONSENT_VERSION,
                    origin=Asset.Origin.SAMPLE,
                )
        self.stdout.write(f"Demo account: {DEMO_EMAIL}  password: {password}  (shown only now)")


def sample_photo(package: str, inside: str) -> Path:
    """A file of an installed package, found without importing the package (seconds each).

    Raises:
        CommandError: the package or the file is not installed.
    """
    spec = find_spec(package)
    path = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        raise CommandError(f"The sample photo of {package} is not installed.")
    return path
