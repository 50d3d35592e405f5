"""Stored pictures as pixels and back; for workers, since pages know nothing of pixels."""

from pathlib import Path

import cv2
import numpy as np
from django.core.files.base import ContentFile
from numpy.typing import NDArray
from PIL import Image

from faceweb.media.decode_child import ORIGINAL_QUALITY, encode_derivatives
from faceweb.media.files import Picture
from faceweb.media.models import Asset
from models.pixels.imaging import decode_image, encode_jpeg


def asset_read(photo: Asset) -> NDArray[np.uint8]:
    """The original's pixels, uint8 (H, W, 3) BGR.

    Raises:
        OSError: the stored file cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    with photo.original.open("rb") as file:
        return decode_image(file.read())


def picture_encode(image: NDArray[np.uint8]) -> Picture:
    """The copies that are stored of a picture made here.

    Args:
        image: uint8 (H, W, 3) BGR.
    """
    height, width = image.shape[:2]
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    encoded = {
        "original.jpg": encode_jpeg(image, ORIGINAL_QUALITY),
        **encode_derivatives(Image.fromarray(rgb)),
    }
    return Picture(
        width,
        height,
        {Path(name).stem: ContentFile(content, name) for name, content in encoded.items()},
    )
