"""The one way a file that somebody sent gets onto the disk, for whatever looks at it next."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from faceweb.media.errors import IntakeError
from faceweb.media.sandbox import CleanCopies, intake_folder, upload_decode


@dataclass(frozen=True)
class Received:
    """A file as it was sent, in a private folder; ``sha256`` of its bytes in hex."""

    folder: Path
    sha256: str

    def decode(self) -> CleanCopies:
        """Its clean copies, beside it.

        Raises:
            IntakeError: see `faceweb.media.sandbox.upload_decode`.
        """
        return upload_decode(self.folder)


@contextmanager
def upload_received(upload: UploadedFile) -> Iterator[Received]:
    """The file in a folder of its own, which is gone afterwards whatever happens.

    Raises:
        IntakeError: ``empty`` or ``file_too_large``.
    """
    _refuse_size(upload.size or 0)
    with intake_folder() as folder:
        digest = hashlib.sha256()
        with (folder / "upload").open("wb") as file:
            for chunk in upload.chunks():
                digest.update(chunk)
                file.write(chunk)
        yield Received(folder, digest.hexdigest())


def _refuse_size(size: int) -> None:
    if size == 0:
        raise IntakeError("empty")
    if size > settings.UPLOAD_MAX_BYTES:
        raise IntakeError("file_too_large", limit_mb=settings.UPLOAD_MAX_MB)
