"""The visible badge: there, in the corner, legible on anything, and never more than asked."""

import numpy as np
import pytest

from faceweb.marks.badge import SMALLEST_PX, badge_draw

GROUNDS = {
    "white": lambda shape: np.full((*shape, 3), 255, np.uint8),
    "black": lambda shape: np.zeros((*shape, 3), np.uint8),
    "busy": lambda shape: np.random.default_rng(5).integers(0, 256, (*shape, 3), np.uint8),
}


def touched(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    """The box that differs: top, left, bottom, right."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@pytest.mark.parametrize("ground", list(GROUNDS))
@pytest.mark.parametrize("shape", [(200, 300), (630, 1200), (1600, 1067), (3000, 4000)])
def test_it_is_small_and_in_the_corner(ground: str, shape: tuple[int, int]) -> None:
    image = GROUNDS[ground](shape)
    kept = image.copy()
    drawn = badge_draw(image)
    assert np.array_equal(image, kept)
    top, left, bottom, right = touched(image, drawn)
    height, width = shape
    assert bottom - top >= SMALLEST_PX - 1
    assert (bottom - top) * (right - left) <= 0.03 * height * width
    assert bottom > 0.93 * height
    assert right > 0.93 * width
    assert bottom < height
    assert right < width


@pytest.mark.parametrize("ground", list(GROUNDS))
@pytest.mark.parametrize("shape", [(200, 300), (1600, 1067)])
def test_its_letters_stand_out_from_its_pill_on_anything(
    ground: str, shape: tuple[int, int]
) -> None:
    image = GROUNDS[ground](shape)
    drawn = badge_draw(image)
    tall = max(SMALLEST_PX, round(0.038 * (shape[0] * shape[1]) ** 0.5))
    margin = round(0.45 * tall)
    pill = drawn[-margin - tall : -margin, -margin - round(4.35 * tall) : -margin].max(axis=2)
    middle = pill[tall // 4 : -(tall // 4), tall : -tall // 2]
    # WCAG 1.4.3 on an 8-bit scale: 4.5 to 1 between letters and the pill's darkest surroundings.
    light, dark = np.percentile(middle, 97) / 255, np.percentile(middle, 40) / 255
    assert (light**2.2 + 0.05) / (dark**2.2 + 0.05) > 4.5


@pytest.mark.parametrize("ground", ["white", "black"])
def test_its_edge_stands_out_from_the_picture(ground: str) -> None:
    image = GROUNDS[ground]((630, 1200))
    drawn = badge_draw(image)
    top, left, bottom, right = touched(image, drawn)
    outline = np.abs(drawn[top:bottom, left:right].astype(int) - image[0, 0]).max(axis=2)
    middle = (bottom - top) // 2
    assert outline[middle, :8].max() > 60
    assert outline[:4, middle * 3].max() > 60


@pytest.mark.parametrize("shape", [(1, 1), (15, 20), (40, 60), (600, 60), (60, 600)])
def test_tiny_and_narrow_pictures_get_what_fits(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    drawn = badge_draw(image)
    assert drawn.shape == image.shape
    if min(shape) >= 40:
        top, left, bottom, right = touched(image, drawn)
        assert right - left <= shape[1]
        assert bottom - top <= shape[0]
        assert drawn.max() > 200
