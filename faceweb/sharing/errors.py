"""Why a link was not made, in words for the person who asked for it."""


class ShareRefused(Exception):
    """A picture may not be shared now.

    Attributes:
        code: stable identifier for programs, such as ``being_checked``.
        sentence: what is in the way, in plain words.
        way_on: what the person can do about it.
    """

    def __init__(self, code: str, sentence: str, way_on: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.way_on = way_on


class LinkGone(Exception):
    """Nothing is to be had at this address; never says why."""
