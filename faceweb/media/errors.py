"""Why a picture was not taken, in words for the person who sent it."""


class IntakeError(Exception):
    """An upload is refused, and nothing of it was kept.

    Attributes:
        code: stable identifier for programs, such as ``not_a_photo``.
        sentence: what is wrong, in plain words.
        way_on: what the person can do about it.
        status: the HTTP status this is answered with.
    """

    def __init__(self, code: str, sentence: str, way_on: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on
        self.status = status

    def as_dict(self) -> dict[str, str]:
        """What a script is told."""
        return {"code": self.code, "sentence": self.sentence, "way_on": self.way_on}


class ResultBlocked(Exception):
    """A result may not be kept, with a reason for the person who asked for it.

    ``code`` is for programs, ``sentence`` says what is wrong, ``way_on`` what helps.
    """

    def __init__(self, code: str, sentence: str, way_on: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on


class ScreeningFailed(Exception):
    """A result could not be looked at, and without that it is not kept or handed out."""


class MarkingError(Exception):
    """A result cannot be marked as one, and without its marks it is not kept or handed out."""
