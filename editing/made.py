"""What is kept of an edit: on its job, with its version, and in the history of all that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from editing.guard import Verdict
from faceweb.core.stored import Stored, StoredError
from models.engines import Notice

VERSION: Final = 1
"""Of each of the schemas below."""


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """One version that was judged: its share 0 to 1 of what was asked, and its similarity."""

    share: float
    similarity: float | None


@dataclass(frozen=True, slots=True)
class EditFigures:
    """What the identity check found (``Job.figures``).

    Attributes:
        verdict: see `editing.guard.Verdict`.
        asked, applied: percent by slider, counted from where the face was untouched.
        similarity: of the version that was given out, 0 to 1; None without one.
        threshold: what it had to reach.
        evaluations: how many versions were judged.
        curve: those versions, the weakest first.
        reason: for every verdict but ``applied`` a code and what its sentence names.
    """

    verdict: Verdict
    asked: Mapping[str, int]
    applied: Mapping[str, int]
    similarity: float | None
    threshold: float
    evaluations: int
    curve: tuple[JudgedShare, ...] = ()
    reason: Notice | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "verdict": self.verdict,
            "asked": dict(self.asked),
            "applied": dict(self.applied),
            "similarity": self.similarity,
            "threshold": self.threshold,
            "evaluations": self.evaluations,
            "curve": [{"share": one.share, "similarity": one.similarity} for one in self.curve],
            "reason": self.reason.to_json() if self.reason else None,
        }

    @classmethod
    def from_dict(cls, data: object) -> "EditFigures":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, VERSION)
        verdict = stored.text("verdict")
        if verdict not in get_args(Verdict):
            raise StoredError(f"verdict: {verdict!r} is none")
        return cls(
            verdict=cast(Verdict, verdict),
            asked=stored.wholes("asked"),
            applied=stored.wholes("applied"),
            similarity=_similarity(stored),
            threshold=stored.number("threshold"),
            evaluations=stored.whole("evaluations"),
            curve=tuple(
                JudgedShare(one.number("share"), _similarity(one)) for one in stored.parts("curve")
            ),
            reason=None if stored.is_none("reason") else _notice(stored.mapping("reason")),
        )


@dataclass(frozen=True, slots=True)
class EditMade:
    """How a version came about, as it is kept with it (`Details.own`).

    Attributes:
        base: id of the photo that strengths count from; None where it is not there any more.
        judge: a code for who said that it still is the same person; empty where nobody did.
        figures: what the check found.
    """

    base: str | None
    judge: str
    figures: EditFigures

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "base": self.base,
            "judge": self.judge,
            "figures": self.figures.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: object) -> "EditMade":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, VERSION)
        return cls(
            base=None if stored.is_none("base") else stored.text("base"),
            judge=stored.text("judge"),
            figures=EditFigures.from_dict(stored.mapping("figures")),
        )


@dataclass(frozen=True, slots=True)
class EditWhat:
    """What describes an edit in the history of a picture (``Step.what``).

    Attributes:
        applied: percent by slider.
        face: number of the face in the photo; None where that is not known.
        engine: the engine's name.
    """

    applied: Mapping[str, int] = field(default_factory=dict)
    face: int | None = None
    engine: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` reads it back."""
        return {
            "version": VERSION,
            "applied": dict(self.applied),
            "face": self.face,
            "engine": self.engine,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EditWhat":
        """The inverse of `to_dict`.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, VERSION)
        face = None if stored.is_none("face") else stored.whole("face")
        return cls(stored.wholes("applied"), face, stored.text("engine"))


def _notice(data: Mapping[str, Any]) -> Notice:
    try:
        return Notice.from_json(data)
    except (KeyError, TypeError, ValueError) as error:
        raise StoredError(f"a notice cannot be read: {error!r}") from error


def _similarity(stored: Stored) -> float | None:
    return None if stored.is_none("similarity") else stored.number("similarity")
