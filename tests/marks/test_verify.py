"""/verify: what a stranger learns of a picture, and that nothing of it stays."""

import io
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from faceweb.core.words import remedy_of, sentence_of
from faceweb.marks import containers, credentials, keys, verification
from faceweb.marks.models import MarkedResult
from faceweb.marks.services import badged_copy
from faceweb.marks.verification import Report, picture_verify
from faceweb.media.errors import IntakeError
from faceweb.media.makers import Step
from faceweb.media.models import Asset
from faceweb.media.services import asset_delete
from tests.conftest import sample_path, shared_dir
from tests.marks.conftest import content_of, jpeg, pixels_of
from tests.media.conftest import files_in

pytestmark = pytest.mark.django_db


def look(content: bytes) -> Report:
    return picture_verify(SimpleUploadedFile("x.jpg", content))


def answers(report: Report) -> list[str]:
    """Credentials, note, mark, looks."""
    return [sign.answer for sign in report.signs]


def foreign_picture() -> bytes:
    return sample_path("hopper").read_bytes()


def test_a_result_is_known_by_all_four_signs(result: Asset) -> None:
    report = look(content_of(result))
    assert report.verdict == "here"
    assert answers(report) == ["yes", "partly", "yes", "yes"]
    assert [step.label for step in report.steps] == ["Face swap"]
    assert report.made_at == MarkedResult.objects.get().made_at


def test_a_shared_copy_is_known_too(result: Asset) -> None:
    report = look(badged_copy(photo=result, max_side=400))
    assert report.verdict == "here"
    assert answers(report) == ["yes", "partly", "yes", "yes"]


def half(image: np.ndarray) -> bytes:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return jpeg(np.asarray(small, np.uint8), 85)


def screenshot(image: np.ndarray) -> bytes:
    """Shown at another size on a screen and saved as PNG."""
    shown = cv2.resize(image, None, fx=0.83, fy=0.83, interpolation=cv2.INTER_LINEAR)
    return bytes(cv2.imencode(".png", shown)[1].tobytes())


def cropped(image: np.ndarray) -> bytes:
    """Five per cent of either side cut off."""
    height, width = image.shape[:2]
    rows = slice(round(0.023 * height), -round(0.027 * height))
    columns = slice(round(0.027 * width), -round(0.023 * width))
    return jpeg(np.ascontiguousarray(image[rows, columns]))


def mirrored(image: np.ndarray) -> bytes:
    return jpeg(np.ascontiguousarray(image[:, ::-1]))


def as_webp(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes())


@pytest.mark.parametrize(
    ("change", "mark", "looks"),  # as the table in docs/provenance.md says
    [
        (lambda image: jpeg(image, 75), "yes", "yes"),
        (half, "yes", "yes"),
        (screenshot, "yes", "yes"),
        (cropped, "yes", "no"),
        (mirrored, "yes", "yes"),
        (as_webp, "yes", "yes"),
    ],
)
def test_a_copy_without_its_metadata_is_known(
    change: Callable[[np.ndarray], bytes], mark: str, looks: str, large_result: Asset
) -> None:
    report = look(change(pixels_of(content_of(large_result))))
    found = answers(report)
    assert report.verdict == ("here" if found[2] == "yes" else "alike")
    assert found[:2] == ["no", "no"]
    assert found[2] == mark
    assert found[3] == looks
    assert [step.label for step in report.steps] == ["Face swap"]


def test_a_deleted_result_is_still_known(result: Asset) -> None:
    content = content_of(result)
    asset_delete(photo=result)
    assert look(content).verdict == "here"


def test_a_foreign_picture_is_not(result: Asset) -> None:
    report = look(foreign_picture())
    assert report.verdict == "unknown"
    assert answers(report) == ["no", "no", "no", "no"]
    assert report.steps == ()
    assert report.made_at is None


def test_the_photo_that_a_result_was_made_of_is_not_called_a_result(
    upload: Asset, result: Asset
) -> None:
    """Its looks are much the same, so looks alone must never say "made here"."""
    report = look(content_of(upload))
    assert report.verdict in {"alike", "unknown"}
    assert answers(report)[:3] == ["no", "no", "no"]


def test_looks_alone_are_a_hint(page: Callable[[bytes], Any], result: Asset) -> None:
    image = pixels_of(content_of(result))
    # What the mark is written into is gone, what the picture shows is not.
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 9), np.uint8)
    report = look(jpeg(blurred))
    assert report.verdict == "alike"
    assert answers(report) == ["no", "no", "no", "yes"]
    assert report.made_at == MarkedResult.objects.get().made_at
    said = page(jpeg(blurred)).content.decode()
    assert "It looks like a picture that was made here" in said
    assert "cannot tell the two apart" in said


def resigned(content: bytes, settings: Any, tmp_path: Path) -> bytes:
    """The picture signed by somebody else with software like this one."""
    own = settings.PROVENANCE_DIR
    settings.PROVENANCE_DIR = tmp_path / "elsewhere"
    settings.PUBLIC_BASE_URL = "https://elsewhere.example"
    claim = credentials.result_claim(content, (Step.now("swap", "classic"),))
    signed = credentials.credentials_sign(content, "image/jpeg", claim)
    settings.PROVENANCE_DIR = own
    return signed


def test_credentials_from_elsewhere_are_named_plainly(settings: Any, tmp_path: Path) -> None:
    signed = resigned(jpeg(pixels_of(foreign_picture())), settings, tmp_path)
    report = look(signed)
    assert report.verdict == "elsewhere"
    assert answers(report) == ["partly", "no", "no", "no"]
    assert "faceweb at elsewhere.example" in report.signs[0].sentence
    # What somebody else says was done is not repeated as this site's own words.
    assert report.steps == ()
    altered = bytearray(signed)
    altered[-200] ^= 1
    report = look(bytes(altered))
    assert report.verdict == "elsewhere"
    assert "do not fit" in report.signs[0].sentence


def test_borrowed_credentials_prove_nothing(result: Asset) -> None:
    """Ours, moved onto a picture that is not."""
    content = content_of(result)
    segments = b"".join(
        segment for marker, segment in containers._jpeg_segments(content) if marker == 0xEB
    )
    other = jpeg(pixels_of(foreign_picture()))
    report = look(other[:2] + segments + other[2:])
    assert report.verdict == "altered"
    assert report.signs[0].answer == "partly"
    assert "changed since" in report.signs[0].sentence


def test_a_mark_of_another_site_is_not_ours(result: Asset) -> None:
    image = pixels_of(content_of(result))
    MarkedResult.objects.all().delete()
    report = look(jpeg(image))
    assert report.verdict == "stated"
    assert answers(report) == ["no", "no", "partly", "no"]


def test_a_note_alone_says_no_more_than_it_says() -> None:
    noted = containers.source_type_write(jpeg(pixels_of(foreign_picture())), "image/jpeg")
    report = look(noted)
    assert report.verdict == "stated"
    assert answers(report) == ["no", "partly", "no", "no"]


def test_a_certificate_that_ran_out_is_nobodys(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(keys, "LEAF_LIFE", timedelta(seconds=3))
    plain = jpeg(pixels_of(foreign_picture()))
    claim = credentials.result_claim(plain, (Step.now("swap", "classic"),))
    signed = credentials.credentials_sign(plain, "image/jpeg", claim)
    time.sleep(4)
    report = look(signed)
    assert report.verdict == "elsewhere"
    assert report.signs[0].answer == "partly"
    assert "has run out" in report.signs[0].sentence


HOSTILE = [
    "gen_pixelflood_64250x64250.jpg",
    "gen_header_2147483647.png",
    "gen_bomb_30000x30000_1bit.png",
    "gen_iccp_bomb.png",
    "gen_empty.jpg",
    "gen_soi_only.jpg",
    "gen_gifar_riff.webp",
    "gen_poly_jpeg_html.jpg",
    "externalTest.svg",
    "corrupted.heic",
    "hopper_bad_exif.jpg",
    "large-text-chunks-issue_337.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_told_or_refused_and_leave_nothing(name: str, media: Path) -> None:
    path = shared_dir("hostile") / name
    try:
        report = look(path.read_bytes())
    except IntakeError as refused:
        assert sentence_of(refused.code, refused.params)
        assert remedy_of(refused.code, refused.params)
    else:
        assert report.verdict == "unknown"
    assert files_in(media) == []


def garbled(content: bytes) -> bytes:
    """Content credentials that are no such thing."""
    junk = b"\xff\xeb" + (2000).to_bytes(2, "big") + b"JP\x00\x01\x00\x00\x00\x01"
    junk += b"\xff\xff\xff\xffjumb" + bytes(range(256)) * 7 + b"\x00" * 190
    return content[:2] + junk[:2002] + content[2:]


def test_garbled_credentials_do_not_hide_the_other_signs(result: Asset) -> None:
    report = look(garbled(jpeg(pixels_of(content_of(result)))))
    assert report.verdict == "here"
    assert answers(report)[2:] == ["yes", "yes"]
    assert answers(report)[0] in {"unread", "no"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"looks": null}\n',
        b'{"looks": {"mark_id": "zz", "hashes": [], "quality": 1, "source_type": null}}\n',
        b'{"looks": {"mark_id": null, "hashes": 7, "quality": 1, "source_type": null}}\n',
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "child_run", lambda *a, **k: (said, -9))
    with pytest.raises(IntakeError) as refused:
        look(foreign_picture())
    assert refused.value.code == "not_looked_at"


def test_what_the_child_could_not_say_counts_as_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: dict[str, Any] = {"mark_id": None, "hashes": [], "quality": 0, "source_type": None}
    said = json.dumps({"looks": looks}).encode() + b"\n"
    monkeypatch.setattr(verification, "child_run", lambda *a, **k: (said, -11))
    report = look(foreign_picture())
    assert answers(report) == ["unread", "no", "no", "unread"]


@pytest.fixture
def page() -> Callable[[bytes], Any]:
    client = Client(enforce_csrf_checks=False)

    def send(content: bytes, **headers: str) -> Any:
        upload = SimpleUploadedFile("holiday-with-olive.jpg", content, "image/jpeg")
        return client.post(reverse("verify"), {"file": upload}, headers=headers)

    return send


def test_the_page_needs_no_account_and_names_nobody(
    page: Callable[[bytes], Any], user: Any, result: Asset
) -> None:
    response = page(content_of(result))
    assert response.status_code == 200
    said = response.content.decode()
    assert "Yes, this picture was made here" in said
    assert "Face swap" in said
    assert response["Cache-Control"] == "private, no-store"
    for secret in (user.email, "olive", str(result.pk), MarkedResult.objects.get().mark_id):
        assert secret not in said.lower()


def test_the_page_stays_honest_about_what_it_does_not_know(page: Callable[[bytes], Any]) -> None:
    said = page(foreign_picture()).content.decode()
    assert "Not made here, as far as we can tell" in said
    assert "does not mean that the picture is untouched" in said


def test_a_signers_name_is_text(
    page: Callable[[bytes], Any], settings: Any, tmp_path: Path
) -> None:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def name(role: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "<script>alert(1)")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_name", name)
        signed = resigned(jpeg(pixels_of(foreign_picture())), settings, tmp_path)
    said = page(signed).content.decode()
    assert "&lt;script&gt;alert(1)" in said
    assert "<script>alert" not in said


def test_nothing_of_it_is_kept(
    page: Callable[[bytes], Any], result: Asset, media: Path, caplog: Any
) -> None:
    before = files_in(media)
    counts = (Asset.objects.count(), MarkedResult.objects.count())
    for content in (content_of(result), foreign_picture(), b"no picture"):
        page(content)
    assert files_in(media) == before
    assert list((media / "incoming").iterdir()) == []
    assert (Asset.objects.count(), MarkedResult.objects.count()) == counts
    assert "holiday" not in caplog.text


def test_large_uploads_leave_no_temporary_file(
    page: Callable[[bytes], Any], settings: Any, tmp_path: Path
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    assert page(buffer.getvalue()).status_code == 200
    assert list((tmp_path / "spool").iterdir()) == []


def test_refusals_have_a_reason(page: Callable[[bytes], Any], settings: Any) -> None:
    assert page(b"").status_code == 400
    assert page(b"no picture").status_code == 415
    settings.UPLOAD_MAX_BYTES = 1000
    assert page(foreign_picture()).status_code == 413
    response = Client().post(reverse("verify"))
    assert response.status_code == 400
    assert b"No picture was sent" in response.content


def test_an_address_that_asks_too_often_waits(page: Callable[[bytes], Any], settings: Any) -> None:
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = {"verify": "2/h/ip"}
    assert [page(b"x").status_code for _ in range(3)] == [415, 415, 429]
    response = page(foreign_picture())
    assert response.status_code == 429
    assert b"Wait a while" in response.content
    # Reading the page is free.
    assert Client().get(reverse("verify")).status_code == 200
    cache.clear()


def test_the_form_is_protected_against_other_sites() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(reverse("verify")).status_code == 403


def test_every_page_leads_there(client: Client) -> None:
    assert reverse("verify") == "/verify/"
    assert b'href="/verify/"' in client.get("/").content
    said = client.get("/verify/").content.decode()
    assert keys.root_fingerprint(keys.roots_load()[0]) in said
    assert 'href="/.well-known/c2pa-root.pem"' in said


def test_a_result_page_says_what_it_carries(result: Asset, user: Any, client_for: Any) -> None:
    said = client_for(user).get(result.get_absolute_url()).content.decode()
    assert "It says that it was edited" in said
