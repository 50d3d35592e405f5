"""What strangers get of a result that went the whole way, read by independent code."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from django.test import Client

from faceweb.marks import services
from faceweb.media.models import Asset
from faceweb.sharing import copies
from tests.marks.conftest import manifest_store
from tests.media.conftest import store_result
from tests.sharing.conftest import Shared, pixels

pytestmark = pytest.mark.django_db


@pytest.fixture
def marked(
    user: Any,
    photo_factory: Callable[..., Asset],
    portrait: np.ndarray,
    published: Any,
    passing_screener: None,
    share: Callable[..., Shared],
    monkeypatch: pytest.MonkeyPatch,
) -> Shared:
    """A link to a swap of 2000 x 2000 pixels, with the real marker at work."""
    monkeypatch.setattr(copies, "badged_copy", services.badged_copy)
    large = cv2.resize(portrait, (2000, 2000), interpolation=cv2.INTER_CUBIC)
    target = photo_factory(user, large)
    return share(photo=store_result(user, target, image=large), allow_download=True)


@pytest.mark.parametrize("what", ["picture/", "download/"])
def test_the_picture_says_what_it_is(what: str, marked: Shared, stranger: Client) -> None:
    content = stranger.get(marked.url(what)).content
    store = manifest_store(content)
    assert store["validation_state"] in {"Valid", "Trusted"}
    assert "compositeWithTrainedAlgorithmicMedia" in str(store)
    assert pixels(content).shape == (1600, 1600, 3)
    for secret in (str(marked.link.owner_id), "olive", "thumbnail"):
        assert secret not in str(store)


def test_picture_and_card_carry_the_badge(
    marked: Shared, stranger: Client, portrait: np.ndarray
) -> None:
    """Where the badge is, the copy is not what was stored; elsewhere it is nearly that."""
    shown = pixels(stranger.get(marked.url("picture/")).content)
    card = pixels(stranger.get(marked.url("preview.jpg")).content)[:, 285:915]
    for image in (shown, card):
        side = image.shape[0]
        plain = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
        apart = np.abs(image.astype(int) - plain).mean(axis=2)
        # The badge lies in the lower right, within this much of the picture.
        tall, wide = side // 18, side // 5
        assert apart[-tall:, -wide:].mean() > 30
        assert apart[: -side // 4].mean() < 8
