"""A job in plain words, as its page shows it."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from faceweb.core.words import remedy_of, sentence_of
from faceweb.work import kinds
from faceweb.work.kinds import Again
from faceweb.work.models import Job

STATUS_TEMPLATE = "work/_status.html"

_HEADLINES = {
    Job.State.QUEUED: "Waiting for its turn",
    Job.State.RUNNING: "Working on it",
    Job.State.DONE: "Ready",
    Job.State.FAILED: "This did not work",
    Job.State.CANCELLED: "Cancelled",
    Job.State.BLOCKED: "This cannot be made here",
}


@dataclass(frozen=True)
class Status:
    """What `work/_status.html` shows. ``place`` counts from 1 and only while the job waits."""

    job: Job
    headline: str
    detail: str
    remedy: str
    percent: int
    place: int | None
    result_url: str
    again: Again | None

    @property
    def state(self) -> str:
        return self.job.state

    @property
    def version(self) -> int:
        return self.job.version

    @property
    def is_finished(self) -> bool:
        return self.job.is_finished

    @property
    def is_failed(self) -> bool:
        return self.job.state in {Job.State.FAILED, Job.State.BLOCKED}

    @property
    def can_cancel(self) -> bool:
        return self.job.can_cancel

    @property
    def can_retry(self) -> bool:
        return self.job.can_retry


def status_of(job: Job, place: int | None = None) -> Status:
    """The words for ``job`` as it was read, at its ``place`` in the queue."""
    return Status(
        job=job,
        headline=_headline(job),
        detail=_detail(job, place),
        remedy=_remedy(job),
        percent=job.percent,
        place=place,
        result_url=reverse("photo", args=[job.result_id]) if job.result_id else "",
        again=_again(job),
    )


def status_context(
    job: Job, *, place: int | None = None, over_socket: bool = False
) -> dict[str, Any]:
    """The context of `work/_status.html`.

    Args:
        job: as it was read.
        place: its place in the queue, from `faceweb.work.services.job_place`.
        over_socket: whether the fragment names itself as an out-of-band swap, which is how htmx
            places what comes over a socket.
    """
    return {"status": status_of(job, place), "job": job, "oob": over_socket}


def place_sentence(place: int) -> str:
    """A place in the queue, 1 being the next to start, in words."""
    ahead = place - 1
    if ahead == 0:
        return "Yours is next."
    if ahead == 1:
        return "1 job is before yours."
    return f"{ahead} jobs are before yours."


def _remedy(job: Job) -> str:
    return remedy_of(job.error_code, job.error_params) if job.error_code else ""


def _headline(job: Job) -> str:
    if _is_stopping(job):
        return "Stopping"
    if job.made == Job.Made.NOTHING:
        return "Finished, without a picture"
    return _HEADLINES[Job.State(job.state)]


def _again(job: Job) -> Again | None:
    """The way back to the form, once that is all there is left to do."""
    kind = kinds.find(job.kind)
    return kind.again(job) if kind and job.is_finished and not job.result_id else None


def _is_stopping(job: Job) -> bool:
    return job.state == Job.State.RUNNING and job.cancel_requested


def _detail(job: Job, place: int | None) -> str:
    match job.state:
        case Job.State.QUEUED:
            return place_sentence(place) if place else ""
        case Job.State.RUNNING:
            return (
                "It ends as soon as this step is done."
                if job.cancel_requested
                else sentence_of(job.stage_key)
                if job.stage_key
                else ""
            )
        case Job.State.DONE:
            if job.made == Job.Made.NOTHING:
                return sentence_of(job.error_code, job.error_params) if job.error_code else ""
            return "" if job.result_id else "The result has been deleted."
        case Job.State.CANCELLED:
            return "Nothing was made."
        case _:
            return sentence_of(job.error_code, job.error_params)
