"""A site whose processes are killed at random while it works: ``python -m bench.faults``.

One person asks for swaps and edits; every few seconds the worker, Redis, beat or the web process is
killed or told to stop. When the time is over and the site has been left in peace, this must hold:

- every job has ended, one way, and one that failed says why;
- no job has more than one result, and no result is without a job;
- every stored file belongs to a picture, once the site has swept what is old, and no picture lacks
  one.

Prints what was done and what is broken; ends with 1 where anything is.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Final

import requests
from PIL import Image

from bench._budget import Budget, budget_parser
from bench.click import PASSWORD, Person
from tests.conftest import sample_path
from tests.stack import Stack

PROCESSES: Final = ("worker", "worker", "worker", "redis", "beat", "web")
"""Those with most to lose more often."""
PEACE_SECONDS: Final = 180.0
BETWEEN_SECONDS: Final = (1.0, 6.0)
UNFINISHED: Final = 3
"""Jobs that are on their way at once."""

# Every file without a row made old, and the site's own sweep over it; what is left is told.
INSPECT: Final = """
import json, os
from pathlib import Path
from django.conf import settings
from faceweb.media.models import Asset, Rendition
from faceweb.media.sweep import files_sweep
from faceweb.work.models import Job
root = Path(settings.MEDIA_ROOT)
def files():
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
rows = set(Rendition.objects.values_list("file", flat=True))
left = files() - rows
for name in left:
    os.utime(root / name, (0, 0))
files_sweep()
jobs = [
    {"id": str(j.pk), "state": j.state, "result": str(j.result_id or ""), "made": j.made,
     "error": j.error_code, "attempt": j.attempt}
    for j in Job.objects.all()
]
print(json.dumps({
    "jobs": jobs,
    "results": [str(pk) for pk in Asset.objects.filter(
        origin=Asset.Origin.RESULT).values_list("pk", flat=True)],
    "left_behind": sorted(left),
    "orphans": sorted(files() - rows),
    "lost": sorted(rows - files()),
}))
"""


def work_ask(person: Person, chooser: random.Random, target: str, source: str) -> str | None:
    """Ask for a swap or an edit; the job's address, or None where no one answered."""
    try:
        if chooser.random() < 0.6:
            answer = person.post(
                "/swaps/", {"target": target, "source": source, "map-0": f"{source}:0"}
            )
        else:
            strength = str(chooser.choice((20, 40, 60)))
            answer = person.post("/edits/", {"photo": target, "face": "0", "smile": strength})
    except requests.RequestException:
        return None
    return answer.url if "/jobs/" in answer.url else None


def process_hit(site: Stack, chooser: random.Random) -> str:
    """End one process, most often without warning."""
    name = chooser.choice(PROCESSES)
    what = chooser.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    pid = site.pid_of(name)
    with suppress(ProcessLookupError):
        os.kill(pid, what)
    return f"{name} {what.name}"


def site_inspect(site: Stack) -> dict[str, Any]:
    """What rows and files say."""
    said = site.manage("shell", "-v", "0", "-c", INSPECT).stdout
    answer: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return answer


def is_unfinished(job: dict[str, Any]) -> bool:
    """Whether something more is to happen to it."""
    return job["state"] in {"queued", "running"}


def broken(seen: dict[str, Any], asked: set[str]) -> list[str]:
    """A sentence for each rule that does not hold."""
    jobs, found = seen["jobs"], []
    for job in jobs:
        if is_unfinished(job):
            found.append(f"job {job['id']} is still {job['state']}")
        if job["state"] == "failed" and not job["error"]:
            found.append(f"job {job['id']} failed and does not say why")
        if job["state"] == "done" and (job["made"] == "picture") != bool(job["result"]):
            found.append(f"job {job['id']} is done, made {job['made']!r}, result {job['result']!r}")
        if job["state"] != "done" and job["result"]:
            found.append(f"job {job['id']} is {job['state']} and has a result")
    results = [job["result"] for job in jobs if job["result"]]
    if sorted(results) != sorted(seen["results"]):
        found.append(f"{len(seen['results'])} results for {len(results)} jobs that have one")
    missing = asked - {job["id"] for job in jobs}
    if missing:
        found.append(f"jobs that were accepted are gone: {sorted(missing)}")
    found += [f"no picture has the file {name}" for name in seen["orphans"]]
    found += [f"a picture has lost its file {name}" for name in seen["lost"]]
    return found


def faults(seconds: float, seed: int) -> int:
    """Work and kill for so long, wait, look."""
    chooser = random.Random(seed)
    hits: list[str] = []
    asked: set[str] = set()
    refused = 0
    with Stack(FACEWEB_JOB_LEASE_SECONDS="6") as site:
        person = Person(site.url)
        person.get("/accounts/signup/")
        person.post("/accounts/signup/", {"email": "olive@example.org", "password1": PASSWORD})
        target = person.upload(Image.open(sample_path("hopper")))
        source = person.upload(Image.open(sample_path("astronaut")).convert("RGB"))
        budget = Budget(seconds)
        while budget.is_left:
            for _ in range(chooser.randint(0, UNFINISHED)):
                url = work_ask(person, chooser, target, source)
                refused += url is None
                if url is not None:
                    asked.add(url.rstrip("/").rpartition("/")[2])
            time.sleep(chooser.uniform(*BETWEEN_SECONDS))
            hits.append(process_hit(site, chooser))
        peace = Budget(PEACE_SECONDS)
        seen = site_inspect(site)
        while any(map(is_unfinished, seen["jobs"])) and peace.is_left:
            time.sleep(2)
            seen = site_inspect(site)
        found = broken(seen, asked)
        if found:
            print(site.output()[-8000:])
    states = [f"{job['state']} {job['error']}".strip() for job in seen["jobs"]]
    print(f"hits ({len(hits)}): {', '.join(f'{hits.count(h)}x {h}' for h in sorted(set(hits)))}")
    print(
        f"jobs ({len(states)}): {', '.join(f'{states.count(s)}x {s}' for s in sorted(set(states)))}"
    )
    print(f"attempts at most {max((job['attempt'] for job in seen['jobs']), default=0)}")
    print(
        f"accepted {len(asked)}, asked in vain {refused} times; in peace after {peace.spent:.0f} s"
    )
    print(f"files that a killed process left and the sweep removed: {len(seen['left_behind'])}")
    for sentence in found:
        print(f"BROKEN: {sentence}")
    print(f"faults: seed {seed}, {len(found)} broken")
    return 1 if found else 0


def main() -> int:
    """Run for as long as is said."""
    said = budget_parser(__doc__).parse_args()
    seed = random.SystemRandom().randrange(10**9) if said.seed is None else said.seed
    return faults(said.seconds, seed)


if __name__ == "__main__":
    sys.exit(main())
