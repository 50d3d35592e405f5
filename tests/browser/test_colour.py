"""What is stored of a picture looks as Chromium shows the picture, to within a few levels."""

import base64

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from tests.media.charts import HDR, SDR, SIDE
from tests.media.test_decode import decoded

pytestmark = pytest.mark.browser

_DRAWN = """async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return Array.from(context.getImageData(0, 0, image.width, image.height).data);
}"""


def shown(browser: Browser, name: str, content: bytes) -> NDArray[np.uint8]:
    """The middle of each patch as Chromium shows it, uint8 (8, 8, 3) RGB."""
    page = browser.new_page()
    media_type = "image/avif" if name.endswith(".avif") else "image/png"
    address = f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    values = np.array(page.evaluate(_DRAWN, address), np.uint8)
    page.close()
    return middles(values.reshape(SIDE * SIDE, SIDE * SIDE, 4)[..., :3])


def middles(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE]


def differences(browser: Browser, name: str, content: bytes) -> NDArray[np.int64]:
    stored = middles(decoded(content)).astype(int)
    return np.abs(stored - shown(browser, name, content))


@pytest.mark.parametrize("name", SDR)
def test_ordinary_colour_is_the_browsers(name: str, browser: Browser) -> None:
    assert differences(browser, name, SDR[name]).max() <= 3


@pytest.mark.parametrize("name", HDR)
def test_hdr_is_toned_as_the_browser_does(name: str, browser: Browser) -> None:
    assert differences(browser, name, HDR[name]).mean() <= 4
