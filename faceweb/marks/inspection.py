"""What a file says of itself, read without Django: where `/verify` meets strangers' bytes.

Runs in a process of its own, see `faceweb.marks.inspect_child`.
"""

import io
import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from faceweb.marks.containers import HISTORY, source_type_read
from faceweb.marks.found_credentials import Credentials, step_said, text_said
from faceweb.marks.pdq import pdq_dihedral, pdq_hash
from faceweb.marks.watermark import watermark_read

_MEDIA_TYPES: Final = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"ftyp", 4, "image/heic"),
)


HASHED_PX: Final = 1024

_REDUCED_READS: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
}


def looks_read(clean: Path, reduction: int, upload: bytes) -> dict[str, Any]:
    """What can be told without content credentials, JSON-safe.

    Args:
        clean: a clean copy of the picture.
        reduction: read it at a half or a quarter of its size: 1, 2 or 4.
        upload: the file as it was sent.

    Returns:
        ``mark_id`` as 16 hex digits or None, ``hashes`` as hex of all eight ways round,
        ``quality`` of PDQ, ``source_type`` as the XMP states it or None.
    """
    pixels = np.fromfile(clean, np.uint8)
    image = cv2.imdecode(pixels, _REDUCED_READS[reduction])
    if image is None:
        raise ValueError("the clean copy is not a picture")
    picture = np.asarray(image, np.uint8)
    mark_id = watermark_read(picture)
    seen = reduced_for_hash(picture)
    return {
        "mark_id": None if mark_id is None else f"{mark_id:016x}",
        "hashes": [way.hex() for way in pdq_dihedral(seen)],
        "quality": pdq_hash(seen).quality,
        "source_type": source_type_read(upload),
    }


def reduced_for_hash(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3), with its longer side at most `HASHED_PX`.

    It is hashed in a hundredth of the time, and its hash differs in a few bits from that of the
    whole picture.
    """
    height, width = image.shape[:2]
    scale = HASHED_PX / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def media_type_of(head: bytes) -> str | None:
    """The media type that the first bytes of a file promise."""
    for magic, at, media_type in _MEDIA_TYPES:
        if head[at : at + len(magic)] == magic:
            return media_type
    return None


def credentials_read(content: bytes, roots: str) -> Credentials | None:
    """The content credentials in a file, or None where there are none.

    Args:
        content: the file.
        roots: root certificates in PEM; what they trust is ours.
    """
    import c2pa

    media_type = media_type_of(content[:12])
    if media_type is None:
        return None
    settings: dict[str, Any] = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    if roots:
        settings["trust"] = {"trust_anchors": roots}
    try:
        context = c2pa.Context.from_json(json.dumps(settings))
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(content), context=context)
        if reader is None:
            return None
        store = json.loads(reader.json())
    except c2pa.C2paError as error:
        return None if "ManifestNotFound" in str(error) else Credentials("unreadable")
    return _summary(store)


def _summary(store: dict[str, Any]) -> Credentials:
    manifests = store.get("manifests") or {}
    active = manifests.get(store.get("active_manifest")) or {}
    results = (store.get("validation_results") or {}).get("activeManifest") or {}
    codes = {
        outcome: {str(entry.get("code")) for entry in results.get(outcome) or ()}
        for outcome in ("success", "failure")
    }
    # The signature is checked apart from who made it, and both from the picture. The reader calls
    # nobody trusted whose certificate has run out.
    genuine = "claimSignature.validated" in codes["success"]
    ours = genuine and "signingCredential.trusted" in codes["success"]
    dates = {"signingCredential.expired", "claimSignature.outsideValidity"}
    altered = codes["failure"] - dates - {"signingCredential.untrusted"}
    if ours:
        state = "ours_altered" if codes["failure"] else "ours"
    elif altered:
        state = "foreign_altered"
    else:
        state = "expired" if codes["failure"] & dates else "foreign"
    signature = active.get("signature_info") or {}
    generators = active.get("claim_generator_info") or [{}]
    return Credentials(
        state=state,
        issuer=text_said(signature.get("issuer")),
        generator=text_said(generators[0].get("name") or active.get("claim_generator")),
        steps=_steps(active) if ours else [],
        manifests=len(manifests),
    )


def _steps(manifest: dict[str, Any]) -> list[dict[str, str]]:
    for assertion in manifest.get("assertions") or ():
        if assertion.get("label") == HISTORY:
            return [step_said(step) for step in assertion["data"]["steps"]]
    return []
