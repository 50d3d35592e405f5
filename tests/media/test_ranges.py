"""Parts of files: HEAD, Range, If-Range, and a large file that never lies in memory."""

import asyncio
import hashlib
import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse

from faceweb.media.files import NewFile, Picture, files_store
from faceweb.media.models import Asset, Rendition, Timing
from faceweb.media.ranges import ByteRange, UnsatisfiableRange, range_of
from faceweb.media.stored_bytes import CHUNK

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=10-19", ByteRange(10, 19)),
        ("bytes=90-", ByteRange(90, 99)),
        ("bytes=90-500", ByteRange(90, 99)),
        ("bytes=-10", ByteRange(90, 99)),
        ("bytes=-1000", ByteRange(0, 99)),
        ("BYTES=1-2", ByteRange(1, 2)),
        # Not understood or not valid, so all of it: RFC 9110, 14.1.1 and 14.2.
        ("", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("pages=1-2", None),
        ("bytes=a-b", None),
        ("bytes=1-2x", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_one_range_is_understood(asked: str, expected: ByteRange | None) -> None:
    request = RequestFactory().get("/", headers={"range": asked})
    assert range_of(request, size=100, etag=ETAG) == expected


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999-1000"])
def test_what_lies_beyond_the_end_cannot_be_had(asked: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        range_of(RequestFactory().get("/", headers={"range": asked}), size=100, etag=ETAG)


@pytest.mark.parametrize(
    ("condition", "is_part"),
    [
        (ETAG, True),
        ('"other"', False),
        (f"W/{ETAG}", False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
    ],
)
def test_a_part_is_given_only_of_the_file_that_was_begun(condition: str, is_part: bool) -> None:
    request = RequestFactory().get("/", headers={"range": "bytes=0-9", "if-range": condition})
    assert (range_of(request, size=100, etag=ETAG) is not None) == is_part


def test_only_get_has_parts() -> None:
    request = RequestFactory().head("/", headers={"range": "bytes=0-9"})
    assert range_of(request, size=100, etag=ETAG) is None


CONTENT = bytes(range(256)) * 3000  # 768,000 bytes: three pieces


@pytest.fixture
def client(user: Any, client_for: Any) -> Client:
    signed_in: Client = client_for(user)
    return signed_in


@pytest.fixture
def clip(user: Any, media: Path) -> Asset:
    """A film whose file is longer than one piece."""
    return film(user, ContentFile(CONTENT))


def film(owner: Any, file: Any) -> Asset:
    asset = Asset.objects.create(
        owner=owner, kind=Asset.Kind.VIDEO, width=640, height=360, bytes=file.size,
        screening=Asset.Screening.CLEAR,
    )  # fmt: skip
    Timing.objects.create(asset=asset, duration_ms=1000, frames=30, rate_numerator=30)
    files_store(asset, Picture(640, 360, {"clip": NewFile("video/mp4", 640, 360, file)}))
    return asset


def address(asset: Asset) -> str:
    return reverse("asset_file", args=[asset.pk, "clip"])


def body(response: Any) -> bytes:
    return response.getvalue() if response.streaming else response.content


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("", 200, 0, 767_999),
        ("bytes=0-", 206, 0, 767_999),
        ("bytes=1000-1009", 206, 1000, 1009),
        ("bytes=-500", 206, 767_500, 767_999),
        (f"bytes=5-{CHUNK + 400}", 206, 5, CHUNK + 400),
        ("bytes=0-1,5-6", 200, 0, 767_999),
    ],
)
@pytest.mark.django_db
def test_exactly_the_bytes_asked_for_come(
    asked: str, status: int, first: int, last: int, client: Client, clip: Asset
) -> None:
    response: Any = client.get(address(clip), headers={"range": asked} if asked else {})
    assert response.status_code == status
    assert response["Content-Type"] == "video/mp4"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(last - first + 1)
    assert response.get("Content-Range") == (
        f"bytes {first}-{last}/768000" if status == 206 else None
    )
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.django_db
def test_a_range_beyond_the_end_is_416(client: Client, clip: Asset) -> None:
    response = client.get(address(clip), headers={"range": "bytes=768000-"})
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */768000"
    assert response.content == b""


@pytest.mark.django_db
def test_head_has_the_headers_and_no_bytes(client: Client, clip: Asset) -> None:
    got, head = client.get(address(clip)), client.head(address(clip))
    assert head.status_code == 200
    assert body(head) == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Accept-Ranges", "Cache-Control"):
        assert head[name] == got[name]


@pytest.mark.django_db
def test_a_download_goes_on_where_it_broke_off(client: Client, clip: Asset) -> None:
    etag = client.head(address(clip))["ETag"]
    rest: Any = client.get(address(clip), headers={"range": "bytes=700000-", "if-range": etag})
    assert body(rest) == CONTENT[700_000:]
    whole: Any = client.get(
        address(clip), headers={"range": "bytes=700000-", "if-range": '"another"'}
    )
    assert (whole.status_code, len(body(whole))) == (200, len(CONTENT))


@pytest.mark.django_db
def test_the_tag_follows_the_bytes(user: Any, client: Client, clip: Asset) -> None:
    other = film(user, ContentFile(CONTENT[:-1]))
    assert client.head(address(clip))["ETag"] != client.head(address(other))["ETag"]
    assert clip.rendition("clip").sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.django_db
def test_a_browser_that_has_it_gets_no_part_of_it(client: Client, clip: Asset) -> None:
    etag = client.head(address(clip))["ETag"]
    again = client.get(address(clip), headers={"range": "bytes=0-9", "if-none-match": etag})
    assert again.status_code == 304


@pytest.mark.django_db
def test_nginx_is_left_to_cut_the_part(client: Client, clip: Asset, settings: Any) -> None:
    settings.DELIVERY = "accel"
    for response in (
        client.get(address(clip), headers={"range": "bytes=9-10"}),
        client.get(address(clip), headers={"range": "bytes=999999999-"}),
        client.head(address(clip)),
    ):
        assert response.status_code == 200
        assert response["X-Accel-Redirect"].endswith(str(clip.file_of("clip").name))
        assert response.content == b""


@pytest.mark.django_db
def test_the_store_is_asked_by_the_same_method(client: Client, clip: Asset, settings: Any) -> None:
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
            },
        },
    }
    got = client.get(address(clip), headers={"range": "bytes=9-10"})["Location"]
    head = client.head(address(clip))["Location"]
    assert urlsplit(got).path == urlsplit(head).path
    signed = [parse_qs(urlsplit(url).query)["X-Amz-Signature"] for url in (got, head)]
    assert signed[0] != signed[1]


@pytest.mark.django_db(transaction=True)
async def test_a_server_of_the_other_sort_streams_too(
    user: Any, client_for: Any, clip: Asset
) -> None:
    browser = AsyncClient()
    await browser.aforce_login(user)
    response: Any = await browser.get(address(clip), headers={"range": "bytes=100-"})
    assert response.is_async
    pieces = [piece async for piece in response]
    assert max(map(len, pieces)) <= CHUNK
    assert b"".join(pieces) == CONTENT[100:]


GIGABYTES = 5


@pytest.mark.django_db(transaction=True)
async def test_a_file_of_gigabytes_never_lies_in_memory(user: Any, media: Path) -> None:
    """Five gigabytes without a block on the disk, of which the end is asked for, then a lot."""
    asset = await asyncio.to_thread(film, user, ContentFile(b"x"))
    size = GIGABYTES * 1024**3
    rendition = await asset.renditions.aget()
    path = Path(default_storage.path(str(rendition.file.name)))
    os.truncate(path, size)
    await asset.renditions.aupdate(bytes=size)
    browser = AsyncClient()
    await browser.aforce_login(user)
    end: Any = await browser.get(address(asset), headers={"range": f"bytes={size - 10}-"})
    assert end["Content-Range"] == f"bytes {size - 10}-{size - 1}/{size}"
    assert end.content == bytes(10)
    before = psutil.Process().memory_info().rss
    whole: Any = await browser.get(address(asset))
    assert whole["Content-Length"] == str(size)
    read = 0
    async for piece in whole:
        read += len(piece)
        if read > 300 * 1024**2:
            break
    whole.close()
    assert psutil.Process().memory_info().rss - before < 30 * 1024**2


@pytest.mark.django_db
def test_what_moves_goes_as_a_whole(
    user: Any, clip: Asset, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    from faceweb.media.services import asset_delete

    with django_capture_on_commit_callbacks(execute=True):
        asset_delete(photo=clip)
    assert not Timing.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []


class Bucket:
    """A store that keeps one file and notes which bytes are asked for, as boto's does."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[dict[str, str]] = []

    def Object(self, name: str) -> "Bucket":
        return self

    def get(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        if not self.content:
            answer: Any = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(answer, "GetObject")
        first, last = (int(part) for part in asked["Range"].removeprefix("bytes=").split("-"))
        return {"Body": io.BytesIO(self.content[first : last + 1])}


class BucketStorage(FileSystemStorage):
    """The S3 storage as far as reading asks it."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self.bucket = bucket

    def _normalize_name(self, name: str) -> str:
        return name

    def _open(self, name: str, mode: str = "rb") -> Any:
        raise AssertionError("opening a file of the store would fetch all of it")


@pytest.mark.django_db
def test_of_a_store_only_the_part_is_fetched(
    client: Client, clip: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(CONTENT)
    monkeypatch.setattr(Rendition._meta.get_field("file"), "storage", BucketStorage(bucket))
    part: Any = client.get(address(clip), headers={"range": "bytes=1000-1009"})
    assert (part.status_code, body(part)) == (206, CONTENT[1000:1010])
    whole: Any = client.get(address(clip))
    assert body(whole) == CONTENT
    assert bucket.asked == [{"Range": "bytes=1000-1009"}, {"Range": "bytes=0-767999"}]
    bucket.content = b""
    assert client.get(address(clip)).status_code == 404
