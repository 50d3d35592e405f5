"""What the built-in swap draws, on the packaged portraits; no network is needed."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import cv2
import numpy as np
import pytest

from models.geometry.face_mesh import MIRROR, OVAL
from models.pixels import masks as pixel_masks
from models.pixels.imaging import Image
from swaps.engines.builtin.classes import Part
from swaps.engines.builtin.draw import Drawing, Style, draw_face
from swaps.engines.builtin.judge import judge_drawing, measure_drawing
from swaps.engines.builtin.light import ToneCurve
from swaps.engines.builtin.light_plain import Colour
from swaps.engines.builtin.paste import Blend
from swaps.engines.builtin.source import Shape, warp_source
from swaps.engines.builtin.target import cut_target
from swaps.engines.builtin.tones import luminance, to_log
from swaps.engines.builtin.view import FaceView, plain_view
from tests.swaps.engines.portraits import (
    darker,
    enlarged,
    lower_face,
    masked,
    portrait,
    repainted,
    toned,
)

PAIRS = [("astronaut", "hopper"), ("hopper", "astronaut")]


def drawn(target: FaceView, source: FaceView, style: Style | None = None) -> tuple[Image, Drawing]:
    photo = target.image.copy()
    return photo, draw_face(photo, target, [source], style)


def near_face(view: FaceView, margin: float) -> np.ndarray:
    """True within `margin` face sizes of the outline."""
    size = view.image.shape[:2]
    hull = pixel_masks.polygon_mask(view.mesh[:, :2].astype(np.float32), size)
    distance = cv2.distanceTransform(255 - hull, cv2.DIST_L2, cv2.DIST_MASK_5)
    return distance <= margin * view.extent


@pytest.mark.parametrize("blend", get_args(Blend))
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_pixel_away_from_the_face_is_the_targets(
    source: str, target: str, blend: Blend
) -> None:
    view = portrait(target)
    photo, drawing = drawn(view, portrait(source), Style(blend=blend))
    changed = (photo != view.image).any(axis=2)
    assert changed.sum() > 0.4 * near_face(view, 0).sum()
    assert not changed[~near_face(view, 0.08)].any()
    assert drawing.box is not None
    x1, y1, x2, y2 = drawing.box
    outside = np.ones(changed.shape, bool)
    outside[y1:y2, x1:x2] = False
    assert not changed[outside].any()


@pytest.mark.parametrize("factor", [0.4, 1.0, 6.0])
def test_the_same_holds_at_every_size(factor: float) -> None:
    view = enlarged(portrait("astronaut"), factor)
    photo, _ = drawn(view, portrait("hopper"))
    changed = (photo != view.image).any(axis=2)
    assert changed.sum() > 0.3 * near_face(view, 0).sum()
    assert not changed[~near_face(view, 0.1)].any()


def test_a_large_photo_looks_like_a_small_one() -> None:
    small, large = portrait("astronaut"), enlarged(portrait("astronaut"), 8.0)
    source = portrait("hopper")
    photo, _ = drawn(small, source)
    big, drawing = drawn(large, source)
    assert drawing.frame.work.shape != big.shape
    again = cv2.resize(big, photo.shape[1::-1], interpolation=cv2.INTER_AREA)
    face = near_face(small, 0)
    assert np.abs(again.astype(int) - photo)[face].mean() < 4


def test_skin_keeps_its_own_texture_beyond_the_work_size() -> None:
    view = enlarged(portrait("astronaut"), 10.0)
    grain = np.random.default_rng(4).normal(0, 6, view.image.shape[:2])[..., None]
    view = repainted(view, np.clip(view.image + grain, 0, 255).astype(np.uint8))
    photo, drawing = drawn(view, portrait("hopper"))
    for vertex in (50, 280):
        x, y = np.round(view.mesh[vertex, :2]).astype(int)
        before, after = (
            image[y - 30 : y + 30, x - 30 : x + 30].astype(float) for image in (view.image, photo)
        )
        fine = [part - cv2.GaussianBlur(part, (0, 0), 2) for part in (before, after)]
        assert 0.6 < fine[1].std() / fine[0].std() < 1.4
    assert drawing.box is not None


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_skin_has_the_targets_tone_and_no_blotches(source: str, target: str) -> None:
    photo, drawing = drawn(portrait(target), portrait(source))
    figures = measure_drawing(drawing, photo)
    assert figures.tone < 6
    assert figures.blotches < 1.8
    assert figures.seam < 1.5
    assert 0.4 < figures.sharpness < 1.8


@pytest.mark.parametrize("exponent", [0.6, 1.8, 2.6])
def test_tones_far_apart_meet_both_ways(exponent: float) -> None:
    dark, plain = darker(portrait("astronaut"), exponent), portrait("hopper")
    for target, source in ((dark, plain), (plain, dark)):
        photo, drawing = drawn(target, source)
        assert measure_drawing(drawing, photo).tone < 6.5


def test_a_photo_in_one_hue_stays_in_it() -> None:
    view = toned(portrait("astronaut"))
    photo, drawing = drawn(view, portrait("hopper"))
    changed = (photo != view.image).any(axis=2)
    assert changed.sum() > 1000
    light = to_log(photo.astype(np.float32))
    colour = (light - luminance(light)[..., None])[changed]
    before = to_log(view.image.astype(np.float32))
    hue = np.median((before - luminance(before)[..., None])[changed], axis=0)
    bright = luminance(light)[changed] > -4
    assert np.percentile(np.abs(colour - hue)[bright], 95) < 0.12
    assert drawing.box is not None


def test_grey_stays_grey() -> None:
    grey = cv2.cvtColor(portrait("astronaut").image, cv2.COLOR_BGR2GRAY)
    view = repainted(portrait("astronaut"), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    photo, _ = drawn(view, portrait("hopper"))
    spread = photo.max(axis=2).astype(int) - photo.min(axis=2)
    assert np.percentile(spread, 99.9) <= 6


def test_both_rims_of_glasses_stay_whole() -> None:
    view = portrait("hopper")
    photo, drawing = drawn(view, portrait("astronaut"))
    rims = drawing.masks.rims
    assert rims is not None
    x1, y1, x2, y2 = drawing.frame.box
    kept = cv2.resize(rims, (x2 - x1, y2 - y1)) > 0.9
    before, after = (image[y1:y2, x1:x2].astype(int) for image in (view.image, photo))
    assert np.abs(after - before).max(axis=2)[kept].max() <= 6
    middle = (view.mesh[6, 0] - x1, view.mesh[6, 1] - y1)
    columns = np.nonzero(kept)[1]
    left, right = (columns < middle[0]).sum(), (columns > middle[0]).sum()
    assert min(left, right) > 0.5 * max(left, right)
    # What the parser calls glasses right of and left of the bridge has a kept lower rim.
    lower = kept[int(middle[1]) :]
    for side in (lower[:, : int(middle[0])], lower[:, int(middle[0]) :]):
        assert side.any(axis=0).sum() > 0.1 * drawing.frame.view.extent


def test_dark_lenses_stay_whole() -> None:
    view = portrait("hopper")
    frame = cut_target(view)
    worn = cv2.resize(
        (frame.classes[..., Part.GLASSES] > 0.4).astype(np.uint8),
        (frame.box[2] - frame.box[0], frame.box[3] - frame.box[1]),
        interpolation=cv2.INTER_NEAREST,
    )
    image = view.image.copy()
    x1, y1, x2, y2 = frame.box
    image[y1:y2, x1:x2][worn > 0] = 12
    photo, _ = drawn(repainted(view, image), portrait("astronaut"))
    lens = cv2.erode(worn, np.ones((5, 5), np.uint8)) > 0
    assert lens.sum() > 500
    assert np.abs(photo[y1:y2, x1:x2].astype(int) - 12)[lens].max() <= 8


def test_a_mask_over_the_target_stays() -> None:
    view = masked(portrait("astronaut"))
    photo, drawing = drawn(view, portrait("hopper"))
    area = cv2.erode(lower_face(view).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert drawing.masks.target_covered > 0.4
    assert np.abs(photo.astype(int) - view.image).max(axis=2)[area].max() <= 3
    assert (photo != view.image).any()


def test_a_mask_over_the_source_is_noticed() -> None:
    _, drawing = drawn(portrait("hopper"), masked(portrait("astronaut")))
    assert drawing.masks.source_covered > 0.4


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_a_bare_face_is_not_called_covered(name: str) -> None:
    _, drawing = drawn(portrait(name), portrait("astronaut"))
    assert drawing.masks.target_covered < 0.1


def test_more_shape_moves_further_from_the_target() -> None:
    target, source = cut_target(portrait("hopper")), [portrait("astronaut")]
    moved = [
        np.linalg.norm(warp_source(source, target, Shape(amount)).mesh - target.mesh, axis=1)
        for amount in (0.0, 0.3, 0.6, 1.0)
    ]
    for less, more in pairwise(moved):
        assert more.mean() > less.mean()
    assert moved[-1][list(OVAL)].max() < 1e-6


def test_the_targets_expression_opens_the_mouth_as_the_target_does() -> None:
    target, source = cut_target(portrait("hopper")), [portrait("astronaut")]

    def gap(mesh: np.ndarray) -> float:
        return float(np.linalg.norm(mesh[13] - mesh[14]))

    own, theirs = (gap(warp_source(source, target, Shape(1.0, share)).mesh) for share in (1.0, 0.0))
    wanted = gap(target.mesh)
    assert abs(theirs - wanted) < 0.5 * abs(own - wanted)


@pytest.mark.parametrize("colour", get_args(Colour))
def test_each_way_to_match_colours_draws_another_face(colour: Colour) -> None:
    target, source = portrait("astronaut"), portrait("hopper")
    usual, _ = drawn(target, source)
    photo, _ = drawn(target, source, Style(colour=colour))
    same = np.abs(photo.astype(int) - usual)[near_face(target, 0)].mean()
    assert (same == 0) == (colour == "class")
    assert not (photo != target.image).any(axis=2)[~near_face(target, 0.08)].any()


def test_another_photo_of_the_person_fills_what_the_first_hides() -> None:
    target, whole = portrait("hopper"), portrait("astronaut")
    classes = whole.classes.copy()
    half = classes.shape[1] // 2
    classes[: classes.shape[0] // 2, :half] = 0
    classes[: classes.shape[0] // 2, :half, Part.HAIR] = 255
    hidden = replace(whole, classes=classes)
    frame = cut_target(target)
    warped = warp_source([hidden, whole], frame, Shape())
    assert len(warped.textures) >= 2
    brow = frame.mesh[[70, 63, 105, 66, 107], :2].round().astype(int)
    from_second = warped.shares[1][brow[:, 1], brow[:, 0]]
    assert from_second.mean() > 0.6
    chin = frame.mesh[[152, 200], :2].round().astype(int)
    assert warped.shares[0][chin[:, 1], chin[:, 0]].mean() > 0.9


def test_without_a_parser_the_hull_is_the_mask() -> None:
    target, source = (
        plain_view(portrait(n).image, portrait(n).mesh) for n in ("astronaut", "hopper")
    )
    photo, drawing = drawn(target, source)
    changed = (photo != target.image).any(axis=2)
    assert changed.sum() > 0.5 * near_face(target, 0).sum()
    assert not changed[~near_face(target, 0.08)].any()
    assert measure_drawing(drawing, photo).tone < 6


def test_what_came_out_badly_is_said() -> None:
    target = portrait("astronaut")
    photo, drawing = drawn(target, portrait("hopper"))
    codes = {notice.code for notice in judge_drawing(drawing, photo, 0.9)}
    assert not codes
    spoilt = photo.astype(int)
    spots = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, photo.shape[:2]), (0, 0), 5)
    spoilt += (spots / spots.std() * 70).astype(int)[..., None]
    worse = judge_drawing(drawing, np.clip(spoilt, 0, 255).astype(np.uint8), 0.1)
    assert {"skin_uneven", "likeness_weak"} <= {notice.code for notice in worse}


@pytest.mark.parametrize(("source", "target"), [(60, 200), (200, 60), (128, 128)])
def test_the_tone_curve_keeps_black_skin_and_white(source: float, target: float) -> None:
    curve = ToneCurve(source, target, 1.0)
    ends = curve.applied(np.array([0, source, 255], np.float32))
    assert np.allclose(ends, [0, target, 255], atol=0.01)
    steps = curve.applied(np.linspace(0, 255, 100).astype(np.float32))
    assert (np.diff(steps) > 0).all()


def test_a_shadow_is_no_beard_and_a_rough_dark_jaw_is() -> None:
    view = portrait("astronaut")
    assert view.unwrapped.beard < 0.1
    size = view.image.shape[:2]
    jaw = pixel_masks.polygon_mask(
        view.mesh[[58, 172, 136, 149, 152, 378, 365, 397, 288, 326, 97], :2].astype(np.float32),
        size,
    )
    lips = pixel_masks.polygon_mask(view.mesh[[61, 0, 291, 17], :2].astype(np.float32), size)
    zone = cv2.GaussianBlur(((jaw > 0) & (lips == 0)).astype(np.float32), (0, 0), 1.5)[..., None]
    shade = view.image * (1 - 0.45 * zone)
    shaded = repainted(view, np.clip(shade, 0, 255).astype(np.uint8))
    assert shaded.unwrapped.beard < 0.5
    assert not shaded.unwrapped.full_beard
    hairs = np.random.default_rng(2).uniform(0.05, 0.55, size)[..., None]
    rough = view.image * (1 - zone * (1 - hairs))
    bearded = repainted(view, np.clip(rough, 0, 255).astype(np.uint8))
    assert bearded.unwrapped.beard > 0.7


def test_a_mirrored_source_gives_the_same_face_to_a_mirrored_target() -> None:
    def flipped(view: FaceView) -> FaceView:
        width = view.image.shape[1]
        mesh = view.mesh[MIRROR].copy()
        mesh[:, 0] = width - 1 - mesh[:, 0]
        turn = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])
        matrix = (view.matrix @ turn).astype(np.float32)
        return FaceView(np.ascontiguousarray(view.image[:, ::-1]), mesh, view.classes, matrix)

    target, source = portrait("hopper"), portrait("astronaut")
    plain, _ = drawn(target, source)
    mirrored, _ = drawn(flipped(target), flipped(source))
    difference = np.abs(mirrored[:, ::-1].astype(int) - plain).max(axis=2)
    assert difference[near_face(target, 0)].mean() < 6
