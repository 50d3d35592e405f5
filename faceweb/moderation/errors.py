"""Why something about a case was not done."""

from models.refusals import Refusal


class ModerationError(Refusal):
    """Nothing was changed."""


class CaseChanged(ModerationError):
    """The case is not what the moderator read: somebody decided it, or something was added."""


class NotPermitted(ModerationError):
    """This person may not do this."""


class DecisionRefused(ModerationError):
    """The decision does not fit the case."""


class AppealRefused(ModerationError):
    """There is nothing here that this person may appeal against."""
