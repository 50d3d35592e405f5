"""An address as a QR code."""

import base64
from io import BytesIO

import qrcode
from qrcode.image.svg import SvgPathFillImage


def qr_data_url(address: str) -> str:
    """The code as a ``data:`` address of an SVG, black on white with its quiet zone.

    It lies within the page, so that the address has to be named in no further request.
    """
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=10, border=4)
    code.add_data(address)
    buffer = BytesIO()
    code.make_image(image_factory=SvgPathFillImage).save(buffer)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
