"""Who makes results, and what they say of them.

Each kind of work that ends in a result registers itself here, by way of `faceweb.work.kinds`. What
a result went through is kept with it as steps: codes and numbers, never sentences. Whoever shows a
result asks here for the words, which are made when they are shown.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy

from faceweb.core.stored import Stored, StoredError

if TYPE_CHECKING:
    from faceweb.media.details import Details
    from faceweb.media.models import Asset

logger = logging.getLogger(__name__)

Text = str | Promise
STEP_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a picture, as it is stored with every result that came of it.

    Attributes:
        kind: the name of the kind of work.
        engine: the engine's name.
        at: when, ISO 8601 in UTC; empty where that is not known.
        what: what the kind needs to describe it: codes and numbers, JSON-safe, with a version of
            the kind's own.
    """

    kind: str
    engine: str
    at: str
    what: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def now(cls, kind: str, engine: str, what: Mapping[str, Any] | None = None) -> "Step":
        """A step that is being made."""
        return cls(kind, engine, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), what or {})

    @classmethod
    def from_dict(cls, data: object) -> "Step":
        """A step as `to_dict` gives it.

        Raises:
            StoredError: the data is of another version or not of this shape.
        """
        stored = Stored(data, STEP_VERSION)
        return cls(
            stored.text("kind"), stored.text("engine"), stored.text("at"), stored.mapping("what")
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "version": STEP_VERSION,
            "kind": self.kind,
            "engine": self.engine,
            "at": self.at,
            "what": dict(self.what),
        }

    @property
    def moment(self) -> datetime | None:
        """When it was made, where that is known."""
        try:
            return datetime.fromisoformat(self.at)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to know about a step, as a label and its value."""

    label: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Description:
    """A step in words.

    Attributes:
        label: what was done, in a few words: "Face swap", "Age +10, smile +26".
        sentence: what that means for whoever looks at the picture.
        facts: by what results of one kind may differ, in the order of their weight.
    """

    label: Text
    sentence: Text = ""
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A way from a picture into the making of another; small ``order`` comes first."""

    label: Text
    url: str
    icon: str = "base/icons/portrait.svg"
    order: int = 50
    is_main: bool = False


class Maker:
    """What pages ask a kind of work about its results.

    A kind must have ``name`` and ``label`` and describe its steps. It may offer entries on the
    page of every picture, and say more under "How it was made": ``about_template`` is included
    there with what `about` gives.
    """

    name: str
    label: Text
    #: What its result's page includes under "How it was made", with `about` as ``about``.
    about_template: str = ""
    #: The stylesheet that its parts of other slices' pages need, below static/.
    stylesheet: str = ""

    def describe(self, what: Mapping[str, Any]) -> Description:
        """The words for a step of this kind; ``what`` may be empty or from an older version."""
        raise NotImplementedError

    def entries(self, photo: "Asset") -> Iterable[Entry]:
        """What of this kind can be made of ``photo``."""
        return ()

    def engine_label(self, engine: str) -> Text:
        """An engine of this kind in plain words, whether it is installed (any more) or not."""
        return capfirst(engine)

    def options_told(self, details: "Details") -> Sequence[Fact]:
        """What the engine was told, in words, for the page of a result."""
        return ()

    def about(self, photo: "Asset", target: "Asset | None") -> dict[str, Any]:
        """The context of ``about_template`` for a result of this kind, made on ``target``."""
        return {}


@dataclass(frozen=True, slots=True)
class DescribedStep:
    """A step with its words, as pages show it."""

    step: Step
    label: str
    sentence: str
    facts: tuple[tuple[str, str], ...]

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.step.engine

    @property
    def at(self) -> datetime | None:
        """When it was made, where that is known."""
        return self.step.moment


_makers: dict[str, Maker] = {}


def register(maker: Maker) -> None:
    """Make a maker known; one of the same name is replaced."""
    _makers[maker.name] = maker


def unregister(name: str) -> None:
    """Forget a maker; a name that is not known is no error."""
    _makers.pop(name, None)


def find(name: str) -> Maker | None:
    """The maker of that name, if it is installed."""
    return _makers.get(name)


def step_describe(step: Step) -> DescribedStep:
    """A step in words; in general ones where its kind is not installed (any more)."""
    maker = find(step.kind)
    if maker is None:
        words = Description(gettext_lazy("Changed"), gettext_lazy("This picture was changed."))
    else:
        words = maker.describe(step.what)
    return DescribedStep(
        step,
        capfirst(str(words.label)),
        str(words.sentence),
        tuple((str(fact.label), str(fact.value)) for fact in words.facts),
    )


def asset_steps(photo: "Asset") -> tuple[Step, ...]:
    """Everything that was done to ``photo`` since it was uploaded, the oldest first.

    That is known whatever became of the pictures in between. None for what nobody made here.
    """
    if not photo.is_result:
        return ()
    try:
        steps = tuple(Step.from_dict(step) for step in photo.steps)
    except StoredError as error:
        logger.error("the steps of %s cannot be read: %s", photo.pk, error)
        steps = ()
    return steps or (Step(photo.made_by, "", ""),)


def asset_describe(photo: "Asset") -> tuple[DescribedStep, ...]:
    """Everything that was done to ``photo`` in words, the oldest first."""
    return tuple(step_describe(step) for step in asset_steps(photo))


def asset_label(photo: "Asset") -> str:
    """What a picture is, in a few words, by what was done last."""
    steps = asset_steps(photo)
    return step_describe(steps[-1]).label if steps else gettext("The photo")


def steps_sentences(steps: Iterable[DescribedStep]) -> list[str]:
    """What all steps together mean for whoever looks at the picture, each sentence once."""
    return list(dict.fromkeys(step.sentence for step in steps if step.sentence))


def asset_entries(photo: "Asset") -> list[Entry]:
    """What can be made of ``photo``, of all kinds."""
    entries = [entry for maker in _makers.values() for entry in maker.entries(photo)]
    return sorted(entries, key=lambda entry: entry.order)


def differences(of: DescribedStep, siblings: Iterable[DescribedStep]) -> str:
    """By what a step differs from others with the same label; empty where it is the only one."""
    alike = [other for other in siblings if other.label == of.label]
    shared = set(of.facts).intersection(*(set(other.facts) for other in alike))
    if len(alike) < 2:
        return ""
    return ", ".join(
        f"{label}: {value}" for label, value in of.facts if (label, value) not in shared
    )
