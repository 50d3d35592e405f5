"""What a result says of itself, read back with independent code; and: no mark, no result."""

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from faceweb.marks import containers, credentials, inspection, marker
from faceweb.marks.containers import source_type_read
from faceweb.marks.keys import roots_load
from faceweb.marks.models import MarkedResult
from faceweb.marks.pdq import hamming, pdq_hash
from faceweb.marks.services import badged_copy
from faceweb.marks.watermark import watermark_read
from faceweb.media.errors import MarkingError
from faceweb.media.makers import Step
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_alpha, asset_read
from faceweb.media.services import asset_delete
from models.pixels.imaging import alpha_read, decode_image
from tests.marks.conftest import (
    content_of,
    exiftool,
    jpeg,
    manifest_store,
    pixels_of,
    smiling,
)
from tests.media.conftest import files_in, store_result

pytestmark = pytest.mark.django_db

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SIGNED = [("original", "image/jpeg"), ("preview", "image/webp")]


def active(store: dict[str, Any]) -> dict[str, Any]:
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return manifest


def actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifest["assertion_store"]["c2pa.actions.v2"]["actions"]
    return found


def history(manifest: dict[str, Any]) -> list[str]:
    return [step["kind"] for step in manifest["assertion_store"]["faceweb.history"]["steps"]]


@pytest.mark.parametrize(("field", "media_type"), SIGNED)
def test_credentials_say_what_was_done(field: str, media_type: str, result: Asset) -> None:
    store = manifest_store(content_of(result, field), media_type)
    assert store["validation_state"] == "Trusted"
    opened, edited, watermarked = actions(active(store))
    assert opened["action"] == "c2pa.opened"
    assert edited["action"] == "c2pa.edited"
    assert edited["digitalSourceType"] == COMPOSITE
    assert edited["description"] == "Face swap, classic engine"
    assert watermarked["action"] == "c2pa.watermarked.unbound"
    assert history(active(store)) == ["swap"]


@pytest.mark.parametrize(("field", "media_type"), SIGNED)
def test_one_altered_byte_is_noticed(field: str, media_type: str, result: Asset) -> None:
    content = bytearray(content_of(result, field))
    # In the picture itself: JPEG's comes last, WebP's before its metadata.
    content[len(content) - 400 if field == "original" else 200] ^= 1
    store = manifest_store(bytes(content), media_type)
    assert store["validation_state"] == "Invalid"
    assert "assertion.dataHash.mismatch" in json.dumps(store["validation_results"])


@pytest.mark.parametrize(("field", "media_type"), SIGNED)
def test_exiftool_reads_the_source_type(
    field: str, media_type: str, result: Asset, tmp_path: Path
) -> None:
    path = tmp_path / f"result.{media_type.rpartition('/')[2]}"
    path.write_bytes(content_of(result, field))
    found = exiftool(path, "-XMP-iptcExt:DigitalSourceType", "-validate")
    assert found["DigitalSourceType"] == COMPOSITE
    assert str(found["Validate"]).startswith(("OK", "0 "))


@pytest.mark.parametrize(("field", "media_type"), SIGNED)
def test_marked_files_are_whole_pictures(field: str, media_type: str, result: Asset) -> None:
    with Image.open(io.BytesIO(content_of(result, field))) as image:
        image.load()
        assert image.size == (512, 512)


def test_the_pixels_carry_the_registered_id(result: Asset) -> None:
    mark = MarkedResult.objects.get(photo=result)
    assert watermark_read(pixels_of(content_of(result))) == int(mark.mark_id, 16)
    assert (mark.kind, mark.engine) == ("swap", "classic")


def test_nothing_leads_to_a_person_or_a_file(
    user: Any, upload: Asset, result: Asset, portrait: np.ndarray
) -> None:
    content = content_of(result)
    told = json.dumps(manifest_store(content)).lower()
    hidden = [
        user.email,
        *(part for photo in (upload, result) for part in (photo.pk.hex, str(photo.pk))),
        *(Path(str(photo.file_of("original").name)).stem for photo in (upload, result)),
        MarkedResult.objects.get().mark_id,
        "original.jpg",
    ]
    for secret in hidden:
        assert secret.lower() not in told
        assert secret.encode() not in content


def test_no_picture_lies_in_the_credentials(upload: Asset, result: Asset) -> None:
    content = content_of(result)
    assert "thumbnail" not in json.dumps(manifest_store(content))
    # Start of image and end of image, once each: one picture in the file.
    assert len(re.findall(rb"\xff\xd8\xff", content)) == 1
    assert b"RIFF" not in content
    assert b"\x89PNG" not in content


def test_a_chain_keeps_its_history(
    user: Any, result: Asset, portrait: np.ndarray, published: Any
) -> None:
    chain = [result]
    for number in range(10):
        kind = "edit" if number % 2 == 0 else "swap"
        chain.append(store_result(user, chain[-1], image=smiling(portrait), kind=kind))
    kinds = ["swap"] + ["edit", "swap"] * 5
    for number, photo in enumerate(chain):
        content = content_of(photo)
        store = manifest_store(content)
        assert store["validation_state"] == "Trusted"
        assert history(active(store)) == kinds[: number + 1]
        assert len(store["manifests"]) == number % 3 + 1
        assert containers.credentials_size(content) <= 20 * 1024
    # The manifest before is the signed one of the picture before.
    before = manifest_store(content_of(chain[1]))
    assert manifest_store(content_of(chain[0]))["active_manifest"] in before["manifests"]
    # A page's copy carries its own alone.
    preview = manifest_store(content_of(chain[1], "preview"), "image/webp")
    assert len(preview["manifests"]) == 1
    assert history(active(preview)) == kinds[:2]


def test_even_the_longest_history_stays_small(result: Asset) -> None:
    content = content_of(result)
    steps = tuple(Step.now("edit", "stylegan") for _ in range(100))
    plain = containers.source_type_write(jpeg(pixels_of(content)), "image/jpeg")
    parent, largest = content, 0
    for _ in range(7):
        claim = credentials.result_claim(parent, steps)
        parent = credentials.credentials_sign(plain, "image/jpeg", claim)
        largest = max(largest, len(parent) - len(plain))
    assert largest <= 20 * 1024
    told = active(manifest_store(parent))["assertion_store"]["faceweb.history"]
    assert len(told["steps"]) + told["earlier"] == 100


def test_a_parent_that_is_gone_by_now_stays_in_the_history(
    user: Any, result: Asset, portrait: np.ndarray, published: Any
) -> None:
    edited = store_result(user, result, image=portrait, kind="edit")
    asset_delete(photo=result)
    again = store_result(user, edited, image=portrait, kind="edit")
    assert history(active(manifest_store(content_of(again)))) == ["swap", "edit", "edit"]
    assert MarkedResult.objects.filter(photo=None).count() == 1


def explode(*args: Any, **options: Any) -> Any:
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    "broken",
    ["watermark_embed", "pdq_hash", "badge_draw", "credentials_sign", "source_type_write"],
)
def test_no_mark_no_result(
    broken: str,
    user: Any,
    upload: Asset,
    portrait: np.ndarray,
    media: Path,
    published: Any,
    passing_screener: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = files_in(media)
    monkeypatch.setattr(marker, broken, explode)
    with pytest.raises(MarkingError):
        store_result(user, upload, image=portrait)
    assert Asset.objects.get() == upload
    assert MarkedResult.objects.count() == 0
    assert files_in(media) == before


@pytest.mark.parametrize(
    "change",
    [
        {"PROVENANCE_AUTO_INIT": False},
        {"PROVENANCE_CERT": "no certificate", "PROVENANCE_KEY": "no key"},
        {"PROVENANCE_CERT": "half of it"},
    ],
)
def test_no_key_no_result(
    change: dict[str, Any],
    user: Any,
    upload: Asset,
    portrait: np.ndarray,
    published: Any,
    passing_screener: Any,
    settings: Any,
) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    with pytest.raises(MarkingError):
        store_result(user, upload, image=portrait)
    assert Asset.objects.get() == upload


def test_a_target_whose_file_is_gone_gives_no_result(
    user: Any, upload: Asset, portrait: np.ndarray, published: Any, passing_screener: Any
) -> None:
    upload.file_of("original").storage.delete(str(upload.file_of("original").name))
    with pytest.raises(MarkingError):
        store_result(user, upload, image=portrait)


@pytest.mark.parametrize("max_side", [None, 400, 5000])
def test_a_copy_for_strangers_carries_every_mark(
    max_side: int | None, result: Asset, tmp_path: Path
) -> None:
    content = badged_copy(photo=result, max_side=max_side)
    side = 400 if max_side == 400 else 512
    image = pixels_of(content)
    assert image.shape == (side, side, 3)
    mark = MarkedResult.objects.get()
    assert watermark_read(image) == int(mark.mark_id, 16)
    store = manifest_store(content)
    assert store["validation_state"] == "Trusted"
    done = [action["action"] for action in actions(active(store))]
    resized = ["c2pa.resized"] if side == 400 else []
    assert done == ["c2pa.opened", *resized, "c2pa.edited"]
    assert history(active(store)) == ["swap"]
    assert len(store["manifests"]) == 2
    path = tmp_path / "copy.jpg"
    path.write_bytes(content)
    assert exiftool(path)["DigitalSourceType"] == COMPOSITE
    # The pill is dark where the stored picture is not.
    corner = np.s_[-int(side * 0.06) : -int(side * 0.02), -int(side * 0.18) : -int(side * 0.03)]
    assert (image[corner] > 200).any()
    assert np.median(image[corner]) < 90


def test_only_results_have_copies_for_strangers(upload: Asset) -> None:
    with pytest.raises(ValueError, match="no badge"):
        badged_copy(photo=upload)


def test_a_result_from_before_there_were_marks_does_not_leave(result: Asset) -> None:
    MarkedResult.objects.all().delete()
    with pytest.raises(MarkingError):
        badged_copy(photo=result)


def test_threads_may_sign_at_once(result: Asset) -> None:
    plain = containers.source_type_write(jpeg(pixels_of(content_of(result))), "image/jpeg")
    claim = credentials.result_claim(content_of(result), (Step.now("edit", "x"),))
    with ThreadPoolExecutor(4) as pool:
        signed = list(
            pool.map(lambda _: credentials.credentials_sign(plain, "image/jpeg", claim), range(24))
        )
    assert {manifest_store(content)["validation_state"] for content in signed} == {"Trusted"}


def test_other_kinds_of_files_are_refused() -> None:
    for content, media_type in ((b"", "image/jpeg"), (b"RIFF", "image/webp"), (b"", "image/png")):
        with pytest.raises(ValueError, match=r"not a|no metadata"):
            containers.source_type_write(content, media_type)


@pytest.mark.parametrize(
    ("packet", "stated"),
    [
        (f'Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"', COMPOSITE.rpartition("/")[2]),
        (f"<a:DigitalSourceType>{COMPOSITE}</a:DigitalSourceType>", COMPOSITE.rpartition("/")[2]),
        ("<a:DigitalSourceType rdf:resource='digitalCapture'/>", "digitalCapture"),
        ("digitalSourceType: nothing of the kind", None),
        ("<a:DigitalSourceType>&lt;script&gt;", None),
    ],
)
def test_the_source_type_of_any_writer_is_found(packet: str, stated: str | None) -> None:
    assert containers.source_type_read(packet.encode()) == stated


def test_a_large_results_badged_copy_has_the_badged_hash(
    user: Any, photo_factory: Any, portrait: np.ndarray, published: Any, passing_screener: Any
) -> None:
    """Hashes are made of a reduced picture; what leaves is whole, or reduced to another size."""
    large = np.asarray(cv2.resize(portrait, (2400, 2400), interpolation=cv2.INTER_CUBIC), np.uint8)
    photo = store_result(user, photo_factory(user, large), image=large)
    mark = MarkedResult.objects.get(photo=photo)
    for max_side in (None, 1600, 700):
        shown = pixels_of(badged_copy(photo=photo, max_side=max_side))
        assert hamming(pdq_hash(shown).bits, bytes.fromhex(mark.pdq_badged)) <= 10
    stored = pixels_of(content_of(photo))
    assert hamming(pdq_hash(stored).bits, bytes.fromhex(mark.pdq)) <= 10


@pytest.fixture
def cut_out(user: Any, photo_factory: Any, portrait: np.ndarray) -> Asset:
    """A photo whose left part shines through."""
    alpha = np.full(portrait.shape[:2], 255, np.uint8)
    alpha[:, :100] = 0
    alpha[:, 100:140] = 128
    made: Asset = photo_factory(user, portrait, alpha=alpha)
    return made


def test_what_shone_through_still_does_and_carries_every_mark(
    user: Any,
    cut_out: Asset,
    portrait: np.ndarray,
    client_for: Any,
    published: Any,
    passing_screener: Any,
) -> None:
    result = store_result(user, cut_out, image=smiling(portrait))
    again = store_result(user, result, image=portrait, kind="edit")
    for made, steps in ((result, 1), (again, 2)):
        assert made.rendition("original").media_type == "image/webp"
        alpha = asset_alpha(made)
        assert alpha is not None
        wanted = asset_alpha(cut_out)
        assert wanted is not None
        assert np.array_equal(alpha, wanted)
        content = content_of(made)
        assert source_type_read(content) == "compositeWithTrainedAlgorithmicMedia"
        found = inspection.credentials_read(content, "".join(roots_load()))
        assert found is not None
        assert found.state == "ours"
        assert len(found.steps) == steps
        assert watermark_read(asset_read(made)) == int(made.mark.mark_id, 16)
    response = client_for(user).get(
        reverse("asset_file", args=[result.pk, "original"]) + "?download=1"
    )
    assert response["Content-Type"] == "image/webp"
    assert response["Content-Disposition"].endswith('.webp"')
    saved = alpha_read(response.content)
    assert saved is not None
    assert saved[:400, :100].max() == 0
    before = asset_alpha(result)
    assert before is not None
    badge = (saved == 255) & (before < 255)
    assert not badge[:400].any()
    found = inspection.credentials_read(response.content, "".join(roots_load()))
    assert found is not None
    assert found.state == "ours"


def test_a_shared_copy_of_what_shines_through_is_seen_on_white(
    user: Any, cut_out: Asset, portrait: np.ndarray, published: Any, passing_screener: Any
) -> None:
    result = store_result(user, cut_out, image=smiling(portrait))
    shared = decode_image(badged_copy(photo=result, max_side=256))
    assert shared[:100, :45].min() > 245
