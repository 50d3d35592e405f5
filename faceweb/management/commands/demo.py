"""``manage.py demo``: the whole queue path on the two sample photos."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from faceweb.core.addresses import with_public_origin
from faceweb.core.words import sentence_of
from faceweb.management.commands.seed import DEMO_EMAIL
from faceweb.media.analysis_queue import assets_renew
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.models import Job
from swaps.recipe import FaceMapping, RecipeError, SwapRecipe
from swaps.services import swap_request


class Command(BaseCommand):
    """Swap a face through the running site's queue and print where the result is."""

    help = (
        "Swap a face between the two sample photos through the queue; print the result's address."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--timeout", type=float, default=60.0, help="seconds to wait for the worker (60)"
        )
        parser.add_argument(
            "--no-wait", action="store_true", help="print the job's address and do not wait"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self._demo_account()
        deadline = time.monotonic() + options["timeout"]
        photos = self._analysed_samples(owner, deadline)
        target, source = photos
        try:
            job = swap_request(
                owner=owner,
                recipe=SwapRecipe(target.pk, (FaceMapping(0, source.pk, 0),)),
            )
        except RecipeError as error:
            raise CommandError(sentence_of(error.code, error.params)) from error
        if options["no_wait"]:
            self.stdout.write(with_public_origin(job.get_absolute_url()))
            return
        result = self._wait(job, deadline)
        self.stdout.write(with_public_origin(result.get_absolute_url()))

    def _demo_account(self) -> User:
        try:
            if not User.objects.filter(email=DEMO_EMAIL).exists():
                call_command("seed", verbosity=0)
            return User.objects.get(email=DEMO_EMAIL)
        except OperationalError as error:
            raise CommandError(
                "There is no database here yet. `make run` makes one and starts the site."
            ) from error

    def _analysed_samples(self, owner: User, deadline: float) -> list[Asset]:
        """The two sample photos, oldest first, once they can be used."""
        samples = Asset.objects.for_user(owner).filter(origin=Asset.Origin.SAMPLE)
        while True:
            photos = list(samples.order_by("created_at", "id")[:2])
            assets_renew(photos)
            if len(photos) == 2 and not any(photo.is_waiting for photo in photos):
                return photos
            self._pause(deadline, "The sample photos were not analysed")

    def _wait(self, job: Job, deadline: float) -> Asset:
        while not job.is_finished:
            self._pause(deadline, "The job was not finished")
            job.refresh_from_db()
        if job.result is None:
            raise CommandError(_reason(job))
        return job.result

    @staticmethod
    def _pause(deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise CommandError(f"{what} in time. Is a worker running? `make run` starts one.")
        time.sleep(0.1)


def _reason(job: Job) -> str:
    if job.error_code:
        return sentence_of(job.error_code, job.error_params)
    return f"The job ended: {job.get_state_display()}."
