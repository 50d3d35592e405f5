"""How pictures leave: headers, conditions, downloads, nginx, S3, and crops of faces."""

import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from faceweb.media.crops import square_round
from faceweb.media.models import Asset
from tests.media.conftest import store_result, stored_pixels

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(user: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(user)
    return signed_in


@pytest.fixture
def photo(user: Any, photo_factory: Any) -> Asset:
    made: Asset = photo_factory(user)
    return made


def address(photo: Asset, size: str = "thumb") -> str:
    return reverse("asset_file", args=[photo.pk, size])


@pytest.mark.parametrize(
    ("size", "kind"),
    [("original", "image/jpeg"), ("preview", "image/webp"), ("thumb", "image/webp")],
)
def test_the_bytes_are_those_stored(size: str, kind: str, client: Client, photo: Asset) -> None:
    response = client.get(address(photo, size))
    assert response["Content-Type"] == kind
    assert int(response["Content-Length"]) == len(response.content)
    with photo.file_of(size).open("rb") as file:
        assert response.content == file.read()


def test_a_picture_cannot_act_as_a_page_or_be_shared(client: Client, photo: Asset) -> None:
    response = client.get(address(photo))
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Cache-Control"] == "private, max-age=600"
    assert "Cookie" in response["Vary"]
    assert response["Content-Disposition"].startswith("inline; ")


def test_a_browser_that_has_it_gets_no_bytes(client: Client, photo: Asset) -> None:
    etag = client.get(address(photo))["ETag"]
    again = client.get(address(photo), headers={"if-none-match": etag})
    assert again.status_code == 304
    assert again.content == b""
    assert again["Cache-Control"] == "private, max-age=600"


def test_who_is_not_the_owner_learns_nothing_by_an_etag(
    client: Client, photo: Asset, other_user: Any, client_for: Any
) -> None:
    etag = client.get(address(photo))["ETag"]
    theirs = client_for(other_user).get(address(photo), headers={"if-none-match": etag})
    assert theirs.status_code == 404


def test_a_download_has_a_neutral_name(client: Client, photo: Asset) -> None:
    response = client.get(address(photo, "original") + "?download=1")
    expected = f'attachment; filename="faceweb-{photo.pk.hex[:8]}.jpg"'
    assert response["Content-Disposition"] == expected


@pytest.mark.parametrize("size", ["huge", "pk", "owner", "original.jpg"])
def test_there_are_no_other_sizes(size: str, client: Client, photo: Asset) -> None:
    assert client.get(f"/photos/{photo.pk}/file/{size}/").status_code == 404


def test_a_missing_file_is_a_404(client: Client, photo: Asset) -> None:
    photo.file_of("thumb").storage.delete(str(photo.file_of("thumb").name))
    assert client.get(address(photo)).status_code == 404


def test_nginx_gets_the_path_and_the_browser_does_not(
    client: Client, photo: Asset, settings: Any
) -> None:
    settings.DELIVERY = "accel"
    settings.DELIVERY_ACCEL_LOCATION = "/_private/"
    response = client.get(address(photo))
    assert response["X-Accel-Redirect"] == f"/_private/{photo.file_of('thumb').name}"
    assert response.content == b""
    assert response["Content-Type"] == "image/webp"
    assert response["Cache-Control"] == "private, max-age=600"


def test_s3_gets_a_short_lived_signed_address(
    client: Client, photo: Asset, settings: Any, other_user: Any, client_for: Any
) -> None:
    settings.DELIVERY = "signed"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": "pictures",
                "endpoint_url": "https://s3.example.org",
                "region_name": "eu-1",
                "access_key": "key",
                "secret_key": "secret",
                "querystring_expire": 60,
            },
        },
    }
    response = client.get(address(photo, "original") + "?download=1")
    theirs = client_for(other_user).get(address(photo, "original"))
    assert theirs.status_code == 404
    assert response.status_code == 302
    assert response["Cache-Control"] == "private, no-store"
    url = urlsplit(response["Location"])
    query = parse_qs(url.query)
    assert url.netloc == "s3.example.org"
    assert url.path == f"/pictures/{photo.file_of('original').name}"
    assert query["X-Amz-Expires"] == ["60"]
    assert query["response-content-type"] == ["image/jpeg"]
    assert query["response-content-disposition"] == [
        f'attachment; filename="faceweb-{photo.pk.hex[:8]}.jpg"'
    ]
    assert "secret" not in response["Location"]


def crop_of(client: Client, photo: Asset, index: int = 0) -> np.ndarray:
    response = client.get(reverse("photo_face", args=[photo.pk, index]))
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB"))


def scene(width: int, height: int, box: list[int]) -> np.ndarray:
    """A red box on blue, uint8 BGR."""
    image = np.full((height, width, 3), (200, 30, 30), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = (30, 30, 200)
    return image


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((640, 480), [400, 40, 520, 180]),
        ((4000, 3000), [2000, 1000, 2200, 1220]),
        ((4000, 3000), [1000, 500, 2600, 2300]),
        ((640, 480), [0, 0, 90, 90]),
    ],
)
def test_a_crop_shows_the_face_with_some_margin(
    size: tuple[int, int],
    box: list[int],
    client: Client,
    user: Any,
    face: dict[str, Any],
    published: Any,
    passing_screener: Any,
    photo_factory: Any,
) -> None:
    photo = store_result(user, photo_factory(user), image=scene(*size, box))
    Asset.objects.filter(pk=photo.pk).update(faces=[{**face, "box": box}], analysis="done")
    crop = crop_of(client, photo)
    assert crop.shape[0] == crop.shape[1] <= 160
    red = (crop[..., 0] > 120) & (crop[..., 2] < 120)
    left, top, side = square_round(box, *size)
    expected = (box[2] - box[0]) * (box[3] - box[1]) / side**2
    assert red.mean() == pytest.approx(expected, abs=0.05)
    if left > 0 and top > 0:
        assert red[80, 80]
        assert not red[2, 2]


def test_a_crop_is_kept_by_the_browser(
    client: Client, user: Any, photo_factory: Any, face: dict[str, Any]
) -> None:
    photo = photo_factory(user, np.zeros((480, 640, 3), np.uint8), faces=[face])
    url = reverse("photo_face", args=[photo.pk, 0])
    first = client.get(url)
    assert first["Cache-Control"] == "private, max-age=600"
    assert client.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304
    assert client.get(reverse("photo_face", args=[photo.pk, 1])).status_code == 404


@pytest.mark.parametrize(
    "box", [(0, 0, 10, 10), (90, 40, 130, 80), (-20, -20, 300, 300), (50, 50, 50, 50)]
)
def test_the_square_lies_within_the_picture(box: tuple[float, ...]) -> None:
    left, top, side = square_round(box, 120, 90)
    assert left >= 0
    assert top >= 0
    assert 0 < side <= 90
    assert left + side <= 120
    assert top + side <= 90


def test_stored_derivatives_are_small(
    user: Any, photo_factory: Any, published: Any, passing_screener: Any
) -> None:
    photo = store_result(user, photo_factory(user), image=scene(2000, 3000, [0, 0, 9, 9]))
    assert stored_pixels(photo, "preview").shape == (1280, 853, 3)
    assert stored_pixels(photo, "thumb").shape == (320, 213, 3)


@pytest.fixture
def result(
    user: Any, photo_factory: Any, portrait: np.ndarray, published: Any, passing_screener: Any
) -> Asset:
    return store_result(user, photo_factory(user, portrait), image=portrait)


def saved(response: Any) -> np.ndarray:
    """The pixels of a download, uint8 (H, W, 3) RGB."""
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))


@pytest.mark.parametrize("delivery", ["process", "accel", "signed"])
def test_a_result_is_saved_with_its_badge_however_pictures_are_delivered(
    delivery: str, client: Client, result: Asset, settings: Any
) -> None:
    settings.DELIVERY = delivery
    response = client.get(address(result, "original") + "?download=1")
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment; ")
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    changed = np.abs(saved(response).astype(int) - stored_pixels(result)).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 200
    assert rows.min() > 512 * 0.9
    assert columns.min() > 512 * 0.7


@pytest.mark.parametrize(("allowed", "badged"), [(False, True), (True, False)])
def test_the_badge_comes_off_only_where_the_operator_allows_it(
    allowed: bool, badged: bool, client: Client, result: Asset, settings: Any
) -> None:
    settings.BADGE_OPTIONAL = allowed
    response = client.get(address(result, "original") + "?download=1&badge=no")
    assert (np.abs(saved(response).astype(int) - stored_pixels(result)).max() > 40) == badged
    page = client.get(result.get_absolute_url()).content.decode()
    assert ("badge=no" in page) == allowed


@pytest.mark.parametrize("size", ["preview", "thumb"])
def test_small_copies_of_a_result_are_not_for_saving(
    size: str, client: Client, result: Asset
) -> None:
    assert client.get(address(result, size)).status_code == 200
    assert client.get(address(result, size) + "?download=1").status_code == 404


@pytest.mark.parametrize(
    "state",
    [
        {"screening": Asset.Screening.REVIEW},
        {"screening": Asset.Screening.BLOCKED},
        {"screening": Asset.Screening.PENDING},
        {"withheld": True},
    ],
)
def test_a_result_that_may_not_leave_is_not_saved(
    state: dict[str, Any], client: Client, result: Asset
) -> None:
    Asset.objects.filter(pk=result.pk).update(**state)
    assert client.get(address(result, "original") + "?download=1").status_code == 404


def test_an_upload_is_saved_as_it_is(client: Client, photo: Asset) -> None:
    response = client.get(address(photo, "original") + "?download=1")
    with photo.file_of("original").open("rb") as file:
        assert response.content == file.read()


def test_a_result_that_cannot_be_marked_is_not_saved(
    client: Client, result: Asset, settings: Any
) -> None:
    settings.PROVENANCE_CERT, settings.PROVENANCE_KEY = "not a certificate", "nor a key"
    response = client.get(address(result, "original") + "?download=1")
    assert response.status_code == 503
    assert b"Your picture is safe" in response.content
    assert b"\xff\xd8" not in response.content


def test_a_result_whose_file_is_gone_is_not_found(client: Client, result: Asset) -> None:
    result.file_of("original").storage.delete(str(result.file_of("original").name))
    assert client.get(address(result, "original") + "?download=1").status_code == 404
