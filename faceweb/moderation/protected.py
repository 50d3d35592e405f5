"""People who ask that their face not be used here: asking, deciding, withdrawing.

What identifies them is only ever kept sealed. The selfie and the proof go with the decision.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from faceweb.core.sending import send
from faceweb.media.receiving import upload_received
from faceweb.media.services import disk_check
from faceweb.moderation.audit import audit_write
from faceweb.moderation.cases import case_open
from faceweb.moderation.errors import DecisionRefused
from faceweb.moderation.models import Case, ProtectedFace

if TYPE_CHECKING:
    import numpy as np

    from faceweb.people.models import User
    from models.faces.analysis import FaceAnalyser
    from models.faces.face import FloatArray

logger = logging.getLogger(__name__)

REASON: Final = "protected_face"
# Another face this much smaller than the largest is somebody in the background.
_BACKGROUND: Final = 0.25
STUDY_TASK: Final = "faceweb.moderation.tasks.protected_face_study"
# A message needs a moment to arrive.
_STUDY_LATE: Final = timedelta(seconds=30)


class ProtectionError(DecisionRefused):
    """A request cannot be decided this way, in words for the moderator."""


def protected_face_request(
    *, selfie: UploadedFile, proof: UploadedFile, email: str = ""
) -> ProtectedFace:
    """Take in a request and open its case, whose ticket is what the person is told.

    Raises:
        IntakeError: a picture is refused; nothing of the request was kept.
    """

    from faceweb.moderation.sealing import seal

    disk_check()
    pictures = [seal(_clean_copy(upload)) for upload in (selfie, proof)]
    with transaction.atomic():
        case = case_open(kind=Case.Kind.PROTECTED_FACE, reason=REASON)
        face = ProtectedFace.objects.create(
            case=case, selfie=pictures[0], proof=pictures[1], email=email
        )
        transaction.on_commit(partial(send, STUDY_TASK, str(face.pk)), robust=True)
        return face


def protected_face_picture(face: ProtectedFace, which: Literal["selfie", "proof"]) -> bytes:
    """One of the two pictures, WebP, for the moderator who decides.

    Raises:
        FileNotFoundError: it is decided, so the picture is erased.
        CannotUnseal: it was sealed with another key.
    """

    from faceweb.moderation.sealing import unseal

    sealed = bytes(face.selfie if which == "selfie" else face.proof)
    if not sealed:
        raise FileNotFoundError(which)
    return unseal(sealed)


def protected_face_study(face_id: UUID) -> bool:
    """In a worker: read off a selfie what tells its face apart, by every network of this machine.

    What is found is sealed and protects nobody before a moderator grants the request. Returns
    whether there was anything to do.
    """
    from faceweb.moderation.embedders import embedders_present
    from faceweb.moderation.sealing import vector_seal
    from models.pixels.imaging import decode_image

    waiting = ProtectedFace.objects.filter(
        pk=face_id, state=ProtectedFace.State.REQUESTED, studied_at=None
    )
    face = waiting.first()
    if face is None:
        return False
    embeddings, finding = {}, ""
    image = decode_image(protected_face_picture(face, "selfie"))
    try:
        for name, network in embedders_present().items():
            embeddings[name] = vector_seal(_only_face(image, network))
    except ProtectionError as error:
        embeddings, finding = {}, error.code
    return bool(waiting.update(embeddings=embeddings, finding=finding, studied_at=timezone.now()))


def protected_faces_study() -> int:
    """In a worker: study the selfies whose message was lost; returns how many."""
    late = ProtectedFace.objects.filter(
        state=ProtectedFace.State.REQUESTED,
        studied_at=None,
        created_at__lt=timezone.now() - _STUDY_LATE,
    )
    return sum(protected_face_study(pk) for pk in list(late.values_list("pk", flat=True)))


def protected_face_grant(*, face: ProtectedFace, by: User) -> ProtectedFace:
    """Protect a face by what a worker has read off its selfie, and erase both pictures.

    Raises:
        ProtectionError: ``request_decided``, ``selfie_not_studied``, ``selfie_without_face``,
            ``selfie_with_several`` or ``selfie_too_small``.
    """
    return _decide(face, ProtectedFace.State.ACTIVE, by)


def protected_face_refuse(*, face: ProtectedFace, by: User, reason: str = "") -> ProtectedFace:
    """Refuse a request, and erase both pictures.

    Raises:
        ProtectionError: ``request_decided``.
    """
    return _decide(face, ProtectedFace.State.REFUSED, by, reason=reason)


def protected_face_withdraw(*, face: ProtectedFace, by: User | None) -> ProtectedFace:
    """End a protection, or take back a request: nothing that identifies anybody stays.

    Raises:
        ProtectionError: ``request_ended``, where there is nothing to end.
    """
    with transaction.atomic():
        locked = _locked(face)
        if locked.state not in {ProtectedFace.State.ACTIVE, ProtectedFace.State.REQUESTED}:
            raise ProtectionError("request_ended")
        _write(locked, ProtectedFace.State.WITHDRAWN, by, "protected_face.withdraw")
    return locked


def _decide(
    face: ProtectedFace,
    state: ProtectedFace.State,
    by: User,
    *,
    reason: str = "",
) -> ProtectedFace:
    granted = state == ProtectedFace.State.ACTIVE
    action = "protected_face.grant" if granted else "protected_face.refuse"
    with transaction.atomic():
        locked = _locked(face)
        _must_wait(locked)
        if granted:
            _must_be_studied(locked)
        email = locked.email
        embeddings = locked.embeddings if granted else {}
        _write(locked, state, by, action, embeddings=embeddings, reason=reason)
        if email:
            ticket = locked.case.ticket if locked.case is not None else ""
            transaction.on_commit(
                partial(_send_notice, locked.pk, email, granted, ticket), robust=True
            )
    return locked


def _locked(face: ProtectedFace) -> ProtectedFace:
    return (
        ProtectedFace.objects.select_for_update(of=("self",)).select_related("case").get(pk=face.pk)
    )


def _must_wait(face: ProtectedFace) -> None:
    if face.state != ProtectedFace.State.REQUESTED:
        raise ProtectionError("request_decided")


def _must_be_studied(face: ProtectedFace) -> None:
    if face.studied_at is None:
        raise ProtectionError("selfie_not_studied")
    if face.finding:
        raise ProtectionError(face.finding)


def _write(
    face: ProtectedFace,
    state: ProtectedFace.State,
    by: User | None,
    action: str,
    *,
    embeddings: dict[str, str] | None = None,
    reason: str = "",
) -> None:
    face.state, face.embeddings = state, embeddings or {}
    face.selfie = face.proof = b""
    face.email = ""
    face.decided_at = timezone.now()
    face.save()
    audit_write(actor=by, action=action, target=face, case=face.case, reason=reason or REASON)


def _only_face(image: np.ndarray, network: FaceAnalyser) -> FloatArray:
    """The embedding of the one face that a selfie shows, float32 (D,)."""

    from faceweb.moderation.screening.shield import MIN_WIDTH_PX

    faces = network.find_faces(image)
    if not faces:
        raise ProtectionError("selfie_without_face")
    if any(face.area > _BACKGROUND * faces[0].area for face in faces[1:]):
        raise ProtectionError("selfie_with_several")
    if faces[0].quality.width_px < MIN_WIDTH_PX[network.name]:
        raise ProtectionError("selfie_too_small")
    return network.embed(image, faces[0])


def _clean_copy(upload: UploadedFile) -> bytes:
    """A decoded, cleaned copy of at most preview size, WebP."""
    with upload_received(upload) as received:
        return received.decode().read("preview")


def _send_notice(face_id: object, email: str, granted: bool, ticket: str) -> None:
    text = render_to_string(
        "moderation/email/protected_face.txt",
        {"granted": granted, "ticket": ticket, "site": settings.PUBLIC_BASE_URL},
    )
    try:
        send_mail(f"Your request {ticket}", text, None, [email])
    except (smtplib.SMTPException, OSError) as error:
        logger.warning("protected face %s: notice not sent: %s", face_id, type(error).__name__)
