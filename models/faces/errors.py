"""What can go wrong with a face in a way that the person who sent the photo can mend."""

from models.refusals import JSON, Refusal


class FaceError(Refusal):
    """A face cannot be used as somebody asked.

    Attributes:
        code: stable identifier for programs and for the catalogue of words, such as ``no_face``.
        params: what the sentence is filled with.
    """

    def __init__(self, code: str, sentence: str = "", way_on: str = "", /, **params: JSON) -> None:
        super().__init__(code, **params)
        self.sentence = sentence
        self.way_on = way_on

    def __str__(self) -> str:
        return f"{self.sentence} {self.way_on}" if self.sentence else super().__str__()
