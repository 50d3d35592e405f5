"""The kinds of work there are. Each is registered by the app that can do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceweb.media.models import Asset
    from faceweb.work.models import Job
    from faceweb.work.reporter import Reporter


@dataclass(frozen=True)
class Outcome:
    """What a finished run hands over.

    ``save`` stores the result. It is called inside the transaction that ends the job and only when
    this worker still holds it, so that a worker which lost its lease leaves nothing behind.
    ``figures`` is shown on the page and ``timings_ms`` maps a stage to milliseconds; both are JSON.
    """

    engine: str
    save: "Callable[[], Asset] | None" = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class JobKind:
    """One kind of work.

    ``run`` is called in a worker with the claimed job and its reporter. It raises
    `faceweb.work.errors.JobError` for what its owner can understand, and lets the other exceptions
    of that module pass. It may run again for the same job and must store nothing itself.
    ``warm_up`` loads what the first run would otherwise wait for.
    """

    name: str
    label: str
    run: "Callable[[Job, Reporter], Outcome]"
    warm_up: Callable[[], None] | None = None


_kinds: dict[str, JobKind] = {}


def register(kind: JobKind) -> None:
    """Make a kind known, once per process, usually from ``AppConfig.ready``.

    Raises:
        ValueError: another kind has that name.
    """
    if _kinds.setdefault(kind.name, kind) != kind:
        raise ValueError(f"a job kind named {kind.name!r} is registered already")


def unregister(name: str) -> None:
    """Forget a kind; a name that is not known is no error."""
    _kinds.pop(name, None)


def get(name: str) -> JobKind:
    """The kind of that name.

    Raises:
        KeyError: there is none.
    """
    return _kinds[name]


def label(name: str) -> str:
    """A kind in plain words, or its name where it is not installed."""
    kind = _kinds.get(name)
    return kind.label if kind else name


def registered() -> list[JobKind]:
    """All kinds, in the order they were registered."""
    return list(_kinds.values())
