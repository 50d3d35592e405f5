"""How long the answer to an upload takes: ``python -m bench.upload``.

Aim: a 12 MP JPEG under 1.5 s on two cores.
"""

import io
import statistics
import time

import numpy as np
from PIL import Image

from bench.site import signed_in_client

SIZES_PX = {
    "2 MP": (1632, 1224),
    "12 MP": (4000, 3000),
    "24 MP": (6000, 4000),
    "50 MP": (8160, 6120),
}
RUNS = 3


def phone_photo(width: int, height: int, seed: int) -> bytes:
    """A JPEG with the detail and noise of a phone's, turned by its EXIF, about 0.3 B a pixel."""
    rng = np.random.default_rng(seed)
    blobs = rng.integers(0, 255, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    smooth = Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-4, 5, (height, width, 1), dtype=np.int16)
    pixels = (np.asarray(smooth, np.int16) + noise).clip(0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def main() -> None:
    """Print one line a size."""
    with signed_in_client() as client:
        from django.core.files.uploadedfile import SimpleUploadedFile
        from django.urls import reverse

        from faceweb.media.consent import CONSENT_VERSION

        print(f"{'upload':8} {'file':>9} {'answer':>8}")
        for name, size in SIZES_PX.items():
            seconds = []
            for run in range(RUNS):
                content = phone_photo(*size, seed=run)
                file = SimpleUploadedFile("photo.jpg", content)
                begun = time.perf_counter()
                response = client.post(
                    reverse("photo_upload"),
                    {"file": file, "consent": CONSENT_VERSION},
                    headers={"accept": "application/json"},
                )
                seconds.append(time.perf_counter() - begun)
                if response.status_code != 201:
                    raise SystemExit(f"{name}: status {response.status_code}")
            print(f"{name:8} {len(content) / 1e6:6.1f} MB {statistics.median(seconds):6.2f} s")


if __name__ == "__main__":
    main()
