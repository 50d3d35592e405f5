"""Pictures by Pillow: for processes that do without OpenCV, such as those that answer pages.

What runs a network, or goes over many pictures, reads them by `models.pixels.imaging`.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")


def still_read(data: bytes, wanted: tuple[int, int] | None = None) -> Image.Image:
    """A stored picture of mode ``RGB``, or ``RGBA`` where something shines through.

    For bytes that are already trusted and upright, such as a stored clean copy.

    Args:
        data: the file.
        wanted: the width and height that it is going to be reduced to. A JPEG is then decoded at
            a half, quarter or eighth of its size, but never smaller than that.

    Raises:
        ValueError: the bytes are not such a picture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if wanted is not None:
                image.draft("RGB", wanted)
            transparent = image.mode == "RGBA" or "transparency" in image.info
            still = image.convert("RGBA" if transparent else "RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("not a readable image") from error
    if transparent and still.getchannel("A").getextrema() == (255, 255):
        still = still.convert("RGB")
    return still


def still_on_white(still: Image.Image) -> Image.Image:
    """A picture as it is seen on a white ground, of mode ``RGB``."""
    if still.mode != "RGBA":
        return still
    ground = Image.new("RGB", still.size, "white")
    ground.paste(still, mask=still)
    return ground


def still_resized(still: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture at another width and height; made smaller without aliasing."""
    if size == still.size:
        return still
    smaller = size[0] <= still.width and size[1] <= still.height
    method = Image.Resampling.HAMMING if smaller else Image.Resampling.BICUBIC
    return still.resize(size, method)


def still_pixels(still: Image.Image) -> NDArray[np.uint8]:
    """The colours of a picture of mode ``RGB`` or ``RGBA``, uint8 (H, W, 3) BGR, read-only."""
    # Pillow turns the order of colours round many times faster than numpy does.
    colours = still.convert("RGB").tobytes("raw", "BGR")
    return np.frombuffer(colours, np.uint8).reshape(still.height, still.width, 3)


def still_of(image: NDArray[np.uint8]) -> Image.Image:
    """The picture of mode ``RGB`` whose pixels, uint8 (H, W, 3) BGR, these are."""
    height, width = image.shape[:2]
    return Image.frombytes("RGB", (width, height), image.tobytes(), "raw", "BGR")


def jpeg_write(still: Image.Image, quality: int, *, whole_colours: bool = False) -> bytes:
    """A picture of mode ``RGB`` as a JPEG; with ``whole_colours`` without chroma subsampling."""
    buffer = io.BytesIO()
    still.save(buffer, "JPEG", quality=quality, subsampling=0 if whole_colours else 2)
    return buffer.getvalue()
