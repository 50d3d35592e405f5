"""What can go wrong with a job, told apart by who has to know."""

from models.refusals import JSON, Refusal


class JobError(Refusal):
    """A failure that the job's owner can understand.

    ``retryable`` asks for another attempt before giving up.
    """

    def __init__(self, code: str, /, *, retryable: bool = False, **params: JSON) -> None:
        super().__init__(code, **params)
        self.retryable = retryable


class JobBlocked(JobError):
    """The work may not be done: the job ends as blocked and cannot be tried again."""


class JobCancelled(Exception):
    """The owner asked for an end. A kind lets it pass through."""


class JobRefused(Refusal):
    """A job is not taken from this person now."""


class TooManyJobs(JobRefused):
    """The person has as many jobs waiting as one may.

    ``retry_after`` is in seconds.
    """

    def __init__(self, limit: int, retry_after: int = 30) -> None:
        super().__init__("too_many_jobs", limit=limit, retry_after=retry_after)


class AccountFrozen(JobRefused):
    """The person may look at, export and delete what is theirs, and make nothing."""

    def __init__(self) -> None:
        super().__init__("account_frozen")
