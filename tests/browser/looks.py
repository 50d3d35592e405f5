"""How a page is looked at: for barriers, for sideways scrolling, and kept as pictures."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Visitor

PHONE, DESKTOP = 390, 1280
SIZES_AND_SCHEMES = [(width, scheme) for width in (PHONE, DESKTOP) for scheme in ("light", "dark")]

FINISH_TRANSITIONS = """
for (const it of document.getAnimations())
    if (it.effect.getComputedTiming().endTime !== Infinity) it.finish();
"""


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical here, as ``rule: element``."""
    return [
        f"{violation['id']}: {node['target']}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def everywhere(visitor: Visitor, name: str) -> list[str]:
    """Look at the page on phone and desktop, light and dark; what is wrong with it, in words."""
    page = visitor.page
    found: list[str] = []
    for width, scheme in SIZES_AND_SCHEMES:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        # A colour on its way from one scheme to the other is neither.
        page.evaluate(FINISH_TRANSITIONS)
        where = f"{name}, {width} px, {scheme}"
        found.extend(f"{where}: {barrier}" for barrier in barriers(page))
        if overflow(page) > 0:
            found.append(f"{where}: {overflow(page)} px too wide")
        visitor.picture(f"{name}-{width}-{scheme}")
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    page.emulate_media(color_scheme="light")
    return found
