"""The order in which queued jobs are served.

Messages are served first in, first out, and of one person only a share is at the broker at once:
the next one of theirs is sent, to the end of the line, when a worker takes or ends one. However
many jobs one person queues, everybody else's first job waits behind at most a share of them.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from faceweb.core.durable.queue import Share


@dataclass(frozen=True)
class Working:
    """One job at work."""

    owner: Hashable
    expected_ms: int = 1000


@dataclass(frozen=True)
class Waiting:
    """One queued job; ``dispatched`` tells whether its message has been sent."""

    job: Hashable
    owner: Hashable
    expected_ms: int = 1000
    dispatched: bool = False


def serving_order(
    running: Iterable[Working], queued: Iterable[Waiting], *, places: int, share_ms: int
) -> Iterator[Hashable]:
    """The queued jobs as they will start, if every job takes the time that is expected.

    Args:
        running: the jobs at work, longest running first.
        queued: the sent ones in the order they were sent, then the others, oldest first.
        places: jobs per person that are at work or at the broker at once.
        share_ms: expected milliseconds of one person's work that are at the broker at once.
    """
    line = _Line(places, share_ms)
    serial = count()
    # When each worker is free again, in the order in which they took their jobs.
    working = [(job.expected_ms, next(serial), job.owner) for job in running]
    workers = max(len(working), 1)
    for _, _, owner in working:
        line.outstanding[owner] += 1
    heapq.heapify(working)
    for entry in queued:
        line.enter(entry)
    now = 0
    while line.sent or working:
        if working and (len(working) >= workers or not line.sent):
            now, _, owner = heapq.heappop(working)
            line.ended(owner)
        if line.sent:
            started = line.take()
            heapq.heappush(working, (now + started.expected_ms, next(serial), started.owner))
            yield started.job


class _Line:
    """What lies at the broker, and what of each person waits behind it."""

    def __init__(self, places: int, share_ms: int) -> None:
        self.sent: deque[Waiting] = deque()
        self.outstanding: Counter[Hashable] = Counter()
        self._places = places
        self._behind: defaultdict[Hashable, deque[Waiting]] = defaultdict(deque)
        self._shares: defaultdict[Hashable, Share] = defaultdict(lambda: Share(0, 0, share_ms))

    def enter(self, entry: Waiting) -> None:
        """Another queued job, in the order of `serving_order`."""
        if entry.dispatched:
            self._shares[entry.owner].add(entry.expected_ms)
            self._send(entry)
        else:
            self._behind[entry.owner].append(entry)
            self._send_next(entry.owner)

    def take(self) -> Waiting:
        """A worker takes the first of the line."""
        taken = self.sent.popleft()
        self._shares[taken.owner].free(taken.expected_ms)
        self._send_next(taken.owner)
        return taken

    def ended(self, owner: Hashable) -> None:
        """One of a person's jobs at work has ended."""
        self.outstanding[owner] -= 1
        self._send_next(owner)

    def _send_next(self, owner: Hashable) -> None:
        behind, share = self._behind[owner], self._shares[owner]
        while behind and self.outstanding[owner] < self._places:
            if not share.take(behind[0].expected_ms):
                return
            self._send(behind.popleft())

    def _send(self, entry: Waiting) -> None:
        self.sent.append(entry)
        self.outstanding[entry.owner] += 1
