"""The search for circles of files."""

from scripts.circles import circles, imports_of


def test_circles_are_found_and_chains_are_not() -> None:
    chain = {"a": {"b"}, "b": {"c"}, "c": set[str]()}
    assert circles(chain) == []
    assert circles({**chain, "c": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}) == [
        ["a", "b"],
        ["c", "d"],
    ]


def test_no_files_of_this_project_import_each_other() -> None:
    imports = imports_of()
    assert "faceweb.media.models" in imports["faceweb.work.services"] | imports["swaps.kind"]
    assert circles(imports) == []
