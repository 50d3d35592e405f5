"""`/verify`: what can be told of a picture that anybody sends. Nothing of it is kept.

The file is decoded by the sandbox that takes in uploads, which drops all metadata; what the file
says of itself is read from its raw bytes by a second child under the same limits
(`faceweb.marks.inspect_child`), which also reads the invisible mark and hashes the clean copy.
This process only looks up what they found. Both children work in a folder that is gone afterwards.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from django.core.files.uploadedfile import UploadedFile

from faceweb.marks import inspect_child
from faceweb.marks.containers import DIGITAL_SOURCE_TYPE
from faceweb.marks.credentials import step_from_public, step_label
from faceweb.marks.found_credentials import Credentials
from faceweb.marks.keys import roots_load
from faceweb.marks.models import MarkedResult
from faceweb.media.errors import IntakeError
from faceweb.media.receiving import upload_received
from faceweb.media.sandbox import CleanCopies, child_run, child_turn

if TYPE_CHECKING:
    from faceweb.marks.registry import Match

logger = logging.getLogger(__name__)

ANSWER_BYTES = 32 * 1024
# A picture larger than this is looked at reduced: the marks hold, and memory stays bounded.
LOOKED_AT_PX = 4_500

Answer = Literal["yes", "partly", "no", "unread"]
Conclusion = Literal["here", "alike", "altered", "elsewhere", "stated", "unknown"]

_AI_SOURCE_TYPES = {
    DIGITAL_SOURCE_TYPE.rpartition("/")[2],
    "trainedAlgorithmicMedia",
    "compositeSynthetic",
}


@dataclass(frozen=True)
class Sign:
    """One of the four signs: its name, what it answers, and that in a sentence."""

    name: str
    answer: Answer
    sentence: str


@dataclass(frozen=True)
class Done:
    """One thing that was done to a picture, in words."""

    label: str
    engine: str
    at: datetime | None


@dataclass(frozen=True)
class Report:
    """What `/verify` says of a picture. It names no person and no page.

    Attributes:
        verdict: ``here`` (made here), ``alike`` (looks like something made here, which a photo
            also does that something was made of), ``altered`` (signed here and changed since),
            ``elsewhere`` (credentials of somebody else), ``stated`` (says that it is AI-edited, but
            not by whom) or ``unknown``.
        signs: all four, in the order of their weight.
        steps: what was done, the oldest first, as far as it is known.
        made_at: when it, or what it looks like, was made here.
    """

    verdict: Conclusion
    signs: tuple[Sign, ...]
    steps: tuple[Done, ...]
    made_at: datetime | None


def picture_verify(upload: UploadedFile) -> Report:
    """Look for the four signs in a file.

    Raises:
        IntakeError: it cannot be opened; the reasons are those of an upload.
    """
    with upload_received(upload) as received:
        found = _inspect(received.folder, received.decode())
    return _report(found)


@dataclass(frozen=True)
class _Found:
    """What the child said, checked; ``credentials`` is False where it could not be asked."""

    mark_id: int | None
    hashes: list[bytes]
    quality: int
    source_type: str | None
    credentials: Credentials | Literal[False] | None


def _inspect(folder: Path, clean: CleanCopies) -> _Found:
    (folder / "roots.pem").write_text("".join(roots_load()), encoding="ascii")
    longer = max(clean.width, clean.height)
    reduction = next((by for by in (1, 2) if longer / by <= LOOKED_AT_PX), 4)
    with child_turn():
        said, status = child_run(
            inspect_child.__file__, folder, str(reduction), answer_bytes=ANSWER_BYTES
        )
    try:
        found = _parsed(said)
    except (ValueError, TypeError, KeyError) as error:
        logger.error("a picture could not be looked at (exit %s)", status)
        raise IntakeError("not_looked_at") from error
    if found.credentials is False:
        logger.warning("content credentials could not be read (exit %s)", status)
    return found


def _parsed(said: bytes) -> _Found:
    """The child's two lines; the second may be missing."""
    lines = said.splitlines()
    looks: dict[str, Any] = json.loads(lines[0] if lines else b"")["looks"]
    mark_id, source_type = looks["mark_id"], looks["source_type"]
    credentials: Credentials | Literal[False] | None = False
    if len(lines) > 1:
        try:
            data = json.loads(lines[1])["credentials"]
            credentials = None if data is None else Credentials.from_dict(data)
        except (ValueError, TypeError, KeyError, AttributeError):
            credentials = False
    return _Found(
        mark_id=None if mark_id is None else int(mark_id, 16),
        hashes=[bytes.fromhex(way) for way in looks["hashes"]],
        quality=int(looks["quality"]),
        source_type=None if source_type is None else str(source_type),
        credentials=credentials,
    )


def _report(found: _Found) -> Report:
    from faceweb.marks.registry import result_by_id, result_by_looks

    by_id = None if found.mark_id is None else result_by_id(found.mark_id)
    by_looks = result_by_looks(found.hashes, found.quality)
    credentials = found.credentials or None
    result = by_id or (by_looks.result if by_looks else None)
    if by_id or (credentials and credentials.state == "ours"):
        verdict: Conclusion = "here"
    elif by_looks:
        verdict = "alike"
    elif credentials and credentials.state == "ours_altered":
        verdict = "altered"
    elif credentials and credentials.state in {"foreign", "foreign_altered", "expired"}:
        verdict = "elsewhere"
    elif found.source_type in _AI_SOURCE_TYPES or found.mark_id is not None:
        verdict = "stated"
    else:
        verdict = "unknown"
    steps = _steps(result, credentials)
    return Report(
        verdict=verdict,
        signs=(
            _credentials_sign(found.credentials),
            _source_sign(found.source_type),
            _mark_sign(found.mark_id, by_id),
            _looks_sign(by_looks, found.quality),
        ),
        steps=steps,
        made_at=result.made_at if result else steps[-1].at if steps else None,
    )


def _steps(result: MarkedResult | None, credentials: Credentials | None) -> tuple[Done, ...]:
    stored = result.steps if result else credentials.steps if credentials else []
    steps = [step_from_public(step) for step in stored]
    return tuple(Done(step_label(step), step.engine, step.moment) for step in steps)


def _credentials_sign(credentials: Credentials | Literal[False] | None) -> Sign:
    name = "Content Credentials"
    if credentials is False:
        return Sign(name, "unread", "They could not be read.")
    if credentials is None:
        return Sign(
            name, "no", "There are none. Most apps and sites drop them when a picture is sent on."
        )
    signer = credentials.issuer or "somebody who is not named"
    said: dict[str, tuple[Answer, str]] = {
        "ours": ("yes", "Signed by this site, and nothing was changed since."),
        "ours_altered": (
            "partly",
            "Signed by this site, but the file was changed since. What the credentials say may not "
            "be about this picture.",
        ),
        "foreign": (
            "partly",
            f"It has credentials from elsewhere, signed by: {signer}. They fit the file; whether "
            "the signer can be trusted is not known here.",
        ),
        "expired": (
            "partly",
            f"It has credentials that name {signer}. They fit the file, but their certificate has "
            "run out, so that it cannot be told any more whose they are.",
        ),
        "foreign_altered": (
            "partly",
            f"It has credentials from elsewhere that name {signer}, but they do not fit the file.",
        ),
    }
    answer, sentence = said.get(
        credentials.state, ("unread", "There are some, but they could not be read.")
    )
    return Sign(name, answer, sentence)


def _source_sign(source_type: str | None) -> Sign:
    name = "The file's own note (IPTC)"
    if source_type is None:
        return Sign(name, "no", "The file does not say how it was made.")
    if source_type in _AI_SOURCE_TYPES:
        return Sign(
            name,
            "partly",
            "The file says that it was made or edited with AI. Anybody can write or remove this "
            "note, and it does not say where.",
        )
    return Sign(name, "no", f"The file says how it was made, but nothing of AI: {source_type}.")


def _mark_sign(mark_id: int | None, result: MarkedResult | None) -> Sign:
    name = "Invisible mark"
    if mark_id is None:
        return Sign(
            name, "no", "None can be read. Small, flat or heavily changed pictures lose it."
        )
    if result is None:
        return Sign(
            name,
            "partly",
            "There is a mark of this software, but its number is not in this site's books.",
        )
    return Sign(name, "yes", "Its number is in this site's books.")


def _looks_sign(match: Match | None, quality: int) -> Sign:
    from faceweb.marks.registry import QUALITY_FLOOR

    name = "Looks"
    if match is None and quality < QUALITY_FLOOR:
        return Sign(name, "unread", "There is too little in this picture to know it by its looks.")
    if match is None:
        return Sign(name, "no", "It looks like nothing that was made here.")
    return Sign(
        name,
        "yes",
        f"It looks the same as a picture that was made here ({256 - match.distance} of 256 "
        "features agree). The photo which that was made from looks much the same.",
    )
