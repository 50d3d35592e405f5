"""Images to tensors and back."""

import numpy as np
import pytest

from models.networks.base import IMAGENET_MEAN, IMAGENET_STD, ImageTensor, run_in_batches

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


def test_encode_scales_orders_and_normalises() -> None:
    tensor = ImageTensor(16, IMAGENET_MEAN, IMAGENET_STD).encode(IMAGES)

    assert tensor.shape == (3, 3, 16, 16)
    assert tensor.dtype == np.float32
    red = IMAGES[1, 4, 5, 2]
    assert tensor[1, 0, 4, 5] == pytest.approx((red / 255 - 0.485) / 0.229, abs=1e-5)
    blue = IMAGES[1, 4, 5, 0]
    assert tensor[1, 2, 4, 5] == pytest.approx((blue / 255 - 0.406) / 0.225, abs=1e-5)


def test_bgr_channels_last_keeps_order_and_axes() -> None:
    tensor = ImageTensor(16, order="BGR", layout="NHWC").encode(IMAGES)

    assert np.array_equal(np.rint(tensor * 255).astype(np.uint8), IMAGES)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_decode_undoes_encode(layout: str, order: str) -> None:
    tensor = ImageTensor(16, IMAGENET_MEAN, IMAGENET_STD, order, layout)  # type: ignore[arg-type]

    assert np.array_equal(tensor.decode(tensor.encode(IMAGES)), IMAGES)


def test_decode_clips_and_rounds_or_truncates() -> None:
    values = np.array([-0.2, 1.7, 10.6 / 255], np.float32)
    tensor = np.tile(values[None, :, None, None], (1, 1, 2, 2))

    assert ImageTensor(2).decode(tensor)[0, 0, 0].tolist() == [11, 255, 0]
    assert ImageTensor(2).decode(tensor, truncate=True)[0, 0, 0].tolist() == [10, 255, 0]


def test_encode_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"\(N, 32, 32, 3\)"):
        ImageTensor(32).encode(IMAGES)


def test_run_in_batches_covers_everything_once_and_reports() -> None:
    seen: list[float] = []
    joined = run_in_batches(lambda part: np.arange(10)[part], 10, 4, seen.append)

    assert joined.tolist() == list(range(10))
    assert seen == [0.4, 0.8, 1.0]
