"""What a page of the gallery costs among many photos: ``python -m bench.gallery``.

Aim: 48 photos of 5,000 in under 12 queries.
"""

import statistics
import time

from bench.site import signed_in_client

PHOTOS = (50, 500, 5_000)
PAGES = ("", "?page=50", "?show=results")
RUNS = 9


def main() -> None:
    """Print one line for each size of gallery and page."""
    with signed_in_client() as client:
        from django.contrib.auth import get_user_model
        from django.db import connection
        from django.test.utils import CaptureQueriesContext
        from django.urls import reverse

        from faceweb.media.models import Asset

        user = get_user_model().objects.get()
        print(f"{'photos':>6} {'page':14} {'queries':>7} {'answer':>9}")
        for count in PHOTOS:
            missing = count - Asset.objects.count()
            Asset.objects.bulk_create(
                Asset(
                    owner=user,
                    width=4000,
                    height=3000,
                    bytes=1,
                    origin=Asset.Origin.UPLOAD if n % 3 else Asset.Origin.RESULT,
                    made_by="" if n % 3 else "swap",
                    analysis=Asset.Analysis.DONE,
                )
                for n in range(missing)
            )
            for page in PAGES:
                seconds = []
                for _ in range(RUNS):
                    with CaptureQueriesContext(connection) as queries:
                        begun = time.perf_counter()
                        response = client.get(reverse("photos") + page)
                        seconds.append(time.perf_counter() - begun)
                    if response.status_code != 200:
                        raise SystemExit(f"status {response.status_code}")
                milliseconds = 1000 * statistics.median(seconds)
                print(f"{count:6} {page or 'first':14} {len(queries):7} {milliseconds:6.1f} ms")


if __name__ == "__main__":
    main()
