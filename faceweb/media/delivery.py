"""How a rendition's bytes leave the site, once a view has decided that this person may see it.

Three ways, by ``settings.DELIVERY``: ``process`` sends them itself, ``accel`` lets nginx do it by
``X-Accel-Redirect``, ``signed`` sends the browser to a short-lived address of the S3 store. HEAD
and ranges are answered in each: here by `faceweb.media.ranges`, there by nginx and the store.
"""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag

from faceweb.media.media_types import extension_of
from faceweb.media.models import Asset, Rendition
from faceweb.media.ranges import ByteRange, UnsatisfiableRange, range_of
from faceweb.media.stored_bytes import CHUNK, AsyncFileBytes, file_bytes

# The bytes of an id never change, but a browser must ask again soon after a photo is deleted, and
# at once when somebody else signs in.
MAX_AGE = 600


def asset_response(
    request: HttpRequest, asset: Asset, role: str, *, download: bool = False
) -> HttpResponseBase:
    """The rendition of ``asset`` of that role, or the part of it that is asked for.

    Raises:
        Http404: there is none, or its file is not there.
    """
    try:
        rendition = asset.rendition(role)
    except Rendition.DoesNotExist as error:
        raise Http404 from error
    disposition = _disposition(asset, rendition.media_type, download=download)
    if settings.DELIVERY == "signed":
        return _signed_redirect(request, rendition, disposition)
    etag = quote_etag(rendition.sha256[:32])
    if fresh := get_conditional_response(request, etag=etag):
        return picture_headers(fresh, etag)
    response: HttpResponseBase
    if settings.DELIVERY == "accel":
        response = HttpResponse(content_type=rendition.media_type)
        response["X-Accel-Redirect"] = settings.DELIVERY_ACCEL_LOCATION + quote(
            str(rendition.file.name)
        )
    else:
        response = _sent_from_here(request, rendition, etag)
    response["Content-Disposition"] = disposition
    return picture_headers(response, etag)


def _sent_from_here(request: HttpRequest, rendition: Rendition, etag: str) -> HttpResponseBase:
    """The bytes by this process, never more than `CHUNK` of them in memory."""
    size = rendition.bytes
    try:
        part = range_of(request, size=size, etag=etag)
    except UnsatisfiableRange:
        refused = HttpResponse(status=416, content_type=rendition.media_type)
        refused["Content-Range"] = f"bytes */{size}"
        return _with_ranges(refused)
    first, last = (part.first, part.last) if part else (0, size - 1)
    try:
        content = file_bytes(rendition.file, first, last)
    except FileNotFoundError as error:
        raise Http404 from error
    length = last - first + 1
    response: HttpResponseBase
    if request.method == "HEAD":
        content.close()
        response = HttpResponse(content_type=rendition.media_type)
    elif length <= CHUNK:
        with content:
            response = HttpResponse(b"".join(content), content_type=rendition.media_type)
    else:
        # An ASGI server reads what is streamed the other way into memory first.
        stream = AsyncFileBytes(content) if isinstance(request, ASGIRequest) else content
        response = StreamingHttpResponse(stream, content_type=rendition.media_type)
    response["Content-Length"] = str(length)
    if part is not None:
        response.status_code = 206
        response["Content-Range"] = _content_range(part, size)
    return _with_ranges(response)


def _with_ranges(response: HttpResponseBase) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    return response


def _content_range(part: ByteRange, size: int) -> str:
    return f"bytes {part.first}-{part.last}/{size}"


def copy_response(asset: Asset, content: bytes, media_type: str) -> HttpResponse:
    """A file that was made of ``asset`` for saving, kept by nobody on the way.

    However pictures are delivered otherwise, these bytes are sent by this process: they are in no
    store.
    """
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = _disposition(asset, media_type, download=True)
    response["Cache-Control"] = "private, no-store"
    _picture_safety(response)
    return response


def _disposition(asset: Asset, media_type: str, *, download: bool) -> str:
    kind = "attachment" if download else "inline"
    return f'{kind}; filename="faceweb-{asset.pk.hex[:8]}.{extension_of(media_type)}"'


def picture_headers(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """Headers that keep a picture a picture: private to one person, no page, no other site's."""
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={MAX_AGE}"
    patch_vary_headers(response, ["Cookie"])
    _picture_safety(response)
    return response


def _picture_safety(response: HttpResponseBase) -> None:
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"


def _signed_redirect(request: HttpRequest, rendition: Rendition, disposition: str) -> HttpResponse:
    storage: Any = rendition.file.storage
    address = storage.url(
        str(rendition.file.name),
        parameters={
            "ResponseContentDisposition": disposition,
            "ResponseContentType": rendition.media_type,
        },
        # The signature holds for one method alone.
        http_method=request.method,
    )
    response = HttpResponseRedirect(address)
    # The address stops working after a minute; the way to it must not outlive it.
    response["Cache-Control"] = "private, no-store"
    return response
