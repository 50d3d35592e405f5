"""A kind of work is one package: the proof, on a site that one line of settings adds it to."""

import io
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOWER = ("work", "media", "ledger", "sharing", "moderation", "marks", "accounts")
KINDS = {"swap", "swaps", "edit", "edits", "editing", "editor"}


def test_a_toy_kind_appears_on_every_page_by_its_own_package() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0",
         "--ds=tests.toykind.settings", "tests/toykind/journey.py"],
        cwd=ROOT, env={**os.environ, "PYTEST_XDIST_WORKER": ""}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_without_its_line_of_settings_nothing_knows_it() -> None:
    for folder in ("faceweb", "swaps", "editing", "templates", "static", "models"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".html", ".css", ".js", ".toml"}:
                assert "toykind" not in path.read_text(encoding="utf-8"), path


def code_words(path: Path) -> set[str]:
    """The words of names and of strings without blanks in a module's code, in small letters."""
    words: set[str] = set()
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            words.update(word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", token.string))
        elif token.type == tokenize.STRING and not re.search(r"\s", token.string):
            words.update(re.split(r"[^a-z]+", token.string))
    return words


def template_words(path: Path) -> set[str]:
    """What a template names in its tags, variables, classes and addresses; prose does not count."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"{[%{].*?[%}]}", text) + re.findall(
        r"""(?:class|id|name|href|data-[\w-]+)="([^"]*)\"""", text
    )
    return {word for one in named for word in re.split(r"[^a-z]+", one)}


def test_a_kind_named_in_code_is_found(tmp_path: Path) -> None:
    for line in (
        "swap_run()",
        "class EditForm: pass",
        "SWAP_REACH = 1",
        'origin = "swap"',
        'reverse("edits")',
    ):
        (tmp_path / "a.py").write_text(f"{line}\n", encoding="utf-8")
        assert code_words(tmp_path / "a.py") & KINDS, line
    (tmp_path / "a.py").write_text('# a swap\nlabel = "AI-edited, no swap"\n', encoding="utf-8")
    assert not code_words(tmp_path / "a.py") & KINDS
    for line in ("{% url 'edits' %}", '{% if a == "swap" %}', '<p class="swap">'):
        (tmp_path / "a.html").write_text(line, encoding="utf-8")
        assert template_words(tmp_path / "a.html") & KINDS, line


@pytest.mark.parametrize("slice_", LOWER)
def test_lower_floors_name_no_kind(slice_: str) -> None:
    for path in (ROOT / "faceweb" / slice_).rglob("*.py"):
        if "migrations" not in path.parts:
            assert not code_words(path) & KINDS, path
    for path in (ROOT / "templates" / slice_).rglob("*.html"):
        assert not template_words(path) & KINDS, path
