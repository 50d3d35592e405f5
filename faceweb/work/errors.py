"""What can go wrong with a job, told apart by who has to know."""


class JobError(Exception):
    """A failure that the job's owner can understand.

    ``code`` is stable and for machines; ``sentence`` says what happened and ``way_on`` what to do
    about it, both in plain words. ``retryable`` asks for another attempt before giving up.
    """

    def __init__(
        self, code: str, sentence: str, way_on: str = "", *, retryable: bool = False
    ) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on
        self.retryable = retryable


class JobBlocked(JobError):
    """The work may not be done: the job ends as blocked and cannot be tried again."""


class JobCancelled(Exception):
    """The owner asked for an end. A kind lets it pass through."""


class JobRefused(Exception):
    """A job is not taken from this person now, with a reason for them.

    ``status`` is the HTTP status to answer with; ``headers`` go with it.
    """

    status = 403

    def __init__(self, code: str, sentence: str, way_on: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on
        self.headers: dict[str, str] = {}


class TooManyJobs(JobRefused):
    """The person has as many jobs waiting as one may.

    ``retry_after`` is in seconds.
    """

    status = 429

    def __init__(self, limit: int, retry_after: int = 30) -> None:
        super().__init__(
            "too_many_jobs",
            f"You already have {limit} jobs waiting, which is as many as one may have.",
            "Wait until one of them is done, or cancel one, and try again.",
        )
        self.retry_after = retry_after
        self.headers = {"Retry-After": str(retry_after)}


class AccountFrozen(JobRefused):
    """The person may look at, export and delete what is theirs, and make nothing."""

    def __init__(self) -> None:
        super().__init__(
            "account_frozen",
            "Your account is frozen, so nothing new can be made.",
            "You can read why under “My standing” and ask for another look.",
        )
