"""The drawing of the floors follows the contract and the imports."""

import pytest

from scripts.drawing import BEGIN, END, contract_floors, drawing, page_with, reduced

PYPROJECT = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["faceweb.urls : faceweb.asgi", "swaps | editing", "faceweb.media", "models"]
"""


def test_floors_are_those_of_the_contract_and_the_wiring_is_one() -> None:
    floors = [["wiring"], ["swaps", "editing"], ["faceweb.media"], ["models"]]
    assert contract_floors(PYPROJECT) == floors


def test_what_two_arrows_say_needs_no_third() -> None:
    imports = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"e"}, "d": set(), "e": set()}
    assert reduced(imports) == {"a": {"b", "d"}, "b": {"c"}, "c": {"e"}, "d": set(), "e": set()}


def test_a_new_import_is_a_new_arrow() -> None:
    floors = contract_floors(PYPROJECT)
    before = drawing(floors, {"swaps": {"faceweb.media"}, "faceweb.media": {"models"}})
    after = drawing(floors, {"swaps": {"models"}, "faceweb.media": {"models"}})
    assert "  swaps --> faceweb_media" in before
    assert "  swaps --> models" in after
    assert "faceweb_media[media]" in before


def test_it_has_its_place_in_the_page_and_nothing_else_changes() -> None:
    page = f"# Title\n{BEGIN}\nold\n{END}\nthe rest\n"
    assert page_with(page, "new") == f"# Title\n{BEGIN}\n\nnew\n\n{END}\nthe rest\n"
    assert page_with(page_with(page, "new"), "new") == page_with(page, "new")
    with pytest.raises(ValueError, match="no place"):
        page_with("# Title\n", "new")
