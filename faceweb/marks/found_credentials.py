"""What was found of content credentials in a file: between the child that reads and who asks it.

Nothing of it is believed to have the form it should.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

# Big enough for everything that C2PA tools write, small enough to be read at a glance.
_TEXT: Final = 120


@dataclass(frozen=True)
class Credentials:
    """Content credentials found in a file.

    Attributes:
        state: ``ours`` (signed under one of the roots given, untouched since), ``ours_altered``
            (the picture or the manifest was changed after this site signed it), ``foreign`` (signed
            by somebody else), ``expired`` (signed by somebody whose certificate has run out, so
            that nobody can tell whose it was), ``foreign_altered``, or ``unreadable``.
        issuer: who signed it, as the certificate says.
        generator: the program that made it, as the manifest says.
        steps: for ours, the history of edits as `credentials.Step` gives it.
        manifests: how many manifests the file carries, ancestors included.
    """

    state: str
    issuer: str = ""
    generator: str = ""
    steps: list[dict[str, str]] = field(default_factory=list)
    manifests: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Credentials":
        """The inverse of `to_dict`, for an answer that need not be what it should."""
        steps = data.get("steps")
        manifests = data.get("manifests")
        return cls(
            state=text_said(data.get("state")),
            issuer=text_said(data.get("issuer")),
            generator=text_said(data.get("generator")),
            steps=[step_said(step) for step in steps] if isinstance(steps, list) else [],
            manifests=manifests if isinstance(manifests, int) else 0,
        )


def step_said(step: object) -> dict[str, str]:
    """One step of a history as a manifest gives it, which may be anything."""
    known = step if isinstance(step, dict) else {}
    return {name: text_said(known.get(name)) for name in ("kind", "engine", "at")}


def text_said(value: object) -> str:
    """What can be shown of something that a manifest says."""
    text = value if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isprintable())[:_TEXT]
