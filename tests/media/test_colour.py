"""Colours come out as they were meant, whatever way a file says what they mean."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from faceweb.media.details import Note
from faceweb.media.sandbox import intake_folder, upload_decode
from models.pixels.colour_spaces import HLG, PQ, profile_of
from models.pixels.file_colour import heif_code_points, png_code_points
from models.pixels.hdr import hdr_to_srgb
from tests.conftest import shared_dir
from tests.media.charts import P3, SDR, avif_with, chrm, cicp, gama, png_with
from tests.media.test_decode import decoded

P3_RED = (220, 60, 60)
AS_SRGB = (239, 35, 50)


def flat(colour: tuple[int, int, int] = P3_RED) -> Image.Image:
    return Image.new("RGB", (32, 32), colour)


def centre(content: bytes) -> tuple[int, ...]:
    pixels = decoded(content)
    return tuple(int(value) for value in pixels[pixels.shape[0] // 2, pixels.shape[1] // 2])


def close_to(colour: tuple[int, ...], expected: tuple[int, ...], most: int = 3) -> bool:
    return max(abs(a - b) for a, b in zip(colour, expected, strict=True)) <= most


def p3_profile(name: str) -> bytes:
    """Display P3 as an ICC profile of that name."""
    profile = profile_of(12, 13)
    assert profile is not None
    old, new = ("faceweb".encode("utf-16-be"), name.ljust(7)[:7].encode("utf-16-be"))
    return profile.replace(old, new)


def test_a_profile_counts_by_what_it_does_and_not_by_its_name() -> None:
    buffer = io.BytesIO()
    flat().save(buffer, "PNG", icc_profile=p3_profile("sRGB 21"))
    assert close_to(centre(buffer.getvalue()), AS_SRGB)


def test_srgb_under_any_name_changes_no_pixel() -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 1, 3)))
    profile = profile_of(1, 13)
    assert profile is not None
    with_profile, plain = io.BytesIO(), io.BytesIO()
    ramp.save(with_profile, "PNG", icc_profile=profile)
    ramp.save(plain, "PNG")
    assert np.array_equal(decoded(with_profile.getvalue()), decoded(plain.getvalue()))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([cicp(12, 13)], AS_SRGB),
        ([gama(0.45455), chrm(P3)], (241, 30, 47)),
        ([gama(0.45455)], P3_RED),
        ([(b"sRGB", b"\0"), gama(1.0)], P3_RED),
        ([cicp(12, 13, full=0)], P3_RED),
        ([cicp(2, 2)], P3_RED),
        ([cicp(77, 13)], P3_RED),
        # cICP stands above all others.
        ([cicp(1, 13), gama(1.0)], P3_RED),
        # Broken primaries are no colour space.
        ([gama(0.45455), chrm((0.3, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2))], P3_RED),
        ([gama(0.45455), chrm((0.3, 0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2))], P3_RED),
    ],
)  # fmt: skip
def test_a_png_says_it_in_the_order_of_the_standard(
    chunks: list[tuple[bytes, bytes]], expected: tuple[int, int, int]
) -> None:
    assert close_to(centre(png_with(*chunks, image=flat())), expected)


def test_cicp_stands_above_a_profile() -> None:
    buffer = io.BytesIO()
    flat().save(buffer, "PNG", icc_profile=p3_profile("Display"))
    plain = buffer.getvalue()
    chunk = png_with(cicp(1, 13), image=flat())[33:49]
    assert close_to(centre(plain[:33] + chunk + plain[33:]), P3_RED)


def test_a_profile_stands_above_the_colour_box() -> None:
    buffer = io.BytesIO()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    flat().save(buffer, "AVIF", quality=100, subsampling="4:4:4", icc_profile=srgb)
    assert close_to(centre(buffer.getvalue()), P3_RED)


def test_avif_says_it_by_its_colour_box() -> None:
    plain, wide = decoded(avif_with(1, 13)), decoded(avif_with(12, 13))
    assert np.abs(plain.astype(int) - wide).max() > 50
    # A camera's BT.709 is sRGB, as in browsers.
    assert np.abs(plain.astype(int) - decoded(avif_with(1, 1))).max() <= 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_toned_down_to_what_a_page_can_show(transfer: int) -> None:
    """Grey stays grey, brighter stays brighter, and 1,000 candela are white."""
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, 2)
    seen = hdr_to_srgb(ramp, 9, transfer)[:, 0].astype(int)
    assert np.ptp(seen, axis=1).max() <= 1
    assert np.diff(seen[:, 0]).min() >= 0
    assert seen[0].tolist() == [0, 0, 0]
    assert seen[-1].tolist() == [255, 255, 255]
    # BT.2408: a white page is at 58 % in PQ and 75 % in HLG, and is seen in a middle tone.
    page = {PQ: 148, HLG: 191}[transfer]
    assert 160 <= seen[page, 0] <= 200


def test_only_hdr_is_toned() -> None:
    with pytest.raises(ValueError, match="no HDR"):
        hdr_to_srgb(np.zeros((1, 1, 3), np.uint8), 9, 13)


def test_an_hdr_picture_says_so_and_comes_out_bright() -> None:
    content = png_with(cicp(9, 16), image=flat((148, 148, 148)))
    with intake_folder() as folder:
        (folder / "upload").write_bytes(content)
        assert upload_decode(folder).notes == [Note("note_hdr")]
    assert close_to(centre(content), (187, 187, 187), 4)


@pytest.mark.parametrize("content", list(SDR.values())[::7])
def test_what_is_cut_short_never_frightens_the_reader(content: bytes) -> None:
    for length in (0, 1, 7, 8, 20, 40, 60, len(content) // 2):
        for read in (png_code_points, heif_code_points):
            read(io.BytesIO(content[:length]))


def test_boxes_that_lie_about_their_length_are_left() -> None:
    assert heif_code_points(io.BytesIO(b"\x00\x00\x00\x04meta" + bytes(40))) is None
    assert heif_code_points(io.BytesIO(b"\xff\xff\xff\xffmeta" + bytes(40))) is None
    assert heif_code_points(io.BytesIO(b"\x00\x00\x00\x00mdat" + bytes(40))) is None


@pytest.mark.parametrize(
    ("name", "expected", "most"),
    [
        ("heic_nclx_p3.heic", AS_SRGB, 4),
        ("cicp_p3.png", AS_SRGB, 3),
        ("prof_liar.png", AS_SRGB, 3),
    ],
)
def test_what_people_sent_has_its_colour(
    name: str, expected: tuple[int, int, int], most: int
) -> None:
    pixels = decoded((shared_dir("cases") / name).read_bytes())
    assert close_to(tuple(int(value) for value in pixels[60, 50]), expected, most)
