"""Stored pictures as pixels and back; for workers, since pages know nothing of pixels."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from django.core.files.base import ContentFile
from numpy.typing import NDArray
from PIL import Image

from faceweb.media.decode_child import ORIGINAL_QUALITY, Encoded, encode_derivatives
from faceweb.media.files import NewFile, Picture
from faceweb.media.models import Asset, Rendition
from models.pixels.imaging import decode_image, encode_jpeg

# How an original of a media type is written; what is made of it is written likewise.
ENCODERS: Final[dict[str, Callable[[NDArray[np.uint8]], bytes]]] = {
    "image/jpeg": lambda image: encode_jpeg(image, ORIGINAL_QUALITY),
}


def asset_read(photo: Asset) -> NDArray[np.uint8]:
    """The original's pixels, uint8 (H, W, 3) BGR.

    Raises:
        OSError: the stored file cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        return decode_image(file.read())


def picture_encode(image: NDArray[np.uint8], media_type: str) -> Picture:
    """The files that are stored of a picture made here.

    Args:
        image: uint8 (H, W, 3) BGR.
        media_type: of the original, as `ENCODERS` knows it.

    Raises:
        KeyError: nothing here writes that type.
    """
    height, width = image.shape[:2]
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    encoded = {
        "original": Encoded(media_type, width, height, ENCODERS[media_type](image)),
        **encode_derivatives(Image.fromarray(rgb)),
    }
    files = {
        role: NewFile(made.media_type, made.width, made.height, ContentFile(made.content, role))
        for role, made in encoded.items()
    }
    return Picture(width, height, files)
