"""How a picture's bytes leave the site, once a view has decided that this person may see it.

Three ways, by ``settings.DELIVERY``: ``process`` sends them itself, ``accel`` lets nginx do it by
``X-Accel-Redirect``, ``signed`` sends the browser to a short-lived address of the S3 store.
"""

from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag

from faceweb.media.models import Asset

CONTENT_TYPES: Final = {"original": "image/jpeg", "preview": "image/webp", "thumb": "image/webp"}
EXTENSIONS: Final = {"original": "jpg", "preview": "webp", "thumb": "webp"}

# The bytes of an id never change, but a browser must ask again soon after a photo is deleted, and
# at once when somebody else signs in.
MAX_AGE = 600


def asset_response(
    request: HttpRequest, photo: Asset, size: str, *, download: bool = False
) -> HttpResponse:
    """One stored copy of ``photo`` (``original``, ``preview`` or ``thumb``).

    Raises:
        Http404: the file is not there.
    """
    name = str(getattr(photo, size).name)
    disposition = _disposition(photo, size, download=download)
    if settings.DELIVERY == "signed":
        return _signed_redirect(photo, size, name, disposition)
    etag = quote_etag(f"{photo.pk}-{size}")
    if fresh := get_conditional_response(request, etag=etag):
        return picture_headers(fresh, etag)
    if settings.DELIVERY == "accel":
        response = HttpResponse(content_type=CONTENT_TYPES[size])
        response["X-Accel-Redirect"] = settings.DELIVERY_ACCEL_LOCATION + quote(name)
    else:
        # Whole: an ASGI server would read a streamed file into memory all the same.
        try:
            with getattr(photo, size).open("rb") as file:
                response = HttpResponse(file.read(), content_type=CONTENT_TYPES[size])
        except FileNotFoundError as error:
            raise Http404 from error
    response["Content-Disposition"] = disposition
    return picture_headers(response, etag)


def copy_response(photo: Asset, content: bytes) -> HttpResponse:
    """A JPEG that was made of ``photo`` for saving, kept by nobody on the way.

    However pictures are delivered otherwise, these bytes are sent by this process: they are in no
    store.
    """
    response = HttpResponse(content, content_type=CONTENT_TYPES["original"])
    response["Content-Disposition"] = _disposition(photo, "original", download=True)
    _picture_safety(response)
    response["Cache-Control"] = "private, no-store"
    return response


def _disposition(photo: Asset, size: str, *, download: bool) -> str:
    filename = f"faceweb-{photo.pk.hex[:8]}.{EXTENSIONS[size]}"
    return f'{"attachment" if download else "inline"}; filename="{filename}"'


def picture_headers(response: HttpResponse, etag: str) -> HttpResponse:
    """Headers that keep a picture a picture: private to one person, no page, no other site's."""
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={MAX_AGE}"
    patch_vary_headers(response, ["Cookie"])
    _picture_safety(response)
    return response


def _picture_safety(response: HttpResponse) -> None:
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"


def _signed_redirect(photo: Asset, size: str, name: str, disposition: str) -> HttpResponse:
    storage = getattr(photo, size).storage
    address = storage.url(
        name,
        parameters={
            "ResponseContentDisposition": disposition,
            "ResponseContentType": CONTENT_TYPES[size],
        },
    )
    response = HttpResponseRedirect(address)
    # The address stops working after a minute; the way to it must not outlive it.
    response["Cache-Control"] = "private, no-store"
    return response
