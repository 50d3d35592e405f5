"""The queue of jobs: what durable work means for them."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, IntegerField, Value, When

from faceweb.core.durable.queue import DurableQueue
from faceweb.work import progress
from faceweb.work.models import Job
from models.refusals import Refusal

logger = logging.getLogger(__name__)


class JobQueue(DurableQueue[Job]):
    """Jobs: seen by pages, a few at a time per person, cancelled by their owner."""

    task = "faceweb.work.tasks.job_run"
    model = Job

    def running_per_person(self) -> int:
        return int(settings.JOBS_RUNNING_PER_PERSON)

    def written(self) -> dict[str, Any]:
        return {"version": F("version") + 1}

    def fresh(self) -> dict[str, Any]:
        # What the parts have done stays done.
        percent = Case(
            When(phase=0, then=Value(0)), default=F("percent"), output_field=IntegerField()
        )
        return {"stage_key": "", "percent": percent}

    def ending(self, state: str) -> dict[str, Any]:
        return {**super().ending(state), "stage_key": ""}

    def changed(self, row_id: UUID) -> None:
        transaction.on_commit(partial(_announce, row_id), robust=True)

    def moved(self) -> None:
        progress.nudge_queue()

    def give_up(self, row: Job) -> None:
        error = error_columns(Refusal("too_many_attempts", attempts=row.attempt))
        self.write(self.rows().filter(pk=row.pk), **self.ending(Job.State.FAILED), **error)

    def is_cancelled(self, row: Job) -> bool:
        return row.cancel_requested


def error_columns(reason: Refusal | None = None) -> dict[str, Any]:
    """Why a job ended, as its row keeps it; nothing, where it has no reason."""
    return {
        "error_code": reason.code if reason else "",
        "error_params": reason.params if reason else {},
    }


def _announce(job_id: UUID) -> None:
    version = Job.objects.filter(pk=job_id).values_list("version", flat=True).first()
    if version is not None:
        progress.nudge(job_id, version)


jobs = JobQueue()
