"""What can go wrong with a face in a way that the person who sent the photo can mend."""


class FaceError(Exception):
    """A refusal that is meant to be read by a person.

    Attributes:
        code: stable identifier for programs, such as ``no_face``.
        sentence: what is wrong, in plain words.
        way_on: what the person can do about it.
    """

    def __init__(self, code: str, sentence: str, way_on: str) -> None:
        super().__init__(f"{sentence} {way_on}")
        self.code = code
        self.sentence = sentence
        self.way_on = way_on
