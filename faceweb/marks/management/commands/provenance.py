"""``manage.py provenance``: the key that signs content credentials."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from faceweb.marks import keys


class Command(BaseCommand):
    help = "Make, show or renew the key and certificate that sign every result."
    # It is what repairs a failed check.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("init", help="make root and signing certificate unless they are here")
        commands.add_parser("status", help="what signs, until when; ends with 1 if nothing can")
        renew = commands.add_parser("renew", help="make a new signing certificate")
        renew.add_argument("--new-root", action="store_true", help="and a new root, after a leak")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['command']}")(options)
        except keys.KeysError as error:
            raise CommandError(str(error)) from error

    def _init(self, options: dict[str, Any]) -> None:
        if keys.is_configured():
            self.stdout.write("FACEWEB_PROVENANCE_CERT is set: nothing was made.")
        elif keys.identity_init():
            self.stdout.write(f"Made a root and a signing certificate in {keys.folder()}.")
        else:
            self.stdout.write(f"They are in {keys.folder()} already: nothing was made.")
        self._status(options)

    def _renew(self, options: dict[str, Any]) -> None:
        keys.identity_renew(new_root=options["new_root"])
        self.stdout.write("Made a new signing certificate. Running processes take it up at once.")
        self._status(options)

    def _status(self, options: dict[str, Any]) -> None:
        identity = keys.identity_load()
        source = str(keys.folder()) if identity.own else "FACEWEB_PROVENANCE_CERT"
        left = (identity.not_after - datetime.now(UTC)).days
        self.stdout.write(f"signs       {identity.algorithm}, from {source}")
        self.stdout.write(f"valid       until {identity.not_after:%d %B %Y} ({left} days)")
        for number, root in enumerate(keys.roots_load()):
            name = "root" if number == 0 else "former root"
            self.stdout.write(f"{name.ljust(11)} {keys.root_fingerprint(root)}")
        identity.check_valid()
