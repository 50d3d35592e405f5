"""Why a picture was not taken or not kept."""

from models.refusals import Refusal


class IntakeError(Refusal):
    """An upload is refused, and nothing of it was kept."""


class ResultBlocked(Refusal):
    """A result may not be kept."""


class ScreeningFailed(Exception):
    """A result could not be looked at, and without that it is not kept or handed out."""


class MarkingError(Exception):
    """A result cannot be marked as one, and without its marks it is not kept or handed out."""
