"""Why something about a case was not done, in words for the person who asked for it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceweb.moderation.models import Case


class ModerationError(Exception):
    """Nothing was changed.

    ``code`` is stable and for programs, ``sentence`` says what is wrong and ``way_on`` what can be
    done about it.
    """

    def __init__(self, code: str, sentence: str, way_on: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on


class CaseChanged(ModerationError):
    """The case is not what the moderator read: somebody decided it, or something was added."""

    def __init__(self, case: "Case") -> None:
        self.case = case
        if case.is_open:
            sentence = "Something was added to this case since you opened it."
        else:
            sentence = "Somebody else has decided this case already."
        super().__init__("case_changed", sentence, "Read it again before you decide.")


class NotPermitted(ModerationError):
    """This person may not do this."""


class DecisionRefused(ModerationError):
    """The decision does not fit the case."""


class AppealRefused(ModerationError):
    """There is nothing here that this person may appeal against."""
