"""Moderators at work in a real browser: through the second factor, by keyboard, and an appeal."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.looks import barriers, overflow
from tests.conftest import sample_path
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PASSWORD = "a long walk by the sea"
OWNER, ADMIN = "owner@example.org", "agatha@example.org"
MODERATOR, LEAD = "mo@example.org", "lee@example.org"

PREPARE = """
import cv2
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from faceweb.people.models import User
from faceweb.media.files import NewFile, Picture, files_store
from faceweb.media.models import Asset
from faceweb.moderation.cases import case_open
from faceweb.moderation.models import Case, Report

def person(email, role=""):
    made = User.objects.create_user(email, {password!r}, is_staff=bool(role))
    EmailAddress.objects.create(user=made, email=email, verified=True, primary=True)
    if role:
        made.groups.add(Group.objects.get(name=role))
    return made

person({moderator!r}, "Moderators")
person({lead!r}, "Leads")
person({admin!r}, "Admins")
owner = person({owner!r})
image = cv2.imread({sample!r})
webp = cv2.imencode(".webp", image)[1].tobytes()
jpeg = cv2.imencode(".jpg", image)[1].tobytes()
for reason in ("likeness", "deception", "other"):
    photo = Asset.objects.create(
        owner=owner, width=512, height=512, bytes=1, analysis="done",
        origin="result", made_by="swap",
        screening="clear",
    )
    files = {{
        "original": NewFile("image/jpeg", 512, 512, ContentFile(jpeg)),
        "preview": NewFile("image/webp", 512, 512, ContentFile(webp)),
        "thumb": NewFile("image/webp", 512, 512, ContentFile(webp)),
    }}
    files_store(photo, Picture(512, 512, files))
    case = case_open(kind=Case.Kind.REPORT, reason=reason, photo=photo)
    Report.objects.create(case=case, category=reason, text="That is my face.")
"""


@pytest.fixture(scope="module", autouse=True)
def reports(stack: Stack) -> None:
    """Three reports about pictures of one person, and two people to decide about them."""
    names = {
        "owner": OWNER,
        "moderator": MODERATOR,
        "lead": LEAD,
        "admin": ADMIN,
        "password": PASSWORD,
    }
    script = PREPARE.format(sample=str(sample_path("astronaut")), **names)
    stack.manage("shell", "--no-imports", "-c", script)


def sign_in(page: Page, email: str, to: str) -> None:
    page.goto(f"/accounts/login/?next={to}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def shown_code(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def enter_panel(page: Page, email: str) -> str:
    """Sign in and set up the second factor by doing what each page says; returns its secret."""
    sign_in(page, email, "/admin/")
    expect(page.get_by_role("heading", level=1, name="Is it still you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    secret = page.locator(".key").inner_text()
    page.get_by_label("Authenticator code").fill(shown_code(secret))
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", level=1, name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="to the administration").click()
    expect(page.get_by_role("heading", level=2, name="Decisions a day")).to_be_visible()
    return secret


def test_a_report_is_closed_in_three_keystrokes_and_an_appeal_is_granted(
    visit: Callable[..., Visitor],
) -> None:
    visitor = visit()
    page = visitor.page
    enter_panel(page, MODERATOR)
    visitor.picture("panel-overview")
    assert barriers(page) == []
    page.goto("/admin/moderation/case/")
    assert barriers(page) == []

    # Next, reveal, decide.
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=2, name="Somebody's face without")).to_be_visible()
    assert page.locator(".case-picture img:not([src^='data:'])").count() == 0
    assert barriers(page) == []
    page.keyboard.press("r")
    expect(page.locator("img[data-shown]")).to_be_visible()
    assert page.locator("img[data-shown]").evaluate("image => image.naturalWidth") == 512
    visitor.picture("panel-case")
    page.keyboard.press("Shift+D")
    page.wait_for_url(re.compile(r"\?done="))
    expect(page.get_by_role("status").first).to_contain_text("Dismiss decided")

    # The next one is open already: a letter chooses, words can be added, Enter confirms.
    expect(page.get_by_role("heading", level=2, name="Deceives or harasses")).to_be_visible()
    page.keyboard.press("w")
    expect(page.get_by_role("radio", name="Warn")).to_be_checked()
    expect(page.get_by_role("combobox", name="Reason")).to_have_value("deception")
    page.get_by_label("For the person concerned").fill("Please do not pretend, dear n and d.")
    page.get_by_role("button", name="Confirm").press("Enter")
    page.wait_for_url(re.compile(r"\?done=2"))

    # Who wants no keys has none.
    page.get_by_role("button", name="Keys are on").click()
    page.keyboard.press("w")
    expect(page.get_by_role("radio", name="Warn")).not_to_be_checked()

    owner = visit().page
    sign_in(owner, OWNER, "/accounts/standing/")
    expect(owner.get_by_text("Please do not pretend, dear n and d.")).to_be_visible()
    owner.get_by_role("link", name="Ask for another look").click()
    owner.get_by_role("main").get_by_role("textbox").fill("It was a joke among friends.")
    owner.get_by_role("button", name="Send the appeal").click()
    expect(owner.get_by_text("You asked for another look: being looked at.")).to_be_visible()

    lead = visit(color_scheme="dark")
    enter_panel(lead.page, LEAD)
    lead.page.goto("/admin/moderation/case/?kind__exact=appeal")
    lead.page.get_by_role("link", name="Appeal").first.click()
    expect(lead.page.get_by_text("It was a joke among friends.")).to_be_visible()
    assert barriers(lead.page) == []
    lead.picture("panel-appeal-dark")
    lead.page.keyboard.press("g")
    lead.page.keyboard.press("Enter")
    expect(lead.page.get_by_text("Nothing else waits in the queue.")).to_be_visible()
    owner.goto("/accounts/standing/")
    expect(owner.get_by_text("granted", exact=True)).to_be_visible()
    expect(owner.get_by_text("lifted", exact=True)).to_be_visible()


def test_the_panel_works_on_a_phone(visit: Callable[..., Visitor]) -> None:
    """At the door a code is asked for; inside, nothing is wider than the screen."""
    desk = visit().page
    secret = enter_panel(desk, ADMIN)
    visitor = visit(width=390, height=844)
    page = visitor.page
    sign_in(page, ADMIN, "/admin/")
    expect(page.get_by_role("heading", level=1, name="One more step")).to_be_visible()
    assert barriers(page) == []
    page.get_by_label("Code").fill(shown_code(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=2, name="What waits")).to_be_visible()
    for name, address in (
        ("overview", "/admin/"),
        ("queue", "/admin/moderation/case/?state=all"),
        ("audit", "/admin/moderation/auditentry/"),
    ):
        page.goto(address)
        assert overflow(page) <= 0, name
        assert barriers(page) == [], name
        visitor.picture(f"panel-{name}-phone")
    page.goto("/admin/moderation/case/?state=all")
    page.get_by_role("link", name="Report").first.click()
    expect(page.get_by_role("heading", level=3, name="History")).to_be_visible()
    assert overflow(page) <= 0
    assert barriers(page) == []
    visitor.picture("panel-case-phone")
