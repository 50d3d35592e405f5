"""Photos on the command line: read as an upload of them would be, written as asked."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from faceweb.media.sandbox import upload_decode
from models.pixels.imaging import Image, decode_image, encode_jpeg, encode_png

# By the ending of the file's name.
ENCODERS: dict[str, Callable[[Image], bytes]] = {
    ".jpg": encode_jpeg,
    ".jpeg": encode_jpeg,
    ".png": encode_png,
}


def local_photo_read(path: Path) -> Image:
    """A file as an upload of it would be stored: same decoder, same limits.

    Returns uint8 (H, W, 3) BGR, upright.

    Raises:
        IntakeError: it is not a photo this site takes.
        OSError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="faceweb-") as folder:
        shutil.copyfile(path, Path(folder) / "upload")
        return decode_image(upload_decode(Path(folder)).read("original"))
