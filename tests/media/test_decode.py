"""What the decoding child makes of pictures: upright, sRGB, plain, small enough; and its limits."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from faceweb.core.words import refusal_text, status_of
from faceweb.media import decode_child, sandbox
from faceweb.media.errors import IntakeError
from faceweb.media.sandbox import intake_folder, upload_decode
from tests.conftest import shared_dir
from tests.media.conftest import corners, encoded

ORIENTATION = 0x0112


def decoded(content: bytes, copy: str = "original") -> np.ndarray:
    """The copy the child makes, uint8 (H, W, 3) RGB."""
    with intake_folder() as folder:
        (folder / "upload").write_bytes(content)
        with Image.open(upload_decode(folder).files[copy].path) as image:
            return np.asarray(image.convert("RGB"))


def noted(content: bytes) -> list[dict[str, Any]]:
    """What is said to have happened to a picture on the way in."""
    with intake_folder() as folder:
        (folder / "upload").write_bytes(content)
        notes = upload_decode(folder).notes
    return [{"code": note.code, "params": dict(note.params)} for note in notes]


def refusal(content: bytes) -> IntakeError:
    with intake_folder() as folder, pytest.raises(IntakeError) as caught:
        (folder / "upload").write_bytes(content)
        upload_decode(folder)
    return caught.value


def nearest_quarters(pixels: np.ndarray) -> list[str]:
    """The colours of `corners`, clockwise from the upper left."""
    height, width = pixels.shape[:2]
    names = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
    places = [(1, 1), (1, 3), (3, 3), (3, 1)]
    return [
        min(
            names,
            key=lambda name: np.abs(
                pixels[y * height // 4, x * width // 4].astype(int) - names[name]
            ).sum(),
        )
        for y, x in places
    ]


def exif_with(value: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_baked_in(format_: str, orientation: int) -> None:
    upright = corners()
    # How a camera that was held this way stores the scene: the inverse of what turns it upright.
    inverse = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = inverse.get(orientation, decode_child.UPRIGHT.get(orientation))
    as_stored = upright if turn is None else upright.transpose(turn)
    pixels = decoded(encoded(as_stored, format_, exif=exif_with(orientation)))
    assert pixels.shape == (48, 64, 3)
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]


AS_TEXT = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x02\x00\x00\x006" + bytes(7)


@pytest.mark.parametrize("exif", [exif_with(0), exif_with(9), exif_with(65_535), AS_TEXT])
def test_a_senseless_orientation_is_ignored(exif: Any) -> None:
    pixels = decoded(encoded(corners(), exif=exif))
    assert pixels.shape == (48, 64, 3)
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize("exif", [b"Exif\x00\x00", b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"junk"])
def test_damaged_exif_never_refuses_a_photo(exif: bytes) -> None:
    assert decoded(encoded(corners(), exif=exif)).shape == (48, 64, 3)


def test_an_embedded_colour_profile_is_honoured() -> None:
    profile = swapped_profile()
    pixels = decoded(encoded(Image.new("RGB", (32, 32), (200, 60, 40)), icc_profile=profile))
    red, green, blue = pixels.mean(axis=(0, 1))
    assert blue > red + 60
    assert abs(green - 60) < 30


def swapped_profile() -> bytes:
    """sRGB with the red and blue primaries exchanged, under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    tags = {}
    for index in range(count):
        at = 132 + 12 * index
        tags[bytes(profile[at : at + 4])] = at
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    at = tags[b"desc"]
    offset = int.from_bytes(profile[at + 4 : at + 8], "big")
    size = int.from_bytes(profile[at + 8 : at + 12], "big")
    text = bytes(profile[offset : offset + size])
    for old, new in ((b"sRGB", b"tRGB"), ("sRGB".encode("utf-16-be"), "tRGB".encode("utf-16-be"))):
        text = text.replace(old, new)
    profile[offset : offset + size] = text
    return bytes(profile)


@pytest.mark.parametrize("profile", [b"not a profile", b"\x00" * 5_000_000])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    pixels = decoded(encoded(corners(), icc_profile=profile))
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]


def test_cmyk_becomes_rgb() -> None:
    pixels = decoded(encoded(corners().convert("CMYK")))
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)
    pixels = decoded(encoded(Image.fromarray(np.tile(ramp, (16, 1))), "PNG"))
    expected = np.tile(np.arange(256), (16, 1))
    assert np.abs(pixels[..., 0].astype(int) - expected).max() <= 3


@pytest.mark.parametrize(
    ("mode", "format_"), [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "GIF")]
)
def test_what_nobody_sees_is_white(mode: str, format_: str) -> None:
    """For whoever passes over the transparency: black would be seen as a black ground."""
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    options = {"transparency": 0} if mode == "P" else {}
    content = encoded(image.convert(mode), format_, **options)
    assert decoded(content).min() >= 250
    assert alpha_of(content).max() == 0


def cut_out() -> Image.Image:
    """`corners` at 640 x 480, the right half seen through more and more."""
    image = corners(640, 480).convert("RGBA")
    ramp = np.full((480, 640), 255, np.uint8)
    ramp[:, 320:] = np.linspace(255, 0, 320).astype(np.uint8)
    image.putalpha(Image.fromarray(ramp))
    return image


def alpha_of(content: bytes, role: str = "original") -> np.ndarray:
    """How opaque a stored file is, uint8 (H, W)."""
    with intake_folder() as folder:
        (folder / "upload").write_bytes(content)
        with Image.open(upload_decode(folder).files[role].path) as image:
            assert (image.format, image.mode) == ("WEBP", "RGBA")
            return np.asarray(image.getchannel("A"))


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF"])
def test_transparency_is_kept(format_: str) -> None:
    sent = cut_out()
    content = encoded(sent, format_, quality=100)
    kept = alpha_of(content).astype(int)
    assert np.abs(kept - np.asarray(sent.getchannel("A"))).max() <= (6 if format_ == "AVIF" else 0)
    assert nearest_quarters(decoded(content)) == ["red", "green", "blue", "yellow"]
    assert alpha_of(content, "thumb").shape == (240, 320)
    assert alpha_of(content, "thumb").min() < 5


def test_transparency_is_kept_where_a_photo_is_turned_and_scaled(settings: Any) -> None:
    settings.KEPT_MAX_MEGAPIXELS = 1
    sent = cut_out().resize((2560, 1920)).transpose(Image.Transpose.ROTATE_90)
    kept = alpha_of(encoded(sent, "PNG", exif=exif_with(6)))
    assert kept.shape[0] < kept.shape[1]
    assert kept[:, 2].min() == 255
    assert kept[:, -2].max() <= 3


def test_an_opaque_picture_with_an_alpha_channel_is_a_jpeg() -> None:
    with intake_folder() as folder:
        (folder / "upload").write_bytes(encoded(corners().convert("RGBA"), "PNG"))
        assert upload_decode(folder).files["original"].media_type == "image/jpeg"


def test_palette_and_grey_become_rgb() -> None:
    quarters = decoded(encoded(corners().convert("P"), "PNG"))
    assert nearest_quarters(quarters) == ["red", "green", "blue", "yellow"]
    grey = decoded(encoded(Image.new("L", (20, 20), 90)))
    assert np.abs(grey.astype(int) - 90).max() <= 2


def test_heic_is_taken_where_its_decoder_is_installed() -> None:
    pytest.importorskip("pillow_heif")
    content = (shared_dir("hostile") / "zPug_3.heic").read_bytes()
    assert decoded(content).shape == (64, 64, 3)


@pytest.mark.parametrize("format_", ["TIFF", "BMP", "ICO", "PDF"])
def test_other_formats_are_refused_by_their_name(format_: str) -> None:
    error = refusal(encoded(Image.new("RGB", (32, 32)), format_))
    assert (error.code, status_of(error.code)) == ("other_format", 415)
    assert f"This is a {format_} file" in refusal_text(error)
    assert "JPEG, PNG, WebP, HEIC, AVIF and GIF are taken" in refusal_text(error)


def test_what_is_no_picture_at_all_is_refused() -> None:
    error = refusal(b"a letter" * 100)
    assert (error.code, status_of(error.code)) == ("not_a_photo", 415)
    assert "JPEG, PNG, WebP, HEIC, AVIF and GIF are taken" in refusal_text(error)


@pytest.mark.parametrize("format_", ["AVIF", "GIF"])
def test_other_formats_of_the_web_are_taken(format_: str) -> None:
    pixels = decoded(encoded(corners(), format_))
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_what_moves_the_first_frame_is_kept_and_it_is_said(format_: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "blue")]
    content = encoded(frames[0], format_, save_all=True, append_images=frames[1:])
    assert noted(content) == [{"code": "note_first_frame", "params": {}}]
    red, _, blue = decoded(content).mean(axis=(0, 1))
    assert red > 240
    assert blue < 15
    assert noted(encoded(frames[0], format_)) == []


def photo_with_detail() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), quality=80)


def test_a_jpeg_without_its_end_marker_is_whole() -> None:
    content = photo_with_detail()
    assert content.endswith(b"\xff\xd9")
    whole, cut = decoded(content), decoded(content[:-2])
    assert np.array_equal(whole, cut)


@pytest.mark.parametrize("missing", [20, 100, 1000])
def test_a_jpeg_that_lacks_more_is_damaged(missing: int) -> None:
    assert refusal(photo_with_detail()[:-missing]).code == "damaged"


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
    b"/></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_xmp_turns_nothing(format_: str) -> None:
    options: dict[str, Any] = {"xmp": XMP}
    if format_ == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": info}
    quarters = nearest_quarters(decoded(encoded(corners(), format_, **options)))
    assert quarters == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize(
    ("size", "kept_width"),
    [((1200, 1000), 1095), ((4000, 3000), 1154), ((5000, 40), 2000), ((1000, 1000), 1000)],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_what_is_too_large_to_keep_is_scaled_down_and_it_is_said(
    format_: str, size: tuple[int, int], kept_width: int, settings: Any
) -> None:
    """A little over, a lot over, too long, and just as large as may be."""
    settings.KEPT_MAX_MEGAPIXELS, settings.KEPT_MAX_SIDE = 1, 2000
    content = encoded(corners(*size), format_)
    pixels = decoded(content)
    height, width = pixels.shape[:2]
    assert width * height <= 1_000_000
    assert kept_width - 1 <= width <= kept_width
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)
    assert nearest_quarters(pixels) == ["red", "green", "blue", "yellow"]
    said = [{"code": "note_scaled", "params": {"width": size[0], "height": size[1]}}]
    assert noted(content) == ([] if size[0] == width else said)


def test_the_size_that_is_said_is_that_of_the_upright_picture(settings: Any) -> None:
    settings.KEPT_MAX_MEGAPIXELS = 1
    content = encoded(corners(2000, 1000), exif=exif_with(6))
    assert noted(content)[0]["params"] == {"width": 1000, "height": 2000}


def test_derivatives_have_their_sizes_and_nothing_is_enlarged() -> None:
    large = encoded(Image.new("RGB", (2000, 1000), "teal"), quality=80)
    assert decoded(large).shape == (1000, 2000, 3)
    assert decoded(large, "preview").shape == (640, 1280, 3)
    assert decoded(large, "thumb").shape == (160, 320, 3)
    small = encoded(Image.new("RGB", (100, 50), "teal"))
    assert decoded(small, "preview").shape == decoded(small, "thumb").shape == (50, 100, 3)
    strip = encoded(Image.new("RGB", (4000, 2), "teal"))
    assert decoded(strip, "thumb").shape == (1, 320, 3)


def test_fine_colour_survives_the_re_encoding() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = (220, 40, 40)
    stripes[:, 1::2] = (40, 40, 220)
    pixels = decoded(encoded(Image.fromarray(stripes), "PNG"))
    assert np.abs(pixels.astype(int) - stripes).mean() < 8


def run_in_child(code: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Python code in a process that has put the child's limits on itself."""
    program = (
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('d', {decode_child.__file__!r})\n"
        f"d = u.module_from_spec(s); s.loader.exec_module(d); d.limit_resources()\n{code}"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, check=False
    )


def test_the_child_cannot_take_more_memory_than_it_may(tmp_path: Path) -> None:
    done = run_in_child("bytearray(1200 * 1024 * 1024)", tmp_path)
    assert done.returncode == 1
    assert b"MemoryError" in done.stderr


def test_the_child_cannot_write_more_than_it_may(tmp_path: Path) -> None:
    done = run_in_child("open('f', 'wb').truncate(300 * 1024 * 1024)", tmp_path)
    assert b"File too large" in done.stderr


def test_memory_that_runs_out_is_told_with_the_photos_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def loaded(opened: Image.Image, path: Path) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(decode_child, "_loaded", loaded)
    (tmp_path / "upload").write_bytes(encoded(Image.new("RGB", (2000, 1500)), "WEBP"))
    limits = decode_child.Limits(10**8, 10**5, 10**8, 10**5)
    answer = decode_child.main(tmp_path, limits)
    assert answer == {"error": "too_much_memory", "params": {"megapixels": 3}}
    refused = sandbox._refusal(answer["error"], answer["params"])
    assert (refused.code, refused.params) == ("too_large_to_open", {"megapixels": 3})


def test_a_photo_that_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_clean(path: Path, limits: decode_child.Limits) -> decode_child.Clean:
        raise MemoryError

    monkeypatch.setattr(decode_child, "open_clean", open_clean)
    answer = decode_child.main(Path(), decode_child.Limits(1, 1, 1, 1))
    assert answer == {"error": "too_much_memory"}


def with_child(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Put another program in the child's place."""
    script = folder / "child.py"
    script.write_text(code, encoding="utf-8")
    monkeypatch.setattr(decode_child, "__file__", str(script))


def test_a_child_that_hangs_is_killed_with_all_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.6)
    with_child(
        monkeypatch,
        tmp_path,
        "import os, time\n"
        "is_parent = bool(os.fork())\n"
        f"open({str(tmp_path / 'pid')!r} + str(is_parent), 'w').write(str(os.getpid()))\n"
        "time.sleep(60)",
    )
    begun = time.monotonic()
    assert refusal(b"x").code == "too_slow"
    assert time.monotonic() - begun < 5
    for name in ("pidTrue", "pidFalse"):
        while is_alive(int((tmp_path / name).read_text())):
            assert time.monotonic() - begun < 5
            time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("code", "expected", "status"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "damaged", 422),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "too_slow", 422),
        ("raise SystemExit(1)", "out_of_order", 503),
        ("print('[]')", "damaged", 422),
        ("print('{\"files\": {}}')", "damaged", 422),
        ("print('x' * 100_000)", "damaged", 422),
        ("print('{\"files\": 3}')", "damaged", 422),
    ],
)
def test_a_child_that_dies_or_lies_refuses_the_photo(
    code: str, expected: str, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_child(monkeypatch, tmp_path, code)
    error = refusal(b"x")
    assert (error.code, status_of(error.code)) == (expected, status)


@pytest.mark.parametrize(
    ("linked", "media_type"),
    [(False, "image/jpeg"), (True, "image/jpeg"), (False, "text/html")],
)
def test_a_child_that_was_taken_over_is_not_believed(
    linked: bool, media_type: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a link in place of a copy nor a type that is never written."""
    said = {"type": media_type, "width": 1, "height": 1}
    answer = json.dumps({"files": dict.fromkeys(decode_child.ROLES, said)})
    with_child(
        monkeypatch,
        tmp_path,
        f"""import os, sys
for name in ('original', 'preview', 'thumb'):
    path = os.path.join(sys.argv[1], name)
    {'os.symlink("/etc/hostname", path)' if linked else 'open(path, "w").close()'}
print('{answer}')
""",
    )
    with intake_folder() as folder:
        (folder / "upload").write_bytes(b"x")
        if not linked and media_type == "image/jpeg":
            assert upload_decode(folder).width == 1
            return
        with pytest.raises(IntakeError) as caught:
            upload_decode(folder)
    assert caught.value.code == "damaged"


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEWEB_SECRET_KEY", "hush")
    seen = tmp_path / "seen"
    with_child(
        monkeypatch,
        tmp_path,
        f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))",
    )
    refusal(b"x")
    harmless = {"LC_ALL", "LC_CTYPE", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"}
    assert set(json.loads(seen.read_text())) <= harmless


def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "TURN_SECONDS", 0.05)
    taken = [sandbox._turns.acquire() for _ in range(sandbox.CHILDREN)]
    try:
        error = refusal(encoded(corners()))
    finally:
        for _ in taken:
            sandbox._turns.release()
    assert (error.code, status_of(error.code)) == ("busy", 429)


def test_a_file_of_nothing_but_a_signature_is_refused() -> None:
    for head in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x04\x00\x00\x00WEBP"):
        assert status_of(refusal(io.BytesIO(head).getvalue()).code) in {415, 422}


@pytest.mark.parametrize(
    ("name", "kept", "notes"),
    [
        ("pixel_8160x6144.png", (6144, 8160), []),
        (
            "panorama_12000x2400.png",
            (2000, 10_000),
            [{"code": "note_scaled", "params": {"width": 12_000, "height": 2400}}],
        ),
        ("jpg_noeoi.jpg", (266, 400), []),
        ("photo.avif", (266, 400), []),
        ("anim.gif", (200, 200), [{"code": "note_first_frame", "params": {}}]),
        ("ori_xmponly6.jpg", (240, 320), []),
        ("heic_nclx_2020pq.heic", (240, 320), [{"code": "note_hdr", "params": {}}]),
    ],
)
def test_what_people_sent_is_taken(
    name: str, kept: tuple[int, int], notes: list[dict[str, Any]]
) -> None:
    content = (shared_dir("cases") / name).read_bytes()
    assert decoded(content).shape[:2] == kept
    assert noted(content) == notes


def test_what_lost_more_than_its_end_is_refused() -> None:
    assert refusal((shared_dir("cases") / "jpg_minus16.jpg").read_bytes()).code == "damaged"


def test_what_people_cut_out_stays_cut_out() -> None:
    content = (shared_dir("cases") / "alpha.png").read_bytes()
    with Image.open(io.BytesIO(content)) as sent:
        assert np.array_equal(alpha_of(content), np.asarray(sent.getchannel("A")))
