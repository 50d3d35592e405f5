"""Small square pictures of single faces."""

import io
from collections.abc import Sequence

from PIL import Image

from faceweb.media.decode_child import FORMATS, PREVIEW_SIDE
from faceweb.media.models import Asset, Rendition

SIDE = 160
# Of the box's longer side, on each side of it: hair and chin, which a detector's box cuts off.
MARGIN = 0.35
QUALITY = 80


def face_crop(photo: Asset, box: Sequence[float]) -> bytes:
    """The face with some margin as WebP, at most `SIDE` px square.

    It is cut from the preview where that is sharp enough, else from the original.

    Args:
        photo: where the face was found.
        box: x1, y1, x2, y2 in pixels of the original.

    Raises:
        FileNotFoundError: the stored file is not there.
    """
    left, top, side = square_round(box, photo.width, photo.height)
    scale = min(1.0, PREVIEW_SIDE / max(photo.width, photo.height))
    sharp_enough = scale == 1 or side * scale >= SIDE
    role = Rendition.Role.PREVIEW if sharp_enough else Rendition.Role.ORIGINAL
    with photo.file_of(role).open("rb") as file, Image.open(file, formats=FORMATS) as image:
        # A JPEG decodes several times faster at a fraction of its size.
        image.draft("RGB", (int(photo.width * SIDE / side), int(photo.height * SIDE / side)))
        scale_x, scale_y = image.width / photo.width, image.height / photo.height
        shown = min(SIDE, max(1, round(side)))
        crop = _on_white(image).resize(
            (shown, shown),
            Image.Resampling.LANCZOS,
            box=(left * scale_x, top * scale_y, (left + side) * scale_x, (top + side) * scale_y),
        )
    buffer = io.BytesIO()
    crop.save(buffer, "WEBP", quality=QUALITY, method=2)
    return buffer.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


def square_round(box: Sequence[float], width: int, height: int) -> tuple[float, float, float]:
    """The square round a face's box, moved so that it lies within the picture.

    Args:
        box: x1, y1, x2, y2 in pixels; it may reach beyond the picture.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        Left edge, top edge and side of the square, in pixels.
    """
    x1, y1, x2, y2 = box
    side = min(max(x2 - x1, y2 - y1, 1.0) * (1 + 2 * MARGIN), width, height)
    left = min(max((x1 + x2 - side) / 2, 0.0), width - side)
    top = min(max((y1 + y2 - side) / 2, 0.0), height - side)
    return left, top, side
