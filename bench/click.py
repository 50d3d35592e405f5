"""From the click to the finished result on a whole idle site: ``python -m bench.click``.

Aim: a 2 MP photo in under 3 s, of which at most 0.5 s is not the engine.
"""

import io
import re
import statistics
import sys
import time

import numpy as np
import requests
from PIL import Image

from tests.conftest import sample_path
from tests.stack import Stack

RUNS = 7
TARGET_SIZE = (1264, 1582)
PASSWORD = "a long walk by the sea"


class Person:
    """Somebody at a browser, as far as addresses and forms go."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer

    def post(self, path: str, data: dict[str, str], **more: object) -> requests.Response:
        token = self.session.cookies["csrftoken"]
        answer = self.session.post(
            self.url + path,
            data={**data, "csrfmiddlewaretoken": token},
            timeout=60,
            **more,  # type: ignore[arg-type]
        )
        answer.raise_for_status()
        return answer

    def upload(self, image: Image.Image) -> str:
        """Send a photo and wait until its faces are known; gives its id."""
        file = io.BytesIO()
        image.save(file, "JPEG", quality=95)
        page = self.get("/studio/").text
        consent = re.search(r'name="consent" value="([^"]+)"', page)
        if consent is None:
            sys.exit("the studio shows no consent statement")
        answer = self.post(
            "/photos/upload/",
            {"slot": "target", "consent": consent[1]},
            files={"file": ("photo.jpg", file.getvalue(), "image/jpeg")},
            headers={"Accept": "application/json"},
        )
        photo = str(answer.json()["id"])
        while self.get(f"/studio/slot/?slot=target&photo={photo}").status_code == 204:
            time.sleep(0.1)
        return photo


def main() -> None:
    with Stack() as site:
        person = Person(site.url)
        person.get("/accounts/signup/")
        person.post("/accounts/signup/", {"email": "olive@example.org", "password1": PASSWORD})
        target = person.upload(Image.open(sample_path("hopper")).resize(TARGET_SIZE))
        source = person.upload(Image.open(sample_path("astronaut")).convert("RGB"))
        walls, engines = zip(*(one(person, target, source) for _ in range(RUNS)), strict=True)
    rest = np.subtract(walls, engines)
    print(f"click to result   {statistics.median(walls):5.2f} s  (worst {max(walls):.2f}, aim 3)")
    print(f"engine            {statistics.median(engines):5.2f} s")
    print(f"everything else   {np.median(rest):5.2f} s  (worst {rest.max():.2f}, aim 0.5)")


def one(person: Person, target: str, source: str) -> tuple[float, float]:
    """Seconds from the click to the result, and those that the engine says it took."""
    started = time.perf_counter()
    job = person.post("/swaps/", {"target": target, "source": source, "map-0": f"{source}:0"})
    while True:
        page = person.get(f"{job.url.removeprefix(person.url)}status/").text
        result = re.search(r'data-result="([^"]+)"', page)
        if result:
            break
        if 'data-state="failed"' in page:
            sys.exit("the job failed")
        time.sleep(0.05)
    wall = time.perf_counter() - started
    stages = re.findall(r"<dt>([^<]+)</dt><dd>([\d.,]+) ms</dd>", person.get(result[1]).text)
    parts = [float(ms.replace(",", "")) for name, ms in stages if name != "Total"]
    return wall, sum(parts) / 1000


if __name__ == "__main__":
    main()
