"""Uploads over HTTP, and what they leave on the disk."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from faceweb.media.consent import CONSENT_VERSION
from faceweb.media.details import Details
from faceweb.media.models import Asset
from faceweb.media.results import result_prepare, result_store
from models.faces.face import Face, Pose, Quality
from tests.work.conftest import parallel_database

__all__ = ["parallel_database"]

Upload = Callable[..., Any]


def encoded(image: Image.Image, format_: str = "JPEG", **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and yellow quarters, clockwise from the upper left."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left] = (255, 0, 0)
    pixels[:top, left:] = (0, 255, 0)
    pixels[top:, left:] = (0, 0, 255)
    pixels[top:, :left] = (255, 255, 0)
    return Image.fromarray(pixels)


def stored_pixels(photo: Asset, field: str = "original") -> np.ndarray:
    """A stored copy as uint8 (H, W, 3) RGB."""
    with photo.file_of(field).open("rb") as file, Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def send(client: Client, content: bytes, name: str = "photo.jpg", **fields: Any) -> Any:
    """Post a file as a script does; consent is given unless a field says otherwise."""
    data = {
        "consent": CONSENT_VERSION,
        **fields,
        "file": SimpleUploadedFile(name, content, "application/octet-stream"),
    }
    return client.post(reverse("photo_upload"), data, headers={"accept": "application/json"})


@pytest.fixture
def upload(client_for: Callable[[Any], Client], user: Any, media: Path, published: Any) -> Upload:
    """Send a file as the signed-in ``user``."""
    client = client_for(user)

    def post(content: bytes, name: str = "photo.jpg", **fields: Any) -> Any:
        return send(client, content, name, **fields)

    return post


@pytest.fixture
def face() -> dict[str, Any]:
    """A face as it is kept on a photo, in the upper right of a 640 x 480 picture."""
    points = [[430, 90], [490, 90], [460, 120], [440, 150], [480, 150]]
    found = Face(
        box=np.array([400, 40, 520, 180], np.float32),
        kps=np.array(points, np.float32),
        landmarks=None,
        score=1.0,
        pose=Pose(yaw=0, pitch=0, roll=0),
        quality=Quality(width_px=120, sharpness=10),
    )
    return found.to_dict()


def store_result(
    owner: Any,
    target: Asset,
    *sources: Asset,
    image: np.ndarray,
    kind: str = "swap",
    engine: str = "classic",
) -> Asset:
    """A result that went the whole way, marks and all; wants `passing_screener`."""
    return result_store(
        result_prepare(
            owner=owner,
            image=image,
            kind=kind,
            engine=engine,
            what={},
            target=target,
            sources=sources,
            making=Details("classic"),
        )
    )
