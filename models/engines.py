"""What engines of every kind have in common: what they are loaded from, offer, need and say.

Light to import: pages ask an engine for its offer and never load it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from models.options import OptionSchema

if TYPE_CHECKING:
    from models.faces.analysis import FaceAnalyser
    from models.sessions import SessionFactory
    from models.store import WeightStore

Level = Literal["good", "will_show", "refused"]
"""Worth knowing; will be seen in the result; cannot be done."""

LEVELS: Final[tuple[Level, ...]] = ("good", "will_show", "refused")


@dataclass(frozen=True)
class Notice:
    """Something to know about a face or a pair: a code, what its sentence names, and how grave.

    The words of a code are kept by whoever shows it.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    level: Level = "will_show"

    def to_json(self) -> dict[str, Any]:
        """JSON-safe: code, params and level."""
        return {"code": self.code, "params": dict(self.params), "level": self.level}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Notice:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the data is not of this shape.
        """
        code, params, level = data["code"], data["params"], data["level"]
        if not isinstance(code, str) or not isinstance(params, Mapping) or level not in LEVELS:
            raise ValueError("a notice is a code with parameters and a level")
        return cls(code, dict(params), level)


def level_of(notices: Iterable[Notice]) -> Level:
    """The gravest level among `notices`; ``good`` where there is none."""
    return max((notice.level for notice in notices), key=LEVELS.index, default="good")


@dataclass(frozen=True)
class Need:
    """A network that an engine uses.

    Attributes:
        card: its card.
        feature: what it is for, a message id.
        is_required: whether there is no engine without it.
        missing: why it cannot be used, a sentence for the operator; empty where it can.
    """

    card: str
    feature: str
    is_required: bool = True
    missing: str = ""


@dataclass(frozen=True)
class Offer:
    """What an engine can do on this machine, known without loading it.

    Attributes:
        options: what it can be told.
        missing: why it cannot be loaded, a sentence for the operator; empty where it can.
        needs: the networks it uses, those that are not there among them.
        is_meant: whether somebody meant to have it: some of what it needs was fetched.
    """

    options: OptionSchema = field(default_factory=OptionSchema)
    missing: str = ""
    needs: tuple[Need, ...] = ()
    is_meant: bool = False

    @property
    def absent(self) -> tuple[str, ...]:
        """What cannot be offered because its network is not there, message ids."""
        return tuple(need.feature for need in self.needs if need.missing and not need.is_required)


@dataclass(frozen=True)
class Machine:
    """What an engine is loaded from.

    Attributes:
        store: the weights on this machine.
        sessions: what opens networks, made when it is first asked for.
        analyser: the one face analyser of this process, made when it is first asked for. It is
            the swap engine's, which brings it: only edit engines may ask.
        settings: what the operator has set, by the names of the settings.
    """

    store: WeightStore
    sessions: Callable[[], SessionFactory]
    analyser: Callable[[], FaceAnalyser]
    settings: Mapping[str, Any] = field(default_factory=dict)
