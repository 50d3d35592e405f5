"""What was made here is known again when it comes back, and what it was made from is not."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from faceweb.ledger.models import FaceEntry
from faceweb.ledger.services import spending_record, standing_of
from faceweb.ledger.spent import Spent
from faceweb.ledger.uploads import recognise, upload_recognise
from faceweb.marks import registry
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from tests.conftest import stored_face
from tests.media.conftest import store_result

pytestmark = pytest.mark.django_db

SPENT = Spent({"smile": 40}, 18.0)


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index in memory must not remember another test's database."""
    monkeypatch.setattr(registry, "_index", registry.LooksIndex())


def face_of_portrait() -> dict[str, Any]:
    data = stored_face()
    data["box"] = [165, 65, 285, 195]
    return data


@pytest.fixture
def photo(user: Any, photo_factory: Any, portrait: np.ndarray) -> Asset:
    made: Asset = photo_factory(user, portrait, faces=[face_of_portrait()])
    return made


@pytest.fixture
def edited(
    user: Any, photo: Asset, portrait: np.ndarray, published: Any, passing_screener: None
) -> Asset:
    """The portrait with something of its face changed, marked and written down."""
    changed = portrait.copy()
    changed[150:180, 190:260] = cv2.add(changed[150:180, 190:260], (28, 28, 28))
    result = store_result(user, photo, image=changed)
    standing = standing_of(photo, photo.found_faces()[0])
    spending_record(result=result, standing=standing, spent=SPENT, touched=(150, 50, 300, 210))
    Asset.objects.filter(pk=result.pk).update(faces=[face_of_portrait()], analysis="done")
    result.refresh_from_db()
    return result


def sent(image: np.ndarray, quality: int = 85) -> np.ndarray:
    """As a phone or a messenger would send it on."""
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)


def taken_in(photo_factory: Any, owner: Any, image: np.ndarray, face: dict[str, Any]) -> Asset:
    upload: Asset = photo_factory(owner, image, faces=[face])
    upload_recognise(upload, image, upload.found_faces())
    return upload


def test_a_copy_takes_over_base_and_what_was_spent(
    user: Any, photo_factory: Any, photo: Asset, edited: Asset
) -> None:
    copy = taken_in(photo_factory, user, sent(asset_read(edited)), face_of_portrait())
    standing = standing_of(copy, copy.found_faces()[0])
    assert standing.base is not None
    assert standing.base.picture == photo
    assert standing.spent == SPENT
    # It may have been changed elsewhere: its pixels are not made anew from the base.
    assert not standing.is_alone


def test_a_strangers_copy_takes_over_what_was_spent_alone(
    other_user: Any, photo_factory: Any, edited: Asset
) -> None:
    copy = taken_in(photo_factory, other_user, sent(asset_read(edited)), face_of_portrait())
    standing = standing_of(copy, copy.found_faces()[0])
    assert (standing.base, standing.spent) == (None, SPENT)


def test_a_mirrored_copy_is_known_and_its_places_are_not_trusted(
    user: Any, photo_factory: Any, edited: Asset
) -> None:
    mirrored = sent(np.ascontiguousarray(asset_read(edited)[:, ::-1]))
    known = recognise(mirrored)
    assert known is not None
    assert not known.is_whole
    face = face_of_portrait()
    face["box"] = [227, 65, 347, 195]
    copy = taken_in(photo_factory, user, mirrored, face)
    standing = standing_of(copy, copy.found_faces()[0])
    assert (standing.base, standing.spent) == (None, SPENT)


def test_the_photo_itself_is_never_taken_for_what_was_made_of_it(
    user: Any, photo_factory: Any, portrait: np.ndarray, edited: Asset
) -> None:
    again = taken_in(photo_factory, user, sent(portrait), face_of_portrait())
    assert not FaceEntry.objects.filter(upload=again).exists()
    edited.delete()
    assert recognise(sent(portrait)) is None


def test_what_was_spent_outlives_the_result_and_the_base(
    user: Any, photo_factory: Any, photo: Asset, edited: Asset
) -> None:
    pixels = sent(asset_read(edited))
    edited.delete()
    photo.delete()
    copy = taken_in(photo_factory, user, pixels, face_of_portrait())
    standing = standing_of(copy, copy.found_faces()[0])
    assert (standing.base, standing.spent) == (None, SPENT)


def test_looking_again_writes_the_same(user: Any, photo_factory: Any, edited: Asset) -> None:
    pixels = sent(asset_read(edited))
    copy = taken_in(photo_factory, user, pixels, face_of_portrait())
    upload_recognise(copy, pixels, copy.found_faces())
    assert FaceEntry.objects.filter(upload=copy).count() == 1


def test_a_face_beside_an_edit_that_reached_it_keeps_its_base(
    user: Any, photo_factory: Any, portrait: np.ndarray, published: Any, passing_screener: None
) -> None:
    beside = stored_face()
    beside["box"] = [290, 60, 400, 190]
    photo = photo_factory(user, portrait, faces=[face_of_portrait(), beside])
    result = store_result(user, photo, image=portrait)
    standing = standing_of(photo, photo.found_faces()[0])
    spending_record(result=result, standing=standing, spent=SPENT, touched=(150, 50, 300, 210))
    Asset.objects.filter(pk=result.pk).update(faces=photo.faces, analysis="done")
    result.refresh_from_db()
    other = standing_of(result, result.found_faces()[1])
    assert other.base is not None
    assert other.base.picture == photo
    assert not other.is_edited
