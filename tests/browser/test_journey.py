"""One person's way through the whole site, in a real browser, against the real processes."""

import os
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, expected
from tests.browser.looks import everywhere
from tests.conftest import sample_path
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PASSWORD = "a long walk by the sea"
RESULT_MS = 60_000


@pytest.fixture(scope="module")
def person() -> str:
    return "olive@example.org"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The target and the source, under names that must never be seen again."""
    folder = tmp_path_factory.mktemp("photos")
    names = {"target": ("astronaut", "aunt.png"), "source": ("hopper", "grandmother.jpg")}
    return {
        slot: Path(shutil.copy(sample_path(sample), folder / name))
        for slot, (sample, name) in names.items()
    }


def sign_up(page: Page, email: str) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Create account").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1, name="Studio")).to_be_visible()


def upload(page: Page, slot: str, file: Path) -> None:
    """Choose a file and tick the consent; the studio then shows the photo with its faces."""
    well = page.get_by_role("region", name=slot)
    well.locator("input[type=file]").set_input_files(file)
    well.get_by_role("checkbox").check()
    expect(well.get_by_role("group", name="Faces in this photo")).to_be_visible(timeout=30_000)


def fill_studio(page: Page, photos: dict[str, Path]) -> None:
    page.goto("/studio/")
    upload(page, "Photo to change", photos["target"])
    upload(page, "Face to use", photos["source"])


def swap(page: Page) -> None:
    """Press the button and wait, through the job's page, for the result's."""
    page.get_by_role("button", name="Swap faces").click()
    page.wait_for_url(re.compile(r"/(jobs|photos)/"))
    expect(page.get_by_role("heading", level=1, name="Your result")).to_be_visible(
        timeout=RESULT_MS
    )


def test_from_sign_up_to_download(
    visit: Callable[..., Visitor], person: str, photos: dict[str, Path], pictures: Path
) -> None:
    visitor = visit(accept_downloads=True)
    page = visitor.page
    sign_up(page, person)
    fill_studio(page, photos)

    # A face is a link one can click, and one can choose to keep it as it is.
    page.get_by_role("region", name="Photo to change").get_by_label("The face", exact=True).click()
    rows = page.get_by_role("group", name="in the photo to change")
    expect(rows.get_by_role("radio").first).to_be_checked()
    keep = rows.get_by_role("radio", name="Keep as it is")
    keep.check()
    expect(page.get_by_role("alert")).to_contain_text("No face is chosen yet")
    # The same by keyboard: into the source's face, chosen with Enter.
    page.get_by_role("region", name="Face to use").get_by_label("The face", exact=True).focus()
    page.keyboard.press("Enter")
    expect(rows.get_by_role("radio").first).to_be_checked()
    visitor.picture("studio")

    # The address says what lies in the studio: a reload loses nothing.
    page.reload()
    expect(page.get_by_role("group", name="Faces in this photo")).to_have_count(2)
    swap(page)
    assert "grandmother" not in page.content()
    assert "aunt.png" not in page.content()

    # Before and after, by keyboard.
    slider = page.get_by_role("slider", name="Slide between before and after")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    page.keyboard.press("Home")
    assert slider.input_value() == "0"
    page.keyboard.press("End")
    assert slider.input_value() == "100"
    # And by mouse: a press in the middle brings it there.
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(int(slider.input_value()) - 50) <= 1

    made = page.get_by_role("region", name="How it was made")
    expect(made).to_contain_text("Engine")
    expect(made.get_by_text("Likeness to this face")).to_be_visible()
    expect(made.get_by_role("meter")).to_have_count(2)
    visitor.picture("result")
    if os.environ.get("FACEWEB_UPDATE_SCREENSHOT"):
        # Through the middle of the face, so that both halves show.
        slider.focus()
        for _ in range(7):
            page.keyboard.press("ArrowLeft")
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=ROOT / "docs" / "screenshot.png")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    saved = pictures / "downloaded"
    download.value.save_as(saved)
    with Image.open(saved) as result, Image.open(photos["target"]) as target:
        assert result.size == target.size
        assert not result.getexif()
        assert result.convert("RGB").tobytes() != target.convert("RGB").tobytes()
    assert "aunt" not in download.value.suggested_filename

    # The result may be the next photo to change.
    page.get_by_role("link", name="Use as the next photo").click()
    expect(
        page.get_by_role("region", name="Photo to change").get_by_role("group", name="Faces")
    ).to_be_visible()


def test_the_gallery_keeps_it_until_it_is_deleted(
    visit: Callable[..., Visitor], person: str, stack: Stack
) -> None:
    visitor = visit()
    page = visitor.page
    page.goto("/photos/")
    # Not signed in: the way leads through the sign-in and back.
    page.get_by_label("Email").fill(person)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Gallery")).to_be_visible()
    thumbs = page.get_by_role("main").get_by_role("listitem")
    expect(thumbs).to_have_count(3)
    visitor.picture("gallery")

    page.get_by_role("link", name="Results").click()
    expect(thumbs).to_have_count(1)
    thumbs.get_by_role("link").click()
    picture = page.get_by_role("img", name="After, edited").get_attribute("src")
    assert picture is not None
    page.wait_for_load_state("load")

    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="Gallery")).to_be_visible()
    page.goto("/photos/")
    expect(thumbs).to_have_count(2)
    with expected(visitor, "404"):
        gone = page.request.get(picture)
    assert gone.status == 404

    # The uploads are ticked and deleted together.
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Delete ticked").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()

    page.get_by_label("Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    page.goto("/photos/")
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()


def test_a_refused_upload_says_why(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    visitor = visit()
    page = visitor.page
    sign_up(page, "oscar@example.org")
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 this is no photo")
    page.goto("/studio/")
    well = page.get_by_role("region", name="Photo to change")
    with expected(visitor, "400", "415", "422"):
        well.locator("input[type=file]").set_input_files(damaged)
        well.get_by_role("checkbox").check()
        expect(well.get_by_role("alert")).to_be_visible()
    assert len(well.get_by_role("alert").inner_text()) > 20
    # Another photo may be sent at once.
    blank = BytesIO()
    Image.new("RGB", (400, 300), "grey").save(blank, "PNG")
    well.locator("input[type=file]").set_input_files(
        {"name": "wall.png", "mimeType": "image/png", "buffer": blank.getvalue()}
    )
    well.get_by_role("checkbox").check()
    expect(well.get_by_text("No face found")).to_be_visible(timeout=30_000)


def test_the_whole_way_without_scripts(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    page = visit(java_script_enabled=False).page
    sign_up(page, "nora@example.org")
    page.goto("/studio/")
    for name, slot in (("Photo to change", "target"), ("Face to use", "source")):
        well = page.get_by_role("region", name=name)
        well.locator("input[type=file]").set_input_files(photos[slot])
        well.get_by_role("checkbox").check()
        well.get_by_role("button", name="Upload").click()
        expect(well.get_by_role("group", name="Faces in this photo")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("radio", name="Use this face")).to_be_checked()
    page.get_by_role("button", name="Swap faces").click()
    see = page.get_by_role("link", name="See the result")
    expect(see).to_be_visible(timeout=RESULT_MS)
    see.click()
    expect(page.get_by_role("img", name="Before")).to_be_visible()
    expect(page.get_by_role("img", name="After, edited")).to_be_visible()


def test_every_page_is_for_everybody(
    visit: Callable[..., Visitor], photos: dict[str, Path]
) -> None:
    """No serious barrier and no sideways scrolling, light and dark, on phone and desktop."""
    visitor = visit()
    page = visitor.page
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(everywhere(visitor, name))

    for name, address in (
        ("landing", "/"),
        ("sign-up", "/accounts/signup/"),
        ("sign-in", "/accounts/login/"),
        ("reset", "/accounts/password/reset/"),
    ):
        page.goto(address)
        look(name)
    sign_up(page, "ada@example.org")
    look("studio-empty")
    page.goto("/photos/")
    look("gallery-empty")
    fill_studio(page, photos)
    look("studio-full")
    swap(page)
    look("photo-result")
    for name, address in (
        ("gallery-full", "/photos/"),
        ("jobs", "/jobs/"),
        ("profile", "/accounts/profile/"),
    ):
        page.goto(address)
        look(name)
    page.goto("/jobs/")
    page.get_by_role("main").get_by_role("link").first.click()
    look("job")
    assert not found, "\n".join(found)
