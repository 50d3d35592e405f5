"""Results with their marks, and independent eyes to read them with."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from faceweb.marks import marker, registry
from faceweb.marks.keys import roots_load
from faceweb.media.models import Asset
from tests.media.conftest import store_result


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a database of its own; the index in memory must not remember another's."""
    monkeypatch.setattr(registry, "_index", registry.LooksIndex())


@pytest.fixture(autouse=True)
def same_numbers_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How well a small picture holds its mark depends a little on the number."""
    numbers = SimpleNamespace(randbelow=random.Random(11).randrange)
    monkeypatch.setattr(marker, "secrets", numbers)


@pytest.fixture
def upload(user: Any, photo_factory: Any, portrait: np.ndarray) -> Asset:
    photo: Asset = photo_factory(user, portrait)
    return photo


def smiling(portrait: np.ndarray) -> np.ndarray:
    """Something else than the portrait, as a swap would give: its face is changed."""
    changed = portrait.copy()
    changed[60:190, 160:290] = cv2.flip(changed[60:190, 160:290], 1)
    return changed


@pytest.fixture
def result(
    user: Any,
    upload: Asset,
    portrait: np.ndarray,
    published: Any,
    passing_screener: None,
) -> Asset:
    """A swap, made on ``upload``."""
    return store_result(user, upload, image=smiling(portrait))


@pytest.fixture
def large_result(
    user: Any,
    upload: Asset,
    portrait: np.ndarray,
    published: Any,
    passing_screener: None,
) -> Asset:
    """A swap of 1 megapixel: half of it still holds the mark, whatever its number is."""
    large = cv2.resize(smiling(portrait), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    return store_result(user, upload, image=np.asarray(large, np.uint8))


def content_of(photo: Asset, field: str = "original") -> bytes:
    with photo.file_of(field).open("rb") as file:
        return bytes(file.read())


def manifest_store(content: bytes, media_type: str = "image/jpeg") -> dict[str, Any]:
    """What the C2PA reader says of a file, this site's roots trusted."""
    import io

    import c2pa

    context = c2pa.Context.from_dict({"trust": {"trust_anchors": "".join(roots_load())}})
    with c2pa.Reader(media_type, io.BytesIO(content), context=context) as reader:
        store: dict[str, Any] = json.loads(reader.detailed_json())
        store["validation_state"] = reader.get_validation_state()
    return store


def exiftool(path: Path, *tags: str) -> dict[str, Any]:
    """What exiftool reads from a file, or a skip that says that it is missing."""
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    done = subprocess.run(
        ["exiftool", "-json", "-n", *tags, str(path)], capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def pixels_of(content: bytes) -> np.ndarray:
    """uint8 (H, W, 3) BGR."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
