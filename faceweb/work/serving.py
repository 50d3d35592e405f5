"""The order in which queued jobs are served.

Messages are served first in, first out, and at most a window of them per person is at the broker
at once: the next one of a person is sent, to the end of the line, when one of theirs ends. However
many jobs one person queues, everybody else's first job waits behind at most a window of them.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """One queued job; ``dispatched`` tells whether its message has been sent."""

    job: Hashable
    owner: Hashable
    dispatched: bool


def serving_order(
    running: Iterable[Hashable], queued: Iterable[Waiting], window: int
) -> Iterator[Hashable]:
    """The queued jobs as they will start, if every job takes the same time.

    Args:
        running: owners of the jobs at work, longest running first.
        queued: the sent ones in the order they were sent, then the others, oldest first.
        window: jobs per person that are at work or at the broker at once.
    """
    working = deque(running)
    outstanding = Counter(working)
    line: deque[Waiting] = deque()
    behind: defaultdict[Hashable, deque[Waiting]] = defaultdict(deque)
    for entry in queued:
        if entry.dispatched or outstanding[entry.owner] < window:
            line.append(entry)
            outstanding[entry.owner] += 1
        else:
            behind[entry.owner].append(entry)
    workers = max(len(working), 1)
    while line or working:
        if working and (len(working) >= workers or not line):
            owner = working.popleft()
            outstanding[owner] -= 1
            if behind[owner] and outstanding[owner] < window:
                line.append(behind[owner].popleft())
                outstanding[owner] += 1
        if line:
            started = line.popleft()
            working.append(started.owner)
            yield started.job
