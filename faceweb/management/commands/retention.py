"""``manage.py retention``: what the clock deletes, by hand, and what does not fit together."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from faceweb.accounts.services import accounts_forget
from faceweb.media.models import Asset
from faceweb.media.retention import assets_date_undated, assets_over
from faceweb.media.services import assets_delete
from faceweb.media.sweep import assets_expire, assets_without_files, files_sweep
from faceweb.work.services import jobs_forget


class Command(BaseCommand):
    """``run`` does now what beat does through the day; ``orphans`` compares rows and files."""

    help = "Delete what is over (run), say what would be (status), find orphans (orphans)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("status", help="how many photos are over, and on hold")
        actions.add_parser("run", help="delete what is over")
        orphans = actions.add_parser("orphans", help="files without a photo, photos without a file")
        orphans.add_argument(
            "--remove",
            action="store_true",
            help="remove photos whose file is gone; files without a photo are always removed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(**options)

    def _status(self, **_: Any) -> None:
        self.stdout.write(f"{assets_over().count()} photos are over and go with the next run")
        self.stdout.write(f"{Asset.objects.filter(legal_hold=True).count()} photos are on hold")

    def _run(self, **_: Any) -> None:
        self.stdout.write(f"{assets_date_undated()} photos had no date and got one")
        self.stdout.write(f"{assets_expire()} photos deleted")
        self.stdout.write(f"{jobs_forget()} rows of old jobs deleted")
        self.stdout.write(f"{accounts_forget()} rows of people who left deleted")

    def _orphans(self, *, remove: bool, **_: Any) -> None:
        self.stdout.write(f"{files_sweep()} files without a photo removed")
        missing = list(assets_without_files())
        for pk in missing:
            self.stdout.write(f"photo {pk} has lost its file")
        if not remove:
            self.stdout.write(f"{len(missing)} photos without a file (--remove removes them)")
            return
        gone = 0
        for pk, owner in Asset.objects.filter(pk__in=missing).values_list("pk", "owner_id"):
            gone += assets_delete(owner=owner, ids=[pk])
        self.stdout.write(f"{gone} photos without a file removed")
