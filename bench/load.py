"""What a running site carries on this machine alone: ``python -m bench.load --seconds 60``.

Several people at once look at their gallery and at the studio, and one sends a photo now and then.
Prints requests a second, requests a second of the web process's CPU, and how long they took; ends
with 1 where any answer was a fault of the site's or none came.
"""

from __future__ import annotations

import io
import re
import sys
import threading
from collections import Counter
from typing import Final

import numpy as np
import psutil
import requests
from PIL import Image

from bench._budget import Budget, budget_parser
from bench._timing import machine
from bench.click import PASSWORD, Person
from tests.conftest import sample_path
from tests.stack import Stack

PEOPLE: Final = 6
PAGES: Final = ("/photos/", "/studio/", "/photos/?show=results", "/jobs/")
UPLOAD_EVERY: Final = 40
"""Pages that are asked for between one person's photos."""


class Tally:
    """What all people were answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.faults: list[str] = []

    def add(self, what: str, answer: requests.Response) -> None:
        """Count one answer."""
        with self._lock:
            self.answers[f"{what} {answer.status_code}"] += 1
            self.seconds.append(answer.elapsed.total_seconds())
            if answer.status_code >= 500:
                self.faults.append(f"{what}: {answer.status_code}")

    def add_silence(self, what: str, error: requests.RequestException) -> None:
        """Count one that never came."""
        with self._lock:
            self.faults.append(f"{what}: {type(error).__name__}")


def photo_file(number: int) -> bytes:
    """A small photo that no other upload equals."""
    image = Image.open(sample_path("hopper")).resize((256, 300))
    image.putpixel((0, 0), (number % 256, number // 256 % 256, 9))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def visit(person: Person, number: int, budget: Budget, tally: Tally) -> None:
    """One person, until the time is over."""
    asked = 0
    while budget.is_left:
        asked += 1
        path = PAGES[asked % len(PAGES)]
        try:
            if asked % UPLOAD_EVERY == 0 and number == 0:
                path = "upload"
                tally.add(path, photo_send(person, asked))
            else:
                tally.add(path, person.session.get(person.url + path, timeout=60))
        except requests.RequestException as error:
            tally.add_silence(path, error)


def photo_send(person: Person, number: int) -> requests.Response:
    """Send a photo as the studio does; any answer is one."""
    page = person.get("/studio/").text
    consent = re.search(r'name="consent" value="([^"]+)"', page)
    assert consent is not None
    return person.session.post(
        person.url + "/photos/upload/",
        data={
            "slot": "target",
            "consent": consent[1],
            "csrfmiddlewaretoken": person.session.cookies["csrftoken"],
        },
        files={"file": ("photo.jpg", photo_file(number), "image/jpeg")},
        headers={"Accept": "application/json"},
        timeout=60,
    )


def person_new(url: str, number: int) -> Person:
    """Somebody with an account and two photos."""
    person = Person(url)
    person.get("/accounts/signup/")
    person.post("/accounts/signup/", {"email": f"p{number}@example.org", "password1": PASSWORD})
    for count in range(2):
        photo_send(person, 1000 * number + count).raise_for_status()
    return person


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children until now; ended children count."""
    process = psutil.Process(pid)
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def load(seconds: float) -> int:
    """Start a site, let people loose on it, print what it carried."""
    tally = Tally()
    with Stack() as site:
        people = [person_new(site.url, number) for number in range(PEOPLE)]
        web = site.pid_of("web")
        before = cpu_seconds(web)
        budget = Budget(seconds)
        threads = [
            threading.Thread(target=visit, args=(person, number, budget, tally))
            for number, person in enumerate(people)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent, cpu = budget.spent, cpu_seconds(web) - before
        if site.pid_of("web") != web:
            tally.faults.append("the web process was started anew")
    count = len(tally.seconds)
    print(f"load, {PEOPLE} people, {machine()}")
    for what, times in sorted(tally.answers.items()):
        print(f"{times:8} {what}")
    print(f"{count} requests in {spent:.0f} s: {count / spent:.1f} a second")
    print(f"{count / max(cpu, 0.01):.1f} requests a CPU second of the web process ({cpu:.1f} s)")
    if count:
        middle, late = (1000 * value for value in np.percentile(tally.seconds, [50, 99]))
        print(f"half within {middle:.0f} ms, 99 of 100 within {late:.0f} ms")
    for fault, times in Counter(tally.faults).items():
        print(f"FAULT: {times}x {fault}")
    print(f"load: {len(tally.faults)} faults")
    return 1 if tally.faults or not count else 0


def main() -> int:
    """Run for as long as is said."""
    return load(budget_parser(__doc__).parse_args().seconds)


if __name__ == "__main__":
    sys.exit(main())
