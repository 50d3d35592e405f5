"""What belongs to a face and what does not."""

import cv2
import numpy as np

from models.faces import glasses
from models.pixels import masks
from tests.models import faces


def test_what_enters_over_the_rim_is_foreign_and_an_island_is_not() -> None:
    inside = np.zeros((100, 100), np.uint8)
    cv2.circle(inside, (50, 50), 40, 255, -1)
    foreign = np.zeros((100, 100), np.float32)
    foreign[0:40, 48:52] = 1
    foreign[60:66, 60:66] = 1
    entering = masks.reaching_in(foreign, inside)
    assert entering[35, 50] == 1
    assert not entering[58:68, 58:68].any()


def test_skin_is_told_from_dark_hair_on_every_tone() -> None:
    for name in ("man_couch", "woman_b_1", "man_a_smile"):
        face, photo = faces.faces(name)[0], faces.photo(name)
        assert face.landmarks is not None
        lab = cv2.cvtColor(photo, cv2.COLOR_BGR2LAB).astype(np.float32)
        skin = masks.skin_likeness(lab, masks.skin_colour(lab, face.landmarks))
        bare = masks.bare_skin_mask(face.landmarks, photo.shape[:2]) > 0.5
        assert skin[bare].mean() > 0.85
        up = face.landmarks[27] - face.landmarks[8]
        x, y = (int(v) for v in face.landmarks[27] + 0.95 * up)
        assert skin[y - 4 : y + 4, x - 10 : x + 10].mean() < 0.1


def test_a_smeared_side_is_masked_and_a_plain_scale_is_not() -> None:
    y, x = np.mgrid[0:80, 0:80].astype(np.float32)
    plain = np.dstack([2 * x, 2 * y])
    assert masks.stretch_mask(plain).min() == 1
    smeared = plain.copy()
    smeared[:, 60:, 0] = 120 + 0.05 * (x[:, 60:] - 60)
    gate = masks.stretch_mask(smeared)
    assert gate[:, 65:].max() == 0
    assert gate[:, :55].min() == 1


def test_the_frame_mask_covers_the_bridge_and_leaves_the_eyes_free() -> None:
    face, photo = faces.faces("woman_glasses_smile")[0], faces.photo("woman_glasses_smile")
    assert face.landmarks is not None
    frame = glasses.frame_mask(photo, face.landmarks)
    bridge = masks.polygon_mask(face.landmarks[[39, 42, 28]], photo.shape[:2]) > 0
    dark = bridge & (photo.max(axis=2) < 30)
    assert frame[dark].mean() > 0.9
    for eye in (slice(36, 42), slice(42, 48)):
        pupil = face.landmarks[eye].mean(axis=0).astype(int)
        assert frame[pupil[1], pupil[0]] < 0.1
