"""Charts of colour that say in every way there is which colour space they are in."""

import io
import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pixels.colour_spaces import PRIMARIES

P3: Final = PRIMARIES[12]
ADOBE: Final = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SIDE: Final = 8


def patches() -> NDArray[np.uint8]:
    """Greys, strong colours and random ones, uint8 (8, 8, 3) RGB."""
    greys = [(level, level, level) for level in range(0, 256, 17)]
    pure = [(220, 60, 60), (60, 220, 60), (60, 60, 220), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    rest = np.random.default_rng(3).integers(0, 256, (64 - len(greys) - len(pure), 3))
    return np.array([*greys, *pure, *rest], np.uint8).reshape(SIDE, SIDE, 3)


def chart() -> Image.Image:
    """`patches` of 8 pixels a side."""
    return Image.fromarray(patches().repeat(SIDE, 0).repeat(SIDE, 1))


def png_with(*chunks: tuple[bytes, bytes], image: Image.Image | None = None) -> bytes:
    """A PNG of the chart with these chunks before its pixels."""
    buffer = io.BytesIO()
    (image or chart()).save(buffer, "PNG")
    plain = buffer.getvalue()
    extra = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    # After the signature and IHDR.
    return plain[:33] + extra + plain[33:]


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, matrix, full])


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(chromaticities: tuple[float, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in chromaticities))


def avif_with(primaries: int, transfer: int) -> bytes:
    """An AVIF of the chart whose colour box holds these code points."""
    buffer = io.BytesIO()
    chart().save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    plain = buffer.getvalue()
    at = plain.index(b"colrnclx") + 8
    return plain[:at] + struct.pack(">HH", primaries, transfer) + plain[at + 4 :]


SDR: Final[dict[str, bytes]] = {
    **{
        f"cicp-{primaries}-{transfer}.png": png_with(cicp(primaries, transfer))
        for primaries in (1, 5, 6, 9, 12)
        for transfer in (1, 4, 5, 6, 8, 13, 14, 15)
    },
    "gamma-only-2.2.png": png_with(gama(0.45455)),
    "gamma-only-1.8.png": png_with(gama(0.55556)),
    "gamma-only-1.png": png_with(gama(1.0)),
    "primaries-only.png": png_with(chrm(P3)),
    "gamma-and-p3.png": png_with(gama(0.45455), chrm(P3)),
    "gamma-and-adobe.png": png_with(gama(0.45455), chrm(ADOBE)),
    "gamma-and-srgb.png": png_with(gama(0.45455), chrm(PRIMARIES[1])),
    "srgb-before-gamma.png": png_with((b"sRGB", b"\0"), gama(1.0)),
    "narrow-range-cicp.png": png_with(cicp(12, 13, full=0)),
    "unspecified-cicp.png": png_with(cicp(2, 2)),
    "plain.png": png_with(),
    **{
        f"nclx-{primaries}-{transfer}.avif": avif_with(primaries, transfer)
        for primaries, transfer in ((1, 13), (1, 1), (12, 13), (9, 13), (9, 1), (2, 2))
    },
}
HDR: Final[dict[str, bytes]] = {
    **{
        f"cicp-{primaries}-{transfer}.png": png_with(cicp(primaries, transfer))
        for primaries in (1, 9, 12)
        for transfer in (16, 18)
    },
    **{
        f"nclx-{primaries}-{transfer}.avif": avif_with(primaries, transfer)
        for primaries, transfer in ((9, 16), (9, 18))
    },
}
