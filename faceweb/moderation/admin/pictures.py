"""Pictures in the panel: veiled until somebody asks, and whoever asks is written down.

Before that nothing of a picture reaches the browser but a few pixels made of it here. Asking gives
an address that works for this person alone and for two minutes.
"""

import base64
import io
from dataclasses import dataclass
from typing import Final, Literal

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from PIL import Image

from faceweb.media.admin import watch
from faceweb.media.decode_child import FORMATS
from faceweb.media.delivery import asset_response
from faceweb.media.models import Asset
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import Case, ProtectedFace
from faceweb.moderation.protected import protected_face_picture
from faceweb.people.models import User

VEIL_SIZE: Final = 8
SECONDS: Final = 120
_SALT: Final = "moderation.reveal"

Proof = Literal["selfie", "proof"]
PROOFS: Final[tuple[Proof, ...]] = ("selfie", "proof")


@dataclass(frozen=True, slots=True)
class Veiled:
    """A picture as the page first shows it. ``what`` names it in the address that reveals it."""

    what: str
    title: str
    veil: str
    detail: str = ""


def photo_veil(photo: Asset, title: str, detail: str = "") -> Veiled:
    try:
        with photo.file_of("thumb").open("rb") as file:
            veil = veil_of(file.read())
    except OSError:
        veil = ""
    return Veiled(str(photo.pk), title, veil, detail)


def proof_veil(face: ProtectedFace, which: Proof, title: str) -> Veiled | None:
    """The selfie or the proof of a request; None once it is erased."""
    if not (face.selfie if which == "selfie" else face.proof):
        return None
    return Veiled(which, title, "")


def veil_of(encoded: bytes) -> str:
    """A data address of the picture at `VEIL_SIZE` pixels a side: colours and no face.

    Empty if it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            whole = image.convert("RGB")
    except (OSError, SyntaxError):
        return ""
    png = io.BytesIO()
    whole.resize((VEIL_SIZE, VEIL_SIZE), Image.Resampling.HAMMING).save(png, "PNG")
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def picture_reveal(*, case: Case, what: str, photos: dict[str, Asset], by: User) -> str:
    """Write down who looks at which picture, and return the token of its address.

    Args:
        case: the case it is looked at for.
        what: the id of one of ``photos``, or ``selfie`` or ``proof``.
        photos: the pictures that belong to this case, by id.
        by: who looks.

    Raises:
        Http404: this picture does not belong to the case.
    """
    target: Asset | ProtectedFace | None = photos.get(what)
    if what in PROOFS:
        target = ProtectedFace.objects.filter(case=case).first()
    if target is None:
        raise Http404
    audit_write(actor=by, action="picture.reveal", target=target, case=case, what=_kind(what))
    return signing.dumps({"case": str(case.pk), "what": what, "by": str(by.pk)}, salt=_SALT)


def picture_response(request: HttpRequest, *, case: Case, token: str, by: User) -> HttpResponseBase:
    """The bytes behind a token that this person was given not long ago.

    Raises:
        Http404: the token is forged, too old, or another person's.
    """
    try:
        wanted = signing.loads(token, salt=_SALT, max_age=SECONDS)
    except signing.BadSignature as error:
        raise Http404 from error
    if wanted["by"] != str(by.pk) or wanted["case"] != str(case.pk):
        raise Http404
    what = wanted["what"]
    response: HttpResponseBase
    if what in PROOFS:
        face = ProtectedFace.objects.filter(case=case).first()
        if face is None:
            raise Http404
        try:
            response = HttpResponse(_unsealed(face, what), content_type="image/webp")
        except FileNotFoundError as error:
            raise Http404 from error
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    else:
        photo = Asset.objects.filter(pk=what).first()
        if photo is None:
            raise Http404
        response = asset_response(request, photo, "preview")
    response["Cache-Control"] = "private, no-store"
    del response["ETag"]
    return response


def _unsealed(face: ProtectedFace, which: Proof) -> bytes:
    return protected_face_picture(face, which)


def _kind(what: str) -> str:
    return what if what in PROOFS else "photo"


def _looked_at(request: HttpRequest, photo: Asset) -> None:
    audit_write(actor=request.user, action="picture.reveal", target=photo, what="thumbnail")


watch(_looked_at)
