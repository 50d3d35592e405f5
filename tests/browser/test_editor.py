"""Smile and age in a real browser: sliders, the quick look, and the version that is made."""

import json
import re
from collections.abc import Callable

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Visitor, expected
from tests.browser.looks import everywhere
from tests.browser.test_journey import RESULT_MS, sign_up, upload
from tests.conftest import sample_path

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PREVIEW = "**/edits/preview/"
PREPARE_PATH = "/edits/prepare/"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def with_photo(page: Page, person: str) -> str:
    """A new person with one photo; its page's address."""
    sign_up(page, person)
    page.goto("/studio/")
    upload(page, "Photo to change", sample_path("astronaut"))
    page.goto("/photos/")
    page.get_by_role("main").get_by_role("listitem").get_by_role("link").click()
    page.wait_for_url(re.compile(r"/photos/[0-9a-f-]{36}/"))
    return page.url


def words(page: Page) -> Locator:
    """What the editor says about the last quick look."""
    return page.locator("[data-words]")


def answer(verdict: str, asked: int, applied: int, similarity: float | None) -> str:
    """A quick look as the site sends it."""
    return json.dumps(
        {
            "before": PIXEL,
            "after": PIXEL,
            "verdict": verdict,
            "asked": {"smile": asked, "age": 0},
            "applied": {"smile": applied, "age": 0},
            "similarity": similarity,
            "threshold": 0.8,
            "reason": "No version of this edit kept your identity.",
            "remedy": "Try a smaller edit.",
        }
    )


def test_from_a_photo_to_a_version_of_a_version(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    with_photo(page, "emma@example.org")
    page.get_by_role("link", name="Smile and age").click()
    smile, age = page.get_by_role("slider", name="Smile"), page.get_by_role("slider", name="Age")
    make = page.get_by_role("button", name="Make it")
    expect(make).to_be_disabled()
    expect(words(page)).to_have_text("Move a slider to see what it does.")

    # By keyboard: steps of 5 and 25, and the ends.
    smile.focus()
    for key, value in (
        ("ArrowRight", "5"),
        ("PageUp", "30"),
        ("PageDown", "5"),
        ("Home", "-100"),
        ("End", "100"),
    ):
        page.keyboard.press(key)
        assert smile.input_value() == value
    smile.dblclick()
    assert smile.input_value() == "0"
    expect(make).to_be_disabled()

    smile.focus()
    page.keyboard.press("PageUp")
    age.focus()
    page.keyboard.press("PageUp")
    page.get_by_role("button", name="Reset Age").click()
    assert age.input_value() == "0"
    expect(age).to_be_focused()

    # The quick look: another picture, and a figure at or above the mark.
    meter = page.get_by_role("meter", name="Still you")
    expect(meter).to_be_visible()
    expect(words(page)).to_contain_text("you")
    assert 0.8 <= float(meter.get_attribute("aria-valuenow") or 0) <= 1
    before, after = (
        page.get_by_role("img", name=name).get_attribute("src") for name in ("Before", "After")
    )
    assert before is not None and before.startswith("data:image/webp")
    assert after is not None and after.startswith("data:image/webp")
    assert before != after

    make.click()
    expect(page.get_by_role("heading", level=1, name="Your result")).to_be_visible(
        timeout=RESULT_MS
    )
    made = page.get_by_role("region", name="How it was made")
    expect(made).to_contain_text("Smile")
    shown = float(made.get_by_role("meter").get_attribute("aria-valuenow") or 0)
    assert shown >= 0.8

    # A version of the version, and any two of the three side by side.
    page.get_by_role("link", name="Smile and age").click()
    page.get_by_role("slider", name="Age").focus()
    page.keyboard.press("PageUp")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1, name="Your result")).to_be_visible(
        timeout=RESULT_MS
    )
    versions = page.get_by_role("region", name="Versions")
    expect(versions.get_by_role("listitem")).to_have_count(3)
    versions.get_by_role("link", name="Compare with The photo").click()
    expect(page.get_by_text("Compared with another version: The photo.")).to_be_visible()
    versions.get_by_role("link", name=re.compile("^Smile")).click()
    expect(page.get_by_text("Compared with another version: The photo.")).to_be_visible()
    visitor.picture("versions")


def test_the_outcome_of_a_quick_look_is_said_in_words(visit: Callable[..., Visitor]) -> None:
    """What the page makes of each kind of answer; the answers are given here."""
    visitor = visit()
    page = visitor.page
    with_photo(page, "edgar@example.org")
    page.get_by_role("link", name="Smile and age").click()
    smile = page.get_by_role("slider", name="Smile")
    reply: dict[str, str | int] = {}

    def fulfil(route: Route) -> None:
        status = int(reply.get("status", 200))
        body = str(reply["body"])
        route.fulfill(status=status, content_type="application/json", body=body)

    page.route(PREVIEW, fulfil)

    def ask(key: str, body: str, status: int = 200) -> None:
        reply.update(body=body, status=status)
        smile.focus()
        page.keyboard.press(key)

    meter = page.get_by_role("meter", name="Still you")
    compare = page.get_by_role("slider", name="Slide between before and after")
    ask("End", answer("reduced", 100, 26, 0.803))
    expect(words(page)).to_have_text("Asked +100, this much keeps you you: +26.")
    expect(meter).to_have_attribute("aria-valuenow", "0.80")
    expect(compare).to_be_visible()
    ask("ArrowLeft", answer("applied", 95, 95, 0.9))
    expect(words(page)).to_have_text("Given as asked, and still you.")
    # Without a version that passes nothing is shown as one.
    ask("ArrowLeft", answer("none", 90, 0, None))
    expect(words(page)).to_have_text(
        "No version of this edit kept your identity. Try a smaller edit."
    )
    expect(compare).to_be_hidden()
    expect(meter).to_be_hidden()
    busy = json.dumps({"code": "busy", "sentence": "It has to wait.", "remedy": "Make it."})
    with expected(visitor, "503"):
        ask("ArrowLeft", busy, 503)
        expect(words(page)).to_have_text("It has to wait. Make it.")
    expect(page.get_by_role("button", name="Make it")).to_be_enabled()


def test_an_age_in_years_starts_from_how_old_the_face_looks(visit: Callable[..., Visitor]) -> None:
    """The page of a site with an age estimate; the markup is the site's, the answers are given."""
    visitor = visit()
    page = visitor.page
    with_photo(page, "erna@example.org")
    years = render_to_string("editing/_years.html", {"state": {"years": None}})

    def with_years(route: Route) -> None:
        html = route.fetch().text()
        html = html.replace(
            "data-preview-url=", f'data-prepare-url="{PREPARE_PATH}" data-preview-url='
        )
        html = re.sub(r"(<span>Younger</span>.*?</p>)", lambda m: m[1] + years, html, flags=re.S)
        route.fulfill(body=html, content_type="text/html")

    asked: list[str] = []

    def preview(route: Route) -> None:
        asked.append(route.request.post_data or "")
        said = json.loads(answer("reduced", 0, 0, 0.81))
        said["asked"]["age"], said["applied"]["age"] = 50, 20
        route.fulfill(content_type="application/json", body=json.dumps(said))

    told = {"years": 44, "years_at_full": 30, "seconds": 2.4}
    page.route(f"**{PREPARE_PATH}", lambda r: r.fulfill(json=told))
    page.route(PREVIEW, preview)
    page.route("**/edits/?photo=*", with_years)
    page.get_by_role("link", name="Smile and age").click()

    age = page.get_by_role("slider", name="Age")
    expect(page.get_by_text("Looks about 44. That is an estimate")).to_be_visible()
    expect(page.get_by_text("A quick look takes about 2 seconds here.")).to_be_visible()
    expect(page.get_by_role("spinbutton")).to_be_hidden()
    expect(age).to_have_attribute("aria-valuetext", "44 years")
    assert (age.get_attribute("min"), age.get_attribute("max")) == ("14", "74")
    expect(page.get_by_role("button", name="Make it")).to_be_disabled()
    assert asked == [], "nothing is asked yet"
    visitor.picture("editor-years")

    age.focus()
    for _ in range(2):
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    expect(words(page)).to_have_text("Asked 59 years, this much keeps you you: 50 years.")
    assert 'name="target_age"\r\n\r\n59' in asked[-1]
    assert 'name="age"' not in asked[-1]
    visitor.picture("editor-years-moved")
    page.get_by_role("button", name="Reset Age").click()
    assert age.input_value() == "44"
    page.get_by_role("slider", name="Smile").focus()
    page.keyboard.press("PageUp")
    expect(words(page)).to_contain_text("Asked +25")
    assert "target_age" not in asked[-1]


def test_only_the_newest_answer_counts(visit: Callable[..., Visitor]) -> None:
    page = visit().page
    with_photo(page, "elsa@example.org")
    page.get_by_role("link", name="Smile and age").click()
    held: list[Route] = []
    page.route(PREVIEW, lambda route: held.append(route))
    smile = page.get_by_role("slider", name="Smile")
    smile.focus()
    for asked in (1, 2):
        page.keyboard.press("PageUp")
        for _ in range(100):
            if len(held) == asked:
                break
            page.wait_for_timeout(50)
    first, second = held
    second.fulfill(content_type="application/json", body=answer("reduced", 50, 30, 0.81))
    expect(words(page)).to_have_text("Asked +50, this much keeps you you: +30.")
    first.fulfill(content_type="application/json", body=answer("reduced", 25, 10, 0.85))
    page.wait_for_timeout(200)
    expect(words(page)).to_have_text("Asked +50, this much keeps you you: +30.")


def test_without_scripts_sliders_work_and_deleting_asks_first(
    visit: Callable[..., Visitor],
) -> None:
    page = visit(java_script_enabled=False).page
    sign_up(page, "erik@example.org")
    page.goto("/studio/")
    well = page.get_by_role("region", name="Photo to change")
    well.locator("input[type=file]").set_input_files(sample_path("astronaut"))
    well.get_by_role("checkbox").check()
    well.get_by_role("button", name="Upload").click()
    expect(well.get_by_role("group", name="Faces in this photo")).to_be_visible(timeout=30_000)
    page.goto("/photos/")
    page.get_by_role("main").get_by_role("listitem").get_by_role("link").click()
    photo = page.url
    page.get_by_role("link", name="Smile and age").click()
    page.get_by_role("slider", name="Age").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Make it").click()
    see = page.get_by_role("link", name="See the result")
    expect(see).to_be_visible(timeout=RESULT_MS)
    see.click()
    expect(page.get_by_role("img", name="After, edited")).to_be_visible()

    page.goto(photo)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="Delete this picture?")).to_be_visible()
    page.get_by_role("link", name="Keep").click()
    expect(page).to_have_url(photo)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The photo is deleted.")).to_be_visible()


def test_the_editor_is_for_everybody(visit: Callable[..., Visitor]) -> None:
    """No serious barrier and no sideways scrolling, light and dark, on phone and desktop."""
    visitor = visit()
    page = visitor.page
    photo = with_photo(page, "ella@example.org")
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(everywhere(visitor, name))

    page.get_by_role("link", name="Smile and age").click()
    look("editor")
    page.get_by_role("slider", name="Smile").focus()
    page.keyboard.press("PageUp")
    expect(page.get_by_role("meter", name="Still you")).to_be_visible()
    look("editor-moved")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1, name="Your result")).to_be_visible(
        timeout=RESULT_MS
    )
    look("photo-edit")
    page.goto(photo)
    page.get_by_role("link", name="Compare with").click()
    look("photo-compared")
    assert not found, "\n".join(found)
