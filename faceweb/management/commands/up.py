"""``manage.py up``: the whole site on this machine, until Ctrl-C."""

import io
import os
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from faceweb import env
from faceweb.embedded import CannotStart, EmbeddedSite, raise_keyboard_interrupt
from faceweb.management.commands.seed import DEMO_EMAIL
from faceweb.older_data import is_older

DEFAULT_PORT = 8000


class Command(BaseCommand):
    help = "Start Redis, web, worker and beat on this machine, show their logs, stop with Ctrl-C."
    # They ask for the signing key, which the first start makes; `_prepare` runs them after it.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        # Everything below the data folder is this user's alone.
        os.umask(0o077)
        port = env.get_int("PORT", DEFAULT_PORT, minimum=1, maximum=65_535)
        public_url = env.get_str("PUBLIC_BASE_URL") or f"http://localhost:{port}"
        # For the processes to be started: this one has read its settings already.
        os.environ["FACEWEB_PUBLIC_BASE_URL"] = public_url
        os.environ["FACEWEB_DATA_DIR"] = str(settings.DATA_DIR)

        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, raise_keyboard_interrupt)
        site = EmbeddedSite(
            base_dir=settings.BASE_DIR,
            data_dir=settings.DATA_DIR,
            bind=env.get_str("BIND", "127.0.0.1"),
            port=port,
            redis_url=env.get_str("REDIS_URL") or None,
        )
        try:
            site.claim()
            self._refuse_older_data()
            self._prepare()
            site.start(sys.stdout)
            self._run(site, public_url)
        except CannotStart as error:
            raise SystemExit(str(error)) from error
        except KeyboardInterrupt:
            self._say("Stopping ...")
        finally:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            site.stop()

    def _refuse_older_data(self) -> None:
        folder = settings.DATA_DIR
        if is_older():
            raise CannotStart(
                f"{folder} holds data of an older faceweb that this one cannot read:"
                f" move it aside with `mv {folder} {folder}-old` and start again."
            )

    def _prepare(self) -> None:
        """Networks, signing key, database, static files, as this version of faceweb needs them."""
        try:
            call_command("models", "fetch", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            # The site stands without them; doctor says what is lacking.
            self._say(str(error))
        call_command("provenance", "init", stdout=io.StringIO())
        self.check()
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        if not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0)

    def _run(self, site: EmbeddedSite, public_url: str) -> None:
        """Say when the site is ready, then wait for the end."""
        announced = False
        while site.is_running():
            if not announced and site.is_ready(urlsplit(public_url).netloc):
                self._say(f"\nfaceweb is ready: {public_url}{self._demo(site)}\n")
                announced = True
            site.wait(3600 if announced else 0.2)
        raise SystemExit(
            f"The process manager ended by itself; {site.run_dir / 'supervisord.err'} may say why."
        )

    def _demo(self, site: EmbeddedSite) -> str:
        """What to say about the demo account; made at the first start of a developer's site."""
        if not settings.DEBUG:
            return ""
        if get_user_model().objects.filter(email=DEMO_EMAIL).exists():
            return (
                f"\nDemo account: {DEMO_EMAIL}. Its password was shown at the first start; "
                f"manage.py changepassword {DEMO_EMAIL} sets another."
            )
        # A process of its own, because it must talk to the Redis that has just been started.
        seeded = subprocess.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "seed"],
            env={**os.environ, "FACEWEB_REDIS_URL": site.redis_url},
            stdout=subprocess.PIPE,
            text=True,
        )
        return f"\n{seeded.stdout.strip()}"

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
