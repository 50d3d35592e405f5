"""What can go wrong with a face in a way that the person who sent the photo can mend."""

from models.refusals import Refusal


class FaceError(Refusal):
    """A face cannot be used as somebody asked.

    Attributes:
        code: stable identifier for programs and for the catalogue of words, such as ``no_face``.
        params: what the sentence is filled with.
    """
