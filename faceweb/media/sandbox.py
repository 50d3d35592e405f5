"""Turns an untrusted file into clean copies, in a child process that may fail.

See `faceweb.media.decode_child` for what happens inside.
"""

import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from faceweb.media import decode_child
from faceweb.media.details import Note
from faceweb.media.errors import IntakeError
from faceweb.media.files import FinishedFile, NewFile, Picture

logger = logging.getLogger(__name__)

# What the child may say; anything else it says is not believed.
_CODES = frozenset(
    {"not_a_photo", "damaged", "too_many_pixels", "side_too_long", "too_much_memory"}
    | {"too_slow", "busy", "out_of_order"}
)

WALL_SECONDS = 20
# A child may take a gigabyte, so few run at once; the others wait for their turn.
CHILDREN = max(1, min(4, os.cpu_count() or 1))
TURN_SECONDS = 20
ANSWER_BYTES = 1024

_turns = threading.BoundedSemaphore(CHILDREN)


@dataclass(frozen=True)
class CleanFile:
    """One file that the child wrote, of ``width`` x ``height`` pixels."""

    path: Path
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class CleanCopies:
    """What the child made; the files live as long as the intake folder they lie in.

    ``files`` are by their role. ``notes`` are codes with parameters: what happened to the picture
    on the way, for the person who sent it.
    """

    width: int
    height: int
    files: dict[str, CleanFile]
    notes: list[Note]

    def read(self, role: str) -> bytes:
        """The bytes of one file."""
        return self.files[role].path.read_bytes()

    @contextmanager
    def picture(self) -> Iterator[Picture]:
        """The copies as open files, ready to be stored."""
        with ExitStack() as stack:
            files = {
                role: NewFile(
                    clean.media_type,
                    clean.width,
                    clean.height,
                    stack.enter_context(FinishedFile(clean.path)),
                )
                for role, clean in self.files.items()
            }
            yield Picture(self.width, self.height, files)


def incoming_folder() -> Path:
    """Where unfinished intakes lie, on the disk that stored pictures go to."""
    return Path(settings.MEDIA_ROOT) / "incoming"


@contextmanager
def intake_folder() -> Iterator[Path]:
    """A private folder for one intake, gone afterwards whatever happens."""
    folder = incoming_folder() / secrets.token_hex(16)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def child_turn() -> Iterator[None]:
    """Wait for one of the few places there are for children.

    Raises:
        IntakeError: ``busy``.
    """
    if not _turns.acquire(timeout=TURN_SECONDS):
        raise _refusal("busy")
    try:
        yield
    finally:
        _turns.release()


def upload_decode(folder: Path) -> CleanCopies:
    """Decode ``folder/upload`` and write the clean copies beside it.

    Raises:
        IntakeError: the file is none of the accepted formats, is damaged, exceeds a limit, or too
            many others are being decoded right now.
    """
    with child_turn():
        answer = _ask_child(folder)
    if "error" in answer:
        raise _refusal(str(answer["error"]), answer.get("params"))
    return _clean_copies(folder, answer)


def _clean_copies(folder: Path, answer: dict[str, Any]) -> CleanCopies:
    """What the answer says that lies in ``folder``, believed only as far as it can be true."""
    try:
        files = {
            role: CleanFile(
                _regular_file(folder / role),
                _known_type(answer["files"][role]["type"]),
                int(answer["files"][role]["width"]),
                int(answer["files"][role]["height"]),
            )
            for role in decode_child.ROLES
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _refusal("damaged") from error
    original = files["original"]
    return CleanCopies(original.width, original.height, files, _notes(answer.get("notes")))


def _notes(said: Any) -> list[Note]:
    """The notes that there are, their parameters being whole numbers."""
    notes: list[Note] = []
    for note in said if isinstance(said, list) else ():
        if isinstance(note, dict) and note.get("code") in decode_child.NOTES:
            params = note.get("params")
            numbers = params if isinstance(params, dict) else {}
            counted = {str(name): _number(value) for name, value in numbers.items()}
            notes.append(Note(f"note_{note['code']}", counted))
    return notes


def _known_type(media_type: str) -> str:
    if media_type not in decode_child.MEDIA_TYPES.values():
        raise ValueError(media_type)
    return media_type


def _ask_child(folder: Path) -> dict[str, Any]:
    limits = {
        "read_pixels": settings.UPLOAD_MAX_MEGAPIXELS * 1_000_000,
        "read_side": settings.UPLOAD_MAX_SIDE,
        "kept_pixels": settings.KEPT_MAX_MEGAPIXELS * 1_000_000,
        "kept_side": settings.KEPT_MAX_SIDE,
    }
    said, returncode = child_run(decode_child.__file__, folder, json.dumps(limits))
    if returncode is None:
        return {"error": "too_slow"}
    return _parsed(said) or {"error": _cause_of_death(returncode)}


def child_run(
    script: str, folder: Path, *arguments: str, answer_bytes: int = ANSWER_BYTES
) -> tuple[bytes, int | None]:
    """Run ``python script folder arguments`` where it can do little harm; wait for its end.

    Returns the beginning of what it printed, and its exit status; None when it took longer than
    `WALL_SECONDS` and was ended.
    """
    # Secrets of the site are in its environment: the child gets an empty one. A session of its own
    # lets everything it may have started be ended with it. It answers into a file, of which only
    # the beginning is read, since a child that was taken over may say any amount.
    with (
        (folder / "answer").open("w+b") as answer,
        subprocess.Popen(
            [sys.executable, "-I", script, str(folder), *arguments],
            env={"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        ) as child,
    ):
        try:
            child.wait(timeout=WALL_SECONDS)
        except BaseException as error:
            # Before it is waited for: its id is its own until then.
            os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                child.wait()
                answer.seek(0)
                return answer.read(answer_bytes), None
            raise
        answer.seek(0)
        return answer.read(answer_bytes), child.returncode


def _parsed(said: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(said)
    except ValueError:
        return {}
    known = isinstance(answer, dict) and ("error" in answer or "files" in answer)
    return answer if known else {"error": "damaged"}


def _cause_of_death(returncode: int) -> str:
    if returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        return "too_slow"
    if returncode <= 0:
        return "damaged"
    logger.error("the decoder process does not start (exit %d)", returncode)
    return "out_of_order"


def _regular_file(path: Path) -> Path:
    """The path, if the child left a file there and not a link to somebody else's."""
    if path.is_symlink() or not path.is_file():
        raise _refusal("damaged")
    return path


def _refusal(code: str, said: Any = None) -> IntakeError:
    """A refusal, with what the child says of the numbers as far as it can be true."""
    known = code if code in _CODES else "damaged"
    params = said if isinstance(said, dict) else {}
    match known:
        case "too_many_pixels":
            return IntakeError(
                known,
                megapixels=_number(params.get("megapixels")),
                limit_megapixels=settings.UPLOAD_MAX_MEGAPIXELS,
            )
        case "side_too_long":
            return IntakeError(
                known, side_px=_number(params.get("side")), limit_px=settings.UPLOAD_MAX_SIDE
            )
        case "too_much_memory" if megapixels := _number(params.get("megapixels")):
            return IntakeError("too_large_to_open", megapixels=megapixels)
        case "not_a_photo" if params.get("format") in decode_child.FORMAT_NAMES:
            return IntakeError("other_format", format=str(params["format"]))
    return IntakeError(known)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0
