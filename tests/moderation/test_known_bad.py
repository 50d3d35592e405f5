"""The block list: known by the file, known by its looks, and nothing else taken for it."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from django.urls import reverse

from faceweb.marks.badge import badge_draw
from faceweb.media.errors import ResultBlocked
from faceweb.media.face_analysis import asset_analyse
from faceweb.media.models import Asset
from faceweb.media.screening import get_screener
from faceweb.moderation import known_bad
from faceweb.moderation.known_bad import (
    BlockedLooks,
    current_looks,
    hash_add,
    hash_block,
    hash_remove,
    hashes_remove,
)
from faceweb.moderation.models import AuditEntry, BlockedHash, Case, Screening
from models.pixels.imaging import Image
from tests.conftest import shared_dir
from tests.media.conftest import send

pytestmark = pytest.mark.django_db

KINDS = BlockedHash.Kind


def pictures() -> dict[str, Image]:
    found = {}
    for path in sorted(shared_dir("photos").glob("*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        found[path.stem] = np.ascontiguousarray(image, dtype=np.uint8)
    return found


def encoded(image: Image, quality: int) -> Image:
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)


def cut(image: Image, share: float) -> Image:
    height, width = image.shape[:2]
    top, left = round(share * height), round(share * width)
    return np.ascontiguousarray(image[top : height - top, left : width - left])


def half(image: Image) -> Image:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


VARIANTS: dict[str, tuple[Callable[[Image], Image], set[str]]] = {
    "itself": (lambda image: image, {"blocked"}),
    "re-encoded": (lambda image: encoded(image, 60), {"blocked"}),
    "half the size": (half, {"blocked"}),
    "mirrored": (lambda image: np.ascontiguousarray(image[:, ::-1]), {"blocked"}),
    "turned": (lambda image: np.ascontiguousarray(np.rot90(image)), {"blocked"}),
    "badged": (badge_draw, {"blocked"}),
    "badged, small, re-encoded": (lambda image: encoded(half(badge_draw(image)), 70), {"blocked"}),
    "cut by 2 %": (lambda image: cut(image, 0.02), {"blocked"}),
    "cut by 5 %": (lambda image: cut(image, 0.05), {"blocked"}),
    "cut by 10 %, mirrored": (lambda image: cut(image, 0.10)[:, ::-1].copy(), {"blocked"}),
    "cut by 3 %": (lambda image: cut(image, 0.03), {"blocked", "review"}),
}


@pytest.fixture
def blocked(user, photo_factory, moderator) -> Asset:
    """A photo that a moderator put on the list."""
    photo = photo_factory(user, pictures()["woman_d"], upload_sha256="ab" * 32)
    hash_block(photo=photo, reason="intimate", by=moderator)
    return photo


def screened(photo: Asset) -> Asset:
    asset_analyse(photo.pk)
    photo.refresh_from_db()
    return photo


def test_a_known_file_is_refused_unopened_in_words_that_accuse_nobody(
    client_for, user, other_user, media, published, moderator, portrait
) -> None:
    content = cv2.imencode(".jpg", portrait)[1].tobytes()
    first = send(client_for(user), content)
    photo = Asset.objects.get(pk=first.json()["id"])
    hash_block(photo=photo, reason="intimate", by=moderator)
    answer = send(client_for(other_user), content)
    assert answer.status_code == 403
    assert answer.json()["code"] == "known_bad"
    assert "you" not in answer.json()["sentence"].lower().split()
    assert not Asset.objects.filter(owner=other_user).exists()
    row = Screening.objects.get(person=other_user)
    assert (row.reason, row.sha256, row.photo) == ("known_bad", photo.upload_sha256, None)
    # The plain form says it on a page.
    assert "taken down before" in (
        client_for(other_user).post(reverse("photo_upload"), form(content)).content.decode()
    )


def form(content: bytes) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from faceweb.media.consent import CONSENT_VERSION

    return {"consent": CONSENT_VERSION, "file": SimpleUploadedFile("a.jpg", content)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_known_picture_is_found_by_its_looks(
    variant, blocked, arrive, analyser, backend, other_user
) -> None:
    change, states = VARIANTS[variant]
    photo = screened(arrive(change(pictures()["woman_d"]), other_user))
    assert photo.screening in states
    row = Screening.objects.get(photo=photo)
    assert row.reason == "known_bad"
    assert row.scores["pdq_distance"] <= 60
    if photo.screening == "review":
        assert Case.objects.get(photo=photo).reason == "known_bad"


def test_other_pictures_are_not_taken_for_it(blocked, arrive, analyser, backend) -> None:
    for name, image in pictures().items():
        if name != "woman_d":
            assert screened(arrive(image)).screening == "clear", name


def test_its_owner_is_told_without_being_accused(
    blocked, arrive, analyser, backend, client_for, user
) -> None:
    photo = screened(arrive(pictures()["woman_d"]))
    page = client_for(user).get(photo.get_absolute_url()).content.decode()
    assert 'data-code="blocked_known_bad"' in page
    assert "taken down here before" in page


def test_a_result_that_looks_like_it_is_not_kept(blocked, backend, user) -> None:
    with pytest.raises(ResultBlocked) as refused:
        get_screener().result_screen(user, encoded(pictures()["woman_d"], 70), ())
    assert refused.value.code == "result_known_bad"


def test_what_is_flat_is_neither_listed_nor_found(
    user, photo_factory, arrive, analyser, backend
) -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    entries = hash_block(photo=photo_factory(user, grey), reason="other")
    assert {entry.kind for entry in entries} <= {KINDS.SHA256}
    hash_add(kind=KINDS.PDQ, value="00" * 32, reason="other")
    assert screened(arrive(grey)).screening == "clear"


def test_the_list_is_kept_by_moderators_and_logged(blocked, moderator, user) -> None:
    assert AuditEntry.objects.get(action="hash.block").actor_id == moderator.pk
    count = len(current_looks().hashes)
    assert count >= 8
    entry = hash_add(kind=KINDS.PDQ, value="A5" * 32, reason="other", by=moderator, note="a list")
    assert entry.value == "a5" * 32
    assert len(current_looks().hashes) == count + 1
    hash_remove(entry=entry, by=moderator, reason="mistake")
    assert len(current_looks().hashes) == count
    again = hash_add(kind=KINDS.PDQ, value="a5" * 32, reason="other", by=moderator)
    assert again.pk == entry.pk
    assert len(current_looks().hashes) == count + 1
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["hash.block", "hash.add", "hash.remove", "hash.add"]
    for value in ("xyz", "ab" * 31):
        with pytest.raises(ValueError, match=r".+"):
            hash_add(kind=KINDS.SHA256, value=value, reason="other")


def test_what_one_case_blocked_can_be_taken_back(user, photo_factory, moderator) -> None:
    photo = photo_factory(user, pictures()["man_a_smile"])
    case = Case.objects.create(kind=Case.Kind.REPORT, photo=photo)
    entries = hash_block(photo=photo, reason="intimate", case=case, by=moderator)
    assert hashes_remove(case=case, by=moderator) == len(entries)
    assert not BlockedHash.objects.filter(is_active=True).exists()
    assert len(current_looks().hashes) == 0


def test_a_hundred_thousand_entries_are_searched_fast() -> None:
    rng = np.random.default_rng(0)
    looks = BlockedLooks(np.asfortranarray(rng.integers(0, 2**63, (100_000, 4), dtype=np.uint64)))
    wanted = looks.hashes[77_777].tobytes()
    assert looks.distance(wanted) == 0
    flipped = bytes([wanted[0] ^ 0b111, *wanted[1:]])
    assert looks.distance(flipped) == 3
    begun = time.perf_counter()
    for _ in range(8):
        looks.distance(wanted)
    assert time.perf_counter() - begun < 0.1


def test_an_empty_list_costs_no_hash(monkeypatch) -> None:
    monkeypatch.setattr(known_bad, "pdq_hash", None)
    level, distance = current_looks().level(np.zeros((8, 8, 3), np.uint8))
    assert (level, distance) == (0, None)
