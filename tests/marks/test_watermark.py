"""The imperceptible mark: how little it shows, what it survives, and that it is never made up."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from faceweb.marks.watermark import pattern, watermark_embed, watermark_read
from faceweb.marks.watermark.code import CODE_BITS, id_encode, ids_decode
from tests.conftest import sample_path, shared_dir

Image = np.ndarray
SAMPLES = ("astronaut", "hopper")
PHOTOS = ("couple", "group_restaurant", "man_couch", "noface_rocket", "noface_house", "man_c_1")
MARK = 0x9E3779B97F4A7C15


def photo_load(name: str) -> Image:
    path = sample_path(name) if name in SAMPLES else shared_dir("photos") / f"{name}.jpg"
    photo = cv2.imread(str(path))
    assert photo is not None
    return photo


def jpeg(picture: Image, quality: int = 75) -> Image:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def crop(picture: Image, top: float, bottom: float, left: float, right: float) -> Image:
    height, width = picture.shape[:2]
    return picture[
        round(top * height) : round((1 - bottom) * height),
        round(left * width) : round((1 - right) * width),
    ].copy()


def half(picture: Image) -> Image:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def turn(picture: Image) -> Image:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 2, 1)
    return cv2.warpAffine(picture, matrix, (width, height))


CHANGES: dict[str, Callable[[Image], Image]] = {
    "as it is": lambda p: p,
    "jpeg": jpeg,
    "half size": half,
    "crop at the top left": lambda p: crop(p, 0.05, 0, 0.05, 0),
    "crop at the bottom right": lambda p: crop(p, 0, 0.05, 0, 0.05),
    "crop all round": lambda p: crop(p, 0.025, 0.025, 0.025, 0.025),
    "crop on the right": lambda p: crop(p, 0, 0, 0, 0.05),
    "blur": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "mirror": lambda p: p[:, ::-1].copy(),
    "quarter turn": lambda p: np.rot90(p).copy(),
    "two degrees": turn,
}


@pytest.mark.parametrize("name", SAMPLES + PHOTOS)
def test_the_id_survives_and_nothing_shows(name):
    photo = photo_load(name)
    before = photo.copy()

    marked = watermark_embed(photo, MARK)

    np.testing.assert_array_equal(photo, before)
    assert marked.shape == photo.shape
    assert marked.dtype == np.uint8
    assert cv2.PSNR(photo, marked) >= 40
    lost = [each for each, change in CHANGES.items() if watermark_read(change(marked)) != MARK]
    assert not lost


def test_calm_places_stay_calm():
    photo = np.full((600, 800, 3), 120, np.uint8)
    rng = np.random.default_rng(1)
    photo[:, 400:] = rng.normal(120, 25, (600, 400, 1)).clip(0, 255)

    added = watermark_embed(photo, MARK).astype(int) - photo

    assert np.abs(added[:, :390]).max() <= 2
    assert added[:, :390].std() < 0.7
    assert added[:, 410:].std() > 1.5


def test_a_grey_picture_stays_grey():
    grey = cv2.cvtColor(photo_load("hopper"), cv2.COLOR_BGR2GRAY)

    marked = watermark_embed(cv2.merge([grey] * 3), MARK)

    np.testing.assert_array_equal(marked[..., 0], marked[..., 1])
    np.testing.assert_array_equal(marked[..., 0], marked[..., 2])
    assert watermark_read(jpeg(marked)) == MARK


@pytest.mark.parametrize("pixels", [300_000, 6_000_000])
def test_the_smallest_and_the_largest_id(pixels):
    photo = photo_load("astronaut")
    scale = (pixels / (photo.shape[0] * photo.shape[1])) ** 0.5
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for mark_id in (0, 2**64 - 1):
        assert watermark_read(half(watermark_embed(photo, mark_id))) == mark_id
    for wrong in (-1, 2**64):
        with pytest.raises(ValueError, match="64 bits"):
            watermark_embed(photo, wrong)


@pytest.mark.parametrize("between", ["as it is", "jpeg 90", "crop", "mirror", "badge"])
def test_the_newest_of_three_marks_is_read(between):
    def badge(picture: Image) -> Image:
        picture = picture.copy()
        picture[-44:-4, -160:-4] = 30
        return picture

    change: Callable[[Image], Image] = {
        "as it is": lambda p: p,
        "jpeg 90": lambda p: jpeg(p, 90),
        "crop": lambda p: crop(p, 0.10, 0, 0.10, 0),
        "mirror": lambda p: p[:, ::-1].copy(),
        "badge": badge,
    }[between]
    plain = photo_load("astronaut")
    marked = watermark_embed(plain, 1)
    for mark_id in (2, 3):
        plain = change(plain)
        marked = watermark_embed(change(marked), mark_id)
        assert watermark_read(marked) == mark_id
    assert watermark_read(crop(marked, 0.05, 0, 0, 0.05)) == 3
    if between != "jpeg 90":
        assert watermark_read(jpeg(marked)) == 3
    assert cv2.PSNR(plain, marked) >= 37


def test_pictures_too_small_for_a_mark():
    sliver = photo_load("astronaut")[:31, :400].copy()

    marked = watermark_embed(sliver, MARK)

    np.testing.assert_array_equal(marked, sliver)
    assert marked is not sliver
    assert watermark_read(marked) is None
    for shape in ((60, 60), (1, 1)):
        tiny = np.full((*shape, 3), 90, np.uint8)
        assert (watermark_embed(tiny, MARK) == tiny).all()
        assert watermark_read(tiny) is None


def test_unmarked_pictures_have_no_id():
    rng = np.random.default_rng(2)
    photos = [photo_load(name) for name in SAMPLES]
    for _ in range(8):
        photo = photos[rng.integers(2)]
        height, width = rng.integers(150, 500, 2)
        top = rng.integers(0, photo.shape[0] - height + 1)
        left = rng.integers(0, photo.shape[1] - width + 1)
        assert watermark_read(photo[top : top + height, left : left + width].copy()) is None
    for plain in (0, 128, 255):
        assert watermark_read(np.full((300, 400, 3), plain, np.uint8)) is None
    chequers = np.kron(np.indices((40, 50)).sum(axis=0) % 2 * 255, np.ones((8, 8)))
    assert watermark_read(cv2.merge([chequers.astype(np.uint8)] * 3)) is None


def test_chance_does_not_pass_the_check():
    """What decides is the check value; 10,500 rows of soft bits without or past any mark."""
    rng = np.random.default_rng(3)
    code = id_encode(MARK).astype(np.float32)
    for noise in (None, 1.8, 2.2):
        for _ in range(7):
            soft = rng.standard_normal((500, CODE_BITS)).astype(np.float32)
            got = ids_decode(soft if noise is None else code + noise * soft)
            assert set(got) <= ({None} if noise is None else {None, MARK})


def test_the_code_corrects_what_it_should():
    rng = np.random.default_rng(4)
    ids = [int(each) for each in rng.integers(0, 2**63, 200)]
    sent = np.stack([id_encode(each) for each in ids])
    got = ids_decode(sent + rng.standard_normal(sent.shape))
    assert sum(a == b for a, b in zip(ids, got, strict=True)) >= 198


def test_the_pattern_is_the_same_for_ever():
    """Marks are out there: whoever changes the pattern or the code can no longer read them."""
    symbols = pattern.symbols(id_encode(MARK))
    assert len(symbols) == 862
    np.testing.assert_allclose(np.abs(symbols), 1, rtol=1e-5)
    root = 2**-0.5
    expected = [0.689541, 0.724247, root, -root, root, root, root, -root]
    np.testing.assert_allclose(symbols[[0, 1, 431, 861]].view(np.float32), expected, atol=1e-5)
