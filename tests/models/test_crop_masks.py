"""Masks and colour of aligned crops."""

import cv2
import numpy as np
import pytest

from models.pixels import crop_masks
from models.pixels.crop_colour import matched_colour
from models.store.cards import Manifest


@pytest.mark.parametrize("size", [128, 256, 1024])
def test_box_fades_to_nothing_at_the_rim_alike_at_every_size(size: int) -> None:
    mask = crop_masks.box_mask(size)

    assert mask.shape == (size, size)
    assert mask[size // 2, size // 2] == 1
    assert not mask[0].any()
    assert not mask[:, -1].any()
    assert mask.mean() == pytest.approx(crop_masks.box_mask(128).mean(), rel=0.02)
    assert np.abs(np.diff(mask, axis=1)).max() < 20 / size


@pytest.mark.parametrize("name", ["arcface_112_v1", "arcface_112_v2", "arcface_128", "ffhq_512"])
def test_oval_lies_on_the_five_points_of_every_template(name: str) -> None:
    mask = crop_masks.oval_mask(256)

    for x, y in Manifest.read().templates[name]:
        assert mask[int(y * 256), int(x * 256)] > 0.4
    assert not mask[:20].any()
    assert not mask[:, :50].any()


def test_region_mask_keeps_the_chosen_classes_only() -> None:
    labels = np.zeros((512, 512), np.uint8)
    labels[:, 256:] = 1
    labels[300:400, 300:400] = 12

    skin = crop_masks.region_mask(labels, {"skin"}, 128)
    with_lip = crop_masks.region_mask(labels, {"skin", "upper_lip"}, 128)

    assert skin[20, 110] == pytest.approx(1, abs=1e-3)
    assert not skin[:, :63].any()
    assert skin[87, 87] < 0.01
    assert with_lip[87, 87] == pytest.approx(1, abs=1e-3)


def test_softening_never_grows_a_region() -> None:
    labels = np.zeros((512, 512), np.uint8)
    cv2.circle(labels, (256, 256), 150, 1, -1)

    mask = crop_masks.region_mask(labels, {"skin"}, 512)

    assert not mask[labels == 0].any()
    assert ((mask > 0) & (mask < 1)).sum() > 3000


def test_hull_holds_the_features_and_leaves_the_corners() -> None:
    angles = np.linspace(0, np.pi, 17)
    landmarks = np.full((68, 2), 64, np.float32)
    landmarks[:17] = np.stack([64 - 40 * np.cos(angles), 60 + 50 * np.sin(angles)], axis=1)
    landmarks[36:48] = (64, 55)

    mask = crop_masks.hull_mask(landmarks, 128)

    assert mask[64, 64] == 1
    assert mask[45, 64] > 0.9
    assert not mask[:10, :10].any()
    assert not mask[118:, 100:].any()


def test_masks_combine_by_the_least() -> None:
    a, b = np.full((4, 4), 0.5, np.float32), np.eye(4, dtype=np.float32)

    assert np.array_equal(crop_masks.combined([a, b]), np.eye(4) * 0.5)
    with pytest.raises(ValueError, match="no masks"):
        crop_masks.combined([])


def test_visible_mask_follows_the_occluder() -> None:
    visible = np.ones((256, 256), np.float32)
    visible[:, :128] = 0

    mask = crop_masks.visible_mask(visible, 512)

    assert not mask[:, :250].any()
    assert mask[256, 400] == 1


def test_colour_takes_the_mean_of_the_reference_inside_the_mask() -> None:
    rng = np.random.default_rng(0)
    crop = np.clip(rng.normal((90, 110, 150), 12, (128, 128, 3)), 0, 255).astype(np.uint8)
    reference = np.clip(rng.normal((120, 140, 190), 12, (128, 128, 3)), 0, 255).astype(np.uint8)
    reference[:, 64:] = 0
    mask = np.zeros((128, 128), np.float32)
    mask[:, :64] = 1

    matched = matched_colour(crop, reference, mask)

    assert np.abs(matched[:, :64].mean((0, 1)) - reference[:, :64].mean((0, 1))).max() < 3
    assert np.abs(crop[:, :64].mean((0, 1)) - reference[:, :64].mean((0, 1))).min() > 20
    assert matched_colour(crop, reference, np.zeros_like(mask)) is crop


def test_colour_of_a_twin_stays() -> None:
    crop = np.random.default_rng(1).integers(40, 200, (256, 256, 3)).astype(np.uint8)

    matched = matched_colour(crop, crop, crop_masks.box_mask(256))

    assert np.abs(matched.astype(int) - crop).mean() < 1.5
