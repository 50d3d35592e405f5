"""Links with known tokens, and a marker that stands in for the real one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from faceweb.media.models import Asset, Lineage
from faceweb.media.pictures import asset_read
from faceweb.sharing import copies
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import token_digest
from tests.work.conftest import parallel_database

__all__ = ["parallel_database"]

PASSWORD = "between the two of us"
BADGE = (255, 0, 255)


@dataclass
class Shared:
    """A link together with the token that nothing but the test remembers."""

    link: ShareLink
    token: str

    def url(self, more: str = "") -> str:
        return f"/s/{self.token}/{more}"

    def change(self, **fields: Any) -> None:
        ShareLink.objects.filter(pk=self.link.pk).update(**fields)
        self.link.refresh_from_db()

    @property
    def views(self) -> int:
        return ShareLink.objects.values_list("views", flat=True).get(pk=self.link.pk)


def fake_badged_copy(*, photo: Asset, max_side: int) -> bytes:
    """A copy with a block of `BADGE` in its lower left eighth, which no test picture has."""
    image = asset_read(photo)
    scale = min(1.0, max_side / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    image[-height // 8 :, : width // 4] = BADGE
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def pixels(content: bytes) -> np.ndarray:
    """The bytes of a JPEG as uint8 (H, W, 3) BGR."""
    assert content[:3] == b"\xff\xd8\xff"
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def has_badge(image: np.ndarray) -> bool:
    """Whether a good part of a picture has the colour of the fake badge."""
    distance = np.abs(image.astype(int) - BADGE).max(axis=2)
    return bool((distance < 40).mean() > 0.01)


@pytest.fixture(autouse=True)
def fresh_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test is throttled or served by what another one did."""
    monkeypatch.setattr(copies, "badged_copy", fake_badged_copy)
    cache.clear()
    copies._kept.__init__()  # type: ignore[misc]
    yield
    cache.clear()


@pytest.fixture
def original(user: Any, photo_factory: Callable[..., Asset], portrait: np.ndarray) -> Asset:
    """What the result was made on, larger than what strangers may ever see."""
    return photo_factory(user, cv2.resize(portrait, (2000, 1500)))


@pytest.fixture
def result(user: Any, photo_factory: Callable[..., Asset], original: Asset) -> Asset:
    """A face swap of the owner's, of 2000 x 1500 pixels."""
    image = np.full((1500, 2000, 3), (60, 120, 40), np.uint8)
    photo = photo_factory(user, image, origin=Asset.Origin.RESULT, made_by="swap")
    Lineage.objects.create(child=photo, parent=original, role=Lineage.Role.TARGET)
    return photo


@pytest.fixture
def share(user: Any, result: Asset) -> Callable[..., Shared]:
    """A link to the result, which works for a week unless fields say otherwise."""
    made = 0

    def make(**fields: Any) -> Shared:
        nonlocal made
        made += 1
        token = f"token-{made}-" + "x" * 35
        fields.setdefault("photo", result)
        fields.setdefault("owner", user)
        fields.setdefault("expires_at", timezone.now() + timedelta(days=7))
        return Shared(ShareLink.objects.create(token_sha256=token_digest(token), **fields), token)

    return make


@pytest.fixture
def shared(share: Callable[..., Shared]) -> Shared:
    return share()


@pytest.fixture
def stranger() -> Client:
    """Somebody without an account, in a fresh browser."""
    return Client()
