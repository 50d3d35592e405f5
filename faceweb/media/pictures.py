"""Stored pictures as pixels and back; for workers, since pages know nothing of pixels."""

import cv2
import numpy as np
from django.core.files.base import ContentFile
from numpy.typing import NDArray
from PIL import Image

from faceweb.media.decode_child import (
    ORIGINAL_QUALITY,
    Encoded,
    encode_derivatives,
    encode_transparent,
)
from faceweb.media.files import NewFile, Picture
from faceweb.media.models import Asset, Rendition
from models.pixels.imaging import alpha_read, decode_image, encode_jpeg


def asset_read(photo: Asset) -> NDArray[np.uint8]:
    """The original's pixels, uint8 (H, W, 3) BGR.

    Raises:
        OSError: the stored file cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    with photo.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        return decode_image(file.read())


def asset_alpha(asset: Asset) -> NDArray[np.uint8] | None:
    """How opaque the original is, uint8 (H, W), 255 where fully; None where nothing shines through.

    Raises:
        OSError: the stored file cannot be read.
        ValueError: its bytes are not a picture any more.
    """
    if asset.rendition(Rendition.Role.ORIGINAL).media_type == "image/jpeg":
        return None
    with asset.file_of(Rendition.Role.ORIGINAL).open("rb") as file:
        return alpha_read(file.read())


def picture_encode(image: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Picture:
    """The files that are stored of a picture made here.

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: uint8 (H, W), how opaque it is; None for fully.
    """
    height, width = image.shape[:2]
    encoded = {
        "original": original_encode(image, alpha),
        **encode_derivatives(_for_pillow(image, alpha)),
    }
    files = {
        role: NewFile(made.media_type, made.width, made.height, ContentFile(made.content, role))
        for role, made in encoded.items()
    }
    return Picture(width, height, files)


def original_encode(image: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> Encoded:
    """The file at full size of `picture_encode`: a JPEG, or a WebP where something shines through.

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: uint8 (H, W), how opaque it is; None for fully.
    """
    if alpha is not None:
        return encode_transparent(_for_pillow(image, alpha))
    height, width = image.shape[:2]
    return Encoded("image/jpeg", width, height, encode_jpeg(image, ORIGINAL_QUALITY))


def _for_pillow(image: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> Image.Image:
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha]))
