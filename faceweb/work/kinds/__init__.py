"""The kinds of work there are. Each is registered by the app that can do it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest, HttpResponse

from faceweb.core.words import Words, words_register
from faceweb.media import makers
from faceweb.media.makers import Maker, Text
from models.refusals import Refusal

if TYPE_CHECKING:
    from faceweb.media.models import Asset
    from faceweb.people.models import User
    from faceweb.work.models import Job, JobPart
    from faceweb.work.reporter import Reporter


@dataclass(frozen=True)
class Outcome:
    """What a finished run hands over.

    ``save`` stores the result. It is called inside the transaction that ends the job and only when
    this worker still holds it, so that a worker which lost its lease leaves nothing behind.
    ``figures`` is shown on the page and ``timings_ms`` maps a stage to milliseconds; both are JSON.
    ``figures`` tell their ``version``, the number of their schema, which the kind raises when it
    changes what they hold; where they do not, it is 1. Without ``save`` nothing was made, and
    ``reason`` says why: the work is done all the same.
    """

    engine: str
    save: "Callable[[], Asset] | None" = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    reason: Refusal | None = None


@dataclass(frozen=True, slots=True)
class PartPlan:
    """One part of a long job, as its kind plans it.

    Attributes:
        phase: from 1 on; parts of a phase wait until all of the one before are done.
        what: JSON for `Kind.part_run`.
        weight: its share of the whole, beside those of the other parts.
        seconds: how long it is expected to take, for fairness; learned from others where None.
    """

    phase: int
    what: Mapping[str, Any]
    weight: int = 1
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """What a run hands over that divides its job: the parts, at least one.

    When all of them are done the job is run once more, with ``job.phase`` above 0, to make its
    result of what they made.
    """

    parts: Sequence[PartPlan]


class Kind(Maker):
    """One kind of work: all that the site asks of it, in one object.

    A kind is a package: this object, registered by its app; its pages' addresses in ``urls``; its
    templates and static files in folders of its name. Nothing else names it.

    A kind must have ``name`` and ``label``, `run` its jobs and `describe` its steps. The rest has
    defaults for a kind that asks one question of one picture: see docs/adding-a-kind.md.
    """

    #: What the codes of its refusals, stages and notices say.
    words: Mapping[str, Words] = {}
    #: The module with its addresses, as `django.urls.include` takes it.
    urls: str = ""
    #: What a job's page shows above its progress; it is included with `job_shown` as ``shown``.
    job_template: str = ""

    @property
    def studio(self) -> "Callable[[HttpRequest], HttpResponse] | None":
        """The view at the studio's own address, for the first kind that has one."""
        return None

    def run(self, job: "Job", report: "Reporter") -> Outcome | Split:
        """Do one job, in a worker, claimed by it. It may run again for the same job and must store
        nothing itself. Long work is divided by returning a `Split`.

        Raises:
            JobError: with the reason for its owner; other exceptions of `faceweb.work.errors` pass.
        """
        raise NotImplementedError

    def part_run(self, part: "JobPart", report: "Reporter") -> Mapping[str, Any]:
        """Do one part, in any worker; JSON for the phases that follow. As `run`, it may run again.

        Raises:
            JobError: it cannot be done, and neither can the job.
        """
        raise NotImplementedError

    def check(self, *, owner: "User", recipe: Mapping[str, Any]) -> Sequence[Any]:
        """Read a request in the form a job keeps it in, and judge it by stored data alone.

        Returns:
            what to know before it is started.

        Raises:
            RecipeError: it cannot be read, or cannot be carried out.
        """
        return ()

    def engine(self) -> str:
        """The name of the engine that would do a job now; empty where there is no choice."""
        return ""

    def warm_up(self) -> None:
        """Load what the first job would otherwise wait for."""

    def subject(self, job: "Job") -> str:
        """The id of the picture that a list of jobs shows for one without a result, if any."""
        return ""

    def job_shown(self, job: "Job") -> dict[str, Any]:
        """The context of ``job_template``."""
        return {}

    def again(self, job: "Job") -> "Again | None":
        """The way back to the form as it was when this job was asked for."""
        return None

    def starts(self) -> "Sequence[Start]":
        """The ways into this kind that the studio offers to somebody who has no picture at hand."""
        return ()

    def findings(self) -> "Iterable[Found]":
        """What ``manage.py doctor`` says of this kind's engines."""
        return ()


@dataclass(frozen=True, slots=True)
class Again:
    """A link back to the form of a job."""

    label: Text
    url: str


@dataclass(frozen=True, slots=True)
class Start:
    """A page that begins something new."""

    label: Text
    url: str
    text: Text = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One line about an engine: whether it is well, what was found, what to do about it."""

    name: str
    verdict: Literal["ok", "note", "broken"]
    value: str
    remedy: str = ""


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known, once per process, usually from ``AppConfig.ready``.

    Raises:
        ValueError: another kind has that name.
    """
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"a kind of work named {kind.name!r} is registered already")
    words_register(kind.words)
    makers.register(kind)


def unregister(name: str) -> None:
    """Forget a kind; a name that is not known is no error."""
    _kinds.pop(name, None)
    makers.unregister(name)


def get(name: str) -> Kind:
    """The kind of that name.

    Raises:
        KeyError: there is none.
    """
    return _kinds[name]


def find(name: str) -> Kind | None:
    """The kind of that name, if it is installed."""
    return _kinds.get(name)


def label(name: str) -> str:
    """A kind in plain words, or its name where it is not installed."""
    kind = _kinds.get(name)
    return str(kind.label) if kind else name


def registered() -> list[Kind]:
    """All kinds, in the order they were registered."""
    return list(_kinds.values())


def addresses() -> list[str]:
    """The modules with the addresses of all kinds."""
    return [kind.urls for kind in _kinds.values() if kind.urls]


def starts() -> list[Start]:
    """All that can be begun here."""
    return [start for kind in _kinds.values() for start in kind.starts()]
