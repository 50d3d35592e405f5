"""What the numbers of a picture mean as light: code points and ICC profiles.

The standard library alone, since the process that opens strangers' files imports this.

Primaries and transfer functions are numbered as in ITU-T H.273 (tables 2 and 3), which the PNG
chunk cICP and the colour boxes of HEIF and AVIF use too.
"""

import struct
from collections.abc import Sequence
from typing import Final

Matrix = tuple[tuple[float, float, float], ...]
Colour = tuple[float, float, float]

SRGB: Final = (1, 13)
UNSPECIFIED: Final = 2
PQ: Final = 16
HLG: Final = 18

_D65: Final = (0.3127, 0.3290)
# White, red, green and blue as CIE x, y: H.273, table 2.
PRIMARIES: Final[dict[int, tuple[float, ...]]] = {
    1: (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    4: (0.310, 0.316, 0.670, 0.330, 0.210, 0.710, 0.140, 0.080),
    5: (*_D65, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
# BT.1886: what a screen makes of BT.709 and its like, and so what browsers do.
_BT1886: Final = (2.4, 1, 0, 0, 0)
# (g, a, b, c, d): light = (a x + b) ** g from d on, c x below (ICC.1:2022, 10.18, type 3).
_TRANSFERS: Final[dict[int, tuple[float, float, float, float, float]]] = {
    1: _BT1886,
    4: (2.2, 1, 0, 0, 0),
    5: (2.8, 1, 0, 0, 0),
    6: _BT1886,
    8: (1, 1, 0, 0, 0),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    14: _BT1886,
    15: _BT1886,
}
# ICC.1:2022, annex E.3: the linear Bradford transform, and the profile connection space's white.
_BRADFORD: Final[Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_D50: Final = (0.9642, 1.0, 0.8249)


def is_hdr(transfer: int) -> bool:
    """Whether a transfer function reaches beyond the white of a page."""
    return transfer in {PQ, HLG}


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """An ICC profile for code points; None where they are not known, or no such profile can be."""
    curve = _TRANSFERS.get(transfer)
    chromaticities = PRIMARIES.get(primaries)
    if curve is None or chromaticities is None:
        return None
    return profile_make(chromaticities, curve)


def profile_of_gamma(gamma: float, chromaticities: Sequence[float]) -> bytes:
    """An ICC profile for light = number ** ``gamma``; see `profile_make`."""
    return profile_make(chromaticities, (gamma, 1, 0, 0, 0))


def profile_make(
    chromaticities: Sequence[float], curve: tuple[float, float, float, float, float]
) -> bytes:
    """An ICC display profile of three primaries and one curve (ICC.1:2022, 8.3.2).

    Args:
        chromaticities: x and y of white, red, green and blue.
        curve: g, a, b, c, d; see `_TRANSFERS`.

    Raises:
        ValueError: the primaries are no colour space.
    """
    red, green, blue = zip(*_to_d50(chromaticities), strict=True)
    trc = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + b"".join(map(_fixed, curve))
    name = "faceweb".encode("utf-16-be")
    text = b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(name), 28) + name
    tags = [(b"desc", text), (b"cprt", text), (b"wtpt", _xyz(_D50))]
    tags += [(b"rXYZ", _xyz(red)), (b"gXYZ", _xyz(green)), (b"bXYZ", _xyz(blue))]
    tags += [(b"rTRC", trc), (b"gTRC", trc), (b"bTRC", trc)]
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags:
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def conversion(source: int, target: int) -> Matrix:
    """The matrix from linear numbers in one set of primaries to another, both with white D65.

    Raises:
        KeyError: they are not known.
    """
    return _product(_inverse(_to_xyz(PRIMARIES[target])), _to_xyz(PRIMARIES[source]))


def _to_xyz(chromaticities: Sequence[float]) -> Matrix:
    """The matrix from linear numbers to CIE XYZ, white at Y = 1 (SMPTE RP 177)."""
    white, *primaries = ((chromaticities[at], chromaticities[at + 1]) for at in range(0, 8, 2))
    if any(y <= 0 for _, y in (white, *primaries)):
        raise ValueError("no colour space")
    columns = [(px / py, 1.0, (1 - px - py) / py) for px, py in primaries]
    rows: Matrix = tuple((r, g, b) for r, g, b in zip(*columns, strict=True))
    x, y = white
    scale = _applied(_inverse(rows), (x / y, 1.0, (1 - x - y) / y))
    return tuple((r * scale[0], g * scale[1], b * scale[2]) for r, g, b in rows)


def _to_d50(chromaticities: Sequence[float]) -> Matrix:
    """`_to_xyz`, adapted to the white of the profile connection space."""
    x, y = chromaticities[:2]
    seen = _applied(_BRADFORD, (x / y, 1.0, (1 - x - y) / y))
    wanted = _applied(_BRADFORD, _D50)
    gains: Matrix = (
        (wanted[0] / seen[0], 0.0, 0.0),
        (0.0, wanted[1] / seen[1], 0.0),
        (0.0, 0.0, wanted[2] / seen[2]),
    )
    adapt = _product(_inverse(_BRADFORD), _product(gains, _BRADFORD))
    return _product(adapt, _to_xyz(chromaticities))


def _applied(matrix: Matrix, colour: Colour) -> Colour:
    x, y, z = (sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)
    return x, y, z


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = tuple(zip(*right, strict=True))
    return tuple(
        (_dot(row, columns[0]), _dot(row, columns[1]), _dot(row, columns[2])) for row in left
    )


def _dot(row: Sequence[float], column: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(row, column, strict=True))


def _inverse(matrix: Matrix) -> Matrix:
    """By cofactors.

    Raises:
        ValueError: there is none.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-9:
        raise ValueError("no colour space")
    return (
        (
            (e * i - f * h) / determinant,
            (c * h - b * i) / determinant,
            (b * f - c * e) / determinant,
        ),
        (
            (f * g - d * i) / determinant,
            (a * i - c * g) / determinant,
            (c * d - a * f) / determinant,
        ),
        (
            (d * h - e * g) / determinant,
            (b * g - a * h) / determinant,
            (a * e - b * d) / determinant,
        ),
    )


def _fixed(value: float) -> bytes:
    """An s15Fixed16Number (ICC.1:2022, 4.6)."""
    return struct.pack(">i", round(value * 65_536))


def _xyz(colour: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, colour))
