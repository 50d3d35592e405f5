"""PDQ against hashes that the reference made (pdqhash 0.2.8), and the search."""

import cv2
import numpy as np
import pytest

from faceweb.marks.pdq import hamming, hashes_pack, nearest, pdq_dihedral, pdq_hash
from tests.conftest import sample_path, shared_dir

REFERENCE = {
    "astronaut": "2d6b1af3a956c529e79ca3d2526fa834d4196c81cedd04de0a26b855fc99b724",
    "hopper": "cc6c7cb9fbf7c44f31837672900233f3ffd9d012223ccdf561606309dd97c020",
    "couple": "dad95b4b834a3cb969a56624a616d8f45adbc34eb4636c38cb8e14b5561cc959",
    "man_a_smile": "a123d0f8c036014717abef7747dc3fa34f78bd50d438ea85a5e05e0be537003e",
    "man_c_1": "79e0879af8f9b604c0afd7539ec8186d3e1c6362dc3d85c249747615f7b090e8",
    "man_hardhat_turned": "cf01f4b74b0bf1e31a19c7b3c6d8399f931b6f1887e32ccc3e1c83c980737806",
    "noface_rocket": "8792786c87937064bf1bc0e43f1fc0e03f1cc2e33da4c2537cec821b2ce4f376",
    "woman_glasses_smile": "6010333b7933eb16366d36ccecdd94d85bbcc93519ca9324cb63388d69343cf2",
}
SAMPLES = ("astronaut", "hopper")
ROUNDING = 4
"""Bits whose coefficient lies on the median, where the order of float32 sums decides."""


def photo_load(name: str) -> np.ndarray:
    path = sample_path(name) if name in SAMPLES else shared_dir("photos") / f"{name}.jpg"
    photo = cv2.imread(str(path))
    assert photo is not None
    return photo


@pytest.mark.parametrize("name", REFERENCE)
def test_the_bits_are_the_references(name):
    found = pdq_hash(photo_load(name))
    assert hamming(found.bits, bytes.fromhex(REFERENCE[name])) <= ROUNDING
    assert found.quality == 100


def test_quality_tells_how_much_there_is_to_see():
    photo = photo_load("astronaut")
    for alpha, reference in ((0.1, 49), (0.05, 17), (0.02, 1), (0, 0)):
        quality = pdq_hash(cv2.convertScaleAbs(photo, alpha=alpha)).quality
        assert abs(quality - reference) <= 1
    assert pdq_hash(np.full((1, 1, 3), 7, np.uint8)).quality == 0


def test_eight_hashes_are_those_of_the_eight_pictures():
    photo = photo_load("hopper")
    pictures = [
        photo,
        *(np.rot90(photo, turns) for turns in (1, 2, 3)),
        photo[::-1],
        photo[:, ::-1],
        photo.transpose(1, 0, 2),
        np.rot90(photo, 2).transpose(1, 0, 2),
    ]
    for computed, picture in zip(pdq_dihedral(photo), pictures, strict=True):
        real = pdq_hash(np.ascontiguousarray(picture)).bits
        # The even window reaches one further forward than back, so that a turn moves it by one.
        assert hamming(computed, real) <= 31
    assert len(set(pdq_dihedral(photo))) == 8


def test_copies_are_near_and_other_pictures_far():
    photo = photo_load("astronaut")
    plain = pdq_hash(photo).bits
    data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert hamming(plain, pdq_hash(cv2.imdecode(data, cv2.IMREAD_COLOR)).bits) <= 16
    assert hamming(plain, pdq_hash(small).bits) <= 31
    assert hamming(plain, pdq_hash(photo_load("hopper")).bits) > 90


def test_distance_counts_bits():
    assert hamming(bytes(32), b"\xff" * 32) == 256
    assert hamming(b"\x01" + bytes(31), bytes(32)) == 1
    with pytest.raises(ValueError, match="length"):
        hamming(bytes(32), bytes(31))


def test_nearest_first_and_nobody_missing():
    rng = np.random.default_rng(1)
    many = [rng.bytes(32) for _ in range(5000)]
    query = rng.bytes(32)
    for place, bits in ((17, 30), (4000, 3), (123, 31), (9, 32)):
        changed = np.unpackbits(np.frombuffer(query, np.uint8))
        changed[rng.permutation(256)[:bits]] ^= 1
        many[place] = np.packbits(changed).tobytes()

    indices, distances = nearest(hashes_pack(many), query, 31)

    assert indices.tolist() == [4000, 17, 123]
    assert distances.tolist() == [3, 30, 31]
    everything, far = nearest(hashes_pack(many), query, 256)
    assert len(everything) == 5000
    assert all(far[k] == hamming(many[everything[k]], query) for k in range(0, 5000, 500))
    assert nearest(hashes_pack([]), query, 31)[0].size == 0
