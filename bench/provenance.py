"""What the marks cost, and how fast a copy is known again: ``python -m bench.provenance``.

Aims: credentials at most 20 KB and 10 ms a picture, along a chain of edits too; a copy with the
badge at 12 MP within a second; a million results searched within half a second.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psutil

from bench._timing import best_ms, machine

CHAIN = 10
ENTRIES = 1_000_000
SIZES = {"2 MP": (1152, 1728), "12 MP": (3000, 4000)}


@contextmanager
def site() -> Iterator[None]:
    """An empty site with its own database and key."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"FACEWEB_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "faceweb.settings"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield


def picture(height: int, width: int):
    """A portrait enlarged, with grain, uint8 (H, W, 3) BGR."""
    import cv2
    import numpy as np
    from skimage import data

    image = cv2.resize(data.astronaut()[..., ::-1], (width, height), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def credentials() -> None:
    """Bytes and milliseconds of signing along a chain of edits."""
    from faceweb.marks.containers import source_type_write
    from faceweb.marks.credentials import Step, credentials_sign, result_claim
    from faceweb.media.pictures import picture_encode

    files = picture_encode(picture(*SIZES["2 MP"])).files
    original, preview = files["original"].file.read(), files["preview"].file.read()
    plain = source_type_write(original, "image/jpeg")
    plain_preview = source_type_write(preview, "image/webp")
    parent, steps = original, ()
    print(f"{'edit':>5} {'original':>20} {'preview':>20}")
    for number in range(CHAIN + 1):
        steps = (*steps, Step.now("edit", "classic"))
        claim = result_claim(parent, steps)
        sign = partial(credentials_sign, plain, "image/jpeg", claim)
        sign_small = partial(credentials_sign, plain_preview, "image/webp", claim, chain=False)
        signed, small = sign(), sign_small()
        ms, small_ms = best_ms(sign), best_ms(sign_small)
        print(
            f"{number:5} {len(signed) - len(original):9,} B {ms:5.1f} ms "
            f"{len(small) - len(preview):9,} B {small_ms:5.1f} ms"
        )
        parent = signed


def copies() -> None:
    """A whole result's marks, and the copies that leave."""
    from django.contrib.auth import get_user_model
    from django.core.files.base import ContentFile

    from faceweb.marks.badge import badge_draw
    from faceweb.marks.marker import ResultMarker
    from faceweb.marks.services import badged_copy
    from faceweb.media.details import Details
    from faceweb.media.files import Picture, files_store
    from faceweb.media.makers import Step
    from faceweb.media.marking import Making
    from faceweb.media.models import Asset
    from faceweb.media.pictures import picture_encode

    def stored(owner: Any, picture: Picture, **fields: str) -> Asset:
        asset = Asset.objects.create(
            owner=owner, width=picture.width, height=picture.height, bytes=1, **fields
        )
        files_store(asset, picture)
        return asset

    owner = get_user_model().objects.create_user("bench@example.org", "x")
    marker = ResultMarker()
    print(f"\n{'size':>6} {'mark':>9} {'badge':>9} {'copy':>9} {'copy, 1600 px':>14}")
    for name, (height, width) in SIZES.items():
        image = picture(height, width)
        target = stored(owner, picture_encode(image))
        making = Making((Step.now("swap", "classic"),), target, (), Details("classic"))
        mark = marker.mark(image, making)
        marked = picture_encode(mark.image)
        signed = mark.sign(marked.files["original"].file.read(), "image/jpeg", chain=True)
        marked.files["original"] = replace(
            marked.files["original"], file=ContentFile(signed, "original")
        )
        result = stored(owner, marked, origin=Asset.Origin.RESULT, made_by="swap")
        mark.record(result)
        figures = [
            best_ms(work, 3)
            for work in (
                partial(marker.mark, image, making),
                partial(badge_draw, image),
                partial(badged_copy, photo=result),
                partial(badged_copy, photo=result, max_side=1600),
            )
        ]
        *three, shared = figures
        print(f"{name:>6} " + " ".join(f"{ms:6.0f} ms" for ms in three) + f" {shared:11.0f} ms")


def registry() -> None:
    """Loading and searching a million results."""
    from django.utils import timezone

    from faceweb.marks.models import MarkedResult
    from faceweb.marks.registry import LooksIndex

    for start in range(0, ENTRIES, 20_000):
        MarkedResult.objects.bulk_create(
            MarkedResult(
                mark_id=f"{start + number:016x}",
                pdq=secrets.token_hex(32),
                pdq_badged=secrets.token_hex(32),
                pdq_quality=100,
                kind="swap",
            )
            for number in range(20_000)
        )
    MarkedResult.objects.update(made_at=timezone.now() - timedelta(days=1))
    process = psutil.Process()
    before = process.memory_info().rss
    index = LooksIndex()
    begun = time.perf_counter()
    index.refresh()
    loaded = time.perf_counter() - begun
    held = (process.memory_info().rss - before) / 1e6
    ways = [secrets.token_bytes(32) for _ in range(8)]
    one, eight = best_ms(lambda: index.nearest(ways[:1])), best_ms(lambda: index.nearest(ways))
    print(
        f"\n{len(index):,} results: read in {loaded:.1f} s, {held:.0f} MB more; "
        f"searched in {one:.0f} ms, all eight ways round in {eight:.0f} ms"
    )


def main() -> None:
    """Print three tables."""
    print(machine())
    with site():
        credentials()
        copies()
        registry()


if __name__ == "__main__":
    main()
