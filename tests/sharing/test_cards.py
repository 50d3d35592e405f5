"""What chats and feeds show of a link, and that nobody can bend it to another site."""

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from django.test import Client
from django.test.utils import override_script_prefix

from faceweb.media.models import Asset
from tests.sharing.conftest import Shared, pixels

pytestmark = pytest.mark.django_db

PUBLIC = "https://faces.example"


@pytest.fixture(autouse=True)
def public_site(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = PUBLIC


def cards(page: str) -> dict[str, str]:
    """The page's Open Graph and Twitter properties."""
    pairs = re.findall(r'<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)">', page)
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


def test_a_page_carries_a_whole_card(shared: Shared, stranger: Client) -> None:
    card = cards(stranger.get(shared.url()).content.decode())
    image = f"{PUBLIC}{shared.url('preview.jpg')}"
    assert card["og:url"] == f"{PUBLIC}{shared.url()}"
    assert card["og:image"] == card["twitter:image"] == image
    assert (card["og:image:width"], card["og:image:height"]) == ("1200", "630")
    assert card["og:image:type"] == "image/jpeg"
    assert "AI-edited" in card["og:image:alt"]
    assert card["og:title"] == "AI-edited picture"
    assert "Face swap" in card["og:description"]
    assert card["og:type"] == "website"
    assert card["twitter:card"] == "summary_large_image"


def test_a_card_below_a_path_has_it_once(shared: Shared, stranger: Client, settings: Any) -> None:
    settings.PUBLIC_BASE_URL, settings.FORCE_SCRIPT_NAME = f"{PUBLIC}/faces", "/faces"
    with override_script_prefix("/faces/"):
        card = cards(stranger.get(shared.url()).content.decode())
    assert card["og:url"] == f"{PUBLIC}/faces{shared.url()}"
    image = f"{PUBLIC}/faces{shared.url('preview.jpg')}"
    assert card["og:image"] == card["twitter:image"] == image


def test_a_card_names_nobody(share: Callable[..., Shared], user: Any, stranger: Client) -> None:
    user.name = "Olive Oyl"
    user.save()
    page = stranger.get(share(show_name=True, note="for Bluto").url()).content.decode()
    text = " ".join(cards(page).values())
    assert "Olive" not in text
    assert "Bluto" not in text
    assert "Olive" not in page.partition("<body")[0]


@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2000), (3000, 500), (300, 2000), (90, 60)])
def test_the_cards_picture_has_its_size_and_the_whole_badge(
    size: tuple[int, int], share: Callable[..., Shared], photo_factory: Any, user: Any
) -> None:
    width, height = size
    image = np.full((height, width, 3), (60, 120, 40), np.uint8)
    shared = share(photo=photo_factory(user, image, origin=Asset.Origin.RESULT, made_by="swap"))
    response = Client().get(shared.url("preview.jpg"))
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["Cache-Control"] == "private, no-store"
    assert b"compositeWithTrainedAlgorithmicMedia" in response.content
    card = pixels(response.content)
    assert card.shape == (630, 1200, 3)
    # Whole: as wide as a quarter of the picture and as high as its eighth.
    marked = np.abs(card.astype(int) - (255, 0, 255)).max(axis=2) < 60
    rows, columns = np.nonzero(marked)
    scale = min(1200 / width, 630 / height)
    assert np.ptp(columns) + 1 == pytest.approx(width * scale / 4, rel=0.1, abs=3)
    assert np.ptp(rows) + 1 == pytest.approx(height * scale / 8, rel=0.1, abs=3)


def test_nothing_can_be_made_out_beside_the_picture(
    share: Callable[..., Shared], photo_factory: Any, user: Any, portrait: np.ndarray
) -> None:
    tall = cv2.resize(portrait, (600, 1200))
    shared = share(photo=photo_factory(user, tall, origin=Asset.Origin.RESULT, made_by="swap"))
    card = pixels(Client().get(shared.url("preview.jpg")).content)
    side = cv2.cvtColor(card[:, :400], cv2.COLOR_BGR2GRAY)
    assert cv2.Laplacian(side, cv2.CV_64F).var() < 20
    assert side.mean() < 128


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost"},
        {"host": "127.0.0.1:8000"},
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-for": "evil.example", "x-forwarded-server": "evil.example"},
        {"forwarded": "host=evil.example;proto=http"},
        {"x-original-url": "http://evil.example/", "x-rewrite-url": "http://evil.example/"},
    ],
    ids=str,
)
def test_no_header_chooses_the_cards_address(
    headers: dict[str, str], shared: Shared, stranger: Client
) -> None:
    page = stranger.get(shared.url(), headers=headers).content.decode()
    card = cards(page)
    for name in ("og:url", "og:image", "twitter:image"):
        assert card[name].startswith(f"{PUBLIC}/s/")
    assert "evil.example" not in page
    assert "localhost" not in page


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil", ""])
def test_an_unknown_host_is_not_answered(host: str, shared: Shared, stranger: Client) -> None:
    response = stranger.get(shared.url(), headers={"host": host})
    if host:
        assert response.status_code == 400
    assert b"evil" not in response.content


def test_a_whole_address_as_the_target_chooses_nothing(shared: Shared, stranger: Client) -> None:
    page = stranger.get(f"http://evil.example{shared.url()}").content.decode()
    assert cards(page)["og:url"] == f"{PUBLIC}{shared.url()}"
    assert "evil.example" not in page


async def test_nor_does_it_over_the_servers_own_protocol() -> None:
    """An address that the server hands over whole, as a request through a proxy may, is no page."""
    from asgiref.testing import ApplicationCommunicator

    from faceweb.asgi import django_application

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "http://evil.example/s/nothing/", "raw_path": b"http://evil.example/s/nothing/",
        "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    application = ApplicationCommunicator(django_application, scope)
    await application.send_input({"type": "http.request", "body": b""})
    start = await application.receive_output(5)
    body = await application.receive_output(5)
    assert start["status"] == 404
    assert b"evil.example" not in body["body"]
