"""A result is shared, opened by somebody else in a private window, and taken back."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, expected
from tests.browser.looks import everywhere
from tests.browser.test_journey import fill_studio, photos, sign_up, swap

__all__ = ["photos"]

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SECRET = "by the old harbour"


def make_link(page: Page, choices: dict[str, str | bool] | None = None) -> str:
    """Make a link on the result's page and give its address, which is shown once."""
    share = page.get_by_role("region", name="Share")
    if not share.get_by_role("button", name="Make the link").is_visible():
        share.get_by_text("Make a link").click()
    for label, value in (choices or {}).items():
        field = share.get_by_label(label, exact=True)
        if isinstance(value, bool):
            field.set_checked(value)
        else:
            field.fill(value)
    share.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", level=1, name="Here is the address")).to_be_visible()
    return page.get_by_role("textbox", name="Address").input_value()


def scan(page: Page) -> str:
    """What a camera reads from the QR code on the screen."""
    shot = page.get_by_role("img", name="QR code").screenshot()
    image = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return str(cv2.QRCodeDetectorAruco().detectAndDecode(image)[0])


def loaded(page: Page, name: str) -> bool:
    """Whether a picture's bytes arrived and are a picture."""
    picture = page.get_by_role("img", name=name)
    expect(picture).to_be_visible()
    page.wait_for_load_state("networkidle")
    return bool(picture.evaluate("it => it.complete && it.naturalWidth > 0"))


def test_shared_opened_and_taken_back(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    owner = visit(permissions=["clipboard-read", "clipboard-write"])
    page = owner.page
    sign_up(page, "sharon@example.org")
    fill_studio(page, photos)
    swap(page)
    result = page.url

    address = make_link(page, {"Show the photo it was made on beside it": True})
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == address
    path = address[address.index("/s/") :]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert scan(page) == address
    owner.picture("share-address")

    friend = visit()
    friend.page.goto(path)
    expect(friend.page.get_by_role("heading", level=1, name="AI-edited picture")).to_be_visible()
    assert loaded(friend.page, "After, AI-edited")
    assert loaded(friend.page, "Before")
    expect(friend.page.get_by_role("slider", name="Slide between")).to_be_attached()
    expect(friend.page.get_by_role("link", name="Download")).to_have_count(0)
    picture = friend.page.get_by_role("img", name="After").get_attribute("src")
    assert picture is not None
    friend.picture("share-public")

    # The address is not there any more, but the link is, and somebody has looked.
    page.goto("/links/")
    assert path not in page.content()
    expect(page.get_by_text("1 view")).to_be_visible()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()

    with expected(friend, "404"):
        assert friend.page.request.get(picture).status == 404
        friend.page.reload()
    expect(friend.page.get_by_role("heading", name="There is nothing at this link")).to_be_visible()
    page.goto(result)
    expect(page.get_by_role("region", name="Share").get_by_text("Revoked")).to_be_visible()


def test_a_password_a_last_view_and_a_download(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    page = visit().page
    sign_up(page, "pat@example.org")
    fill_studio(page, photos)
    swap(page)
    address = make_link(
        page, {"Password": SECRET, "Most views": "1", "Let people download it": True}
    )
    path = address[address.index("/s/") :]

    friend = visit(java_script_enabled=False, accept_downloads=True)
    friend.page.goto(path)
    expect(friend.page.get_by_role("img", name="AI-edited picture")).to_have_count(0)
    with expected(friend, "400"):
        friend.page.get_by_label("Password").fill("a wrong guess")
        friend.page.get_by_role("button", name="Open").click()
        expect(friend.page.get_by_text("not the password")).to_be_visible()
    friend.page.get_by_label("Password").fill(SECRET)
    friend.page.get_by_role("button", name="Open").click()
    assert loaded(friend.page, "AI-edited picture")
    with friend.page.expect_download() as download:
        friend.page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"faceweb-[0-9a-f]{8}\.jpg", download.value.suggested_filename)
    # A reload is the same look.
    friend.page.reload()
    assert loaded(friend.page, "AI-edited picture")

    late = visit()
    with expected(late, "404"):
        late.page.goto(path)
    expect(late.page.get_by_role("heading", name="There is nothing at this link")).to_be_visible()


def test_whoever_sees_a_shared_picture_can_have_it_hidden(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    owner = visit()
    sign_up(owner.page, "rhea@example.org")
    fill_studio(owner.page, photos)
    swap(owner.page)
    result = owner.page.url
    address = make_link(owner.page, {})
    path = address[address.index("/s/") :]

    stranger = visit()
    stranger.page.goto(path)
    stranger.page.get_by_role("link", name="Report this picture").click()
    stranger.page.get_by_label("It shows me, and I did not agree").check()
    stranger.page.get_by_role("button", name="Send the report").click()
    expect(
        stranger.page.get_by_text(re.compile(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}"))
    ).to_be_visible()
    with expected(stranger, "404"):
        stranger.page.goto(path)
    expect(
        stranger.page.get_by_role("heading", name="There is nothing at this link")
    ).to_be_visible()

    owner.page.goto(result)
    expect(owner.page.get_by_text("Only you can see this picture")).to_be_visible()
    expect(owner.page.get_by_role("link", name="Download")).to_have_count(0)


def test_every_page_about_links_is_for_everybody(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    """No serious barrier and no sideways scrolling, light and dark, on phone and desktop."""
    visitor = visit()
    page = visitor.page
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(everywhere(visitor, name))

    sign_up(page, "una@example.org")
    page.goto("/links/")
    look("links-empty")
    fill_studio(page, photos)
    swap(page)
    result = page.url
    page.get_by_role("region", name="Share").get_by_text("Make a link").click()
    look("share-panel")
    address = make_link(page)
    look("share-address")
    page.goto(result)
    locked = make_link(page, {"Password": SECRET})
    page.goto("/links/")
    look("links")
    page.get_by_role("link", name="Change").first.click()
    look("link")
    for name, opened in (("shared", address), ("shared-password", locked)):
        page.goto(opened[opened.index("/s/") :])
        look(name)
    with expected(visitor, "404"):
        page.goto("/s/nothing/")
    look("shared-nothing")
    assert not found, "\n".join(found)
