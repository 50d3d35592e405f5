"""A language is a catalogue and a line of settings: docs/adding-a-language.md, followed once."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import trans_real

from faceweb.core.words import sentence_of
from faceweb.media.makers import Step, step_describe
from swaps.made import SwapWhat

CATALOGUE = Path(__file__).parent / "toylanguage" / "django.po"


@pytest.fixture
def toy_language(settings: Any, tmp_path: Path) -> Iterator[str]:
    """The site with one more language, compiled."""
    if shutil.which("msgfmt") is None:
        pytest.skip("GNU gettext is not installed")
    folder = tmp_path / "eo" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    subprocess.run(["msgfmt", "--check", "-o", folder / "django.mo", CATALOGUE], check=True)
    loaded: dict[str, Any] = trans_real.__dict__["_translations"]
    settings.LANGUAGES = [*settings.LANGUAGES, ("eo", "Esperanto")]
    settings.LOCALE_PATHS = [*settings.LOCALE_PATHS, tmp_path]
    loaded.clear()
    yield "eo"
    loaded.clear()


def test_what_a_code_says_is_said_in_the_language_of_the_reader(toy_language: str) -> None:
    told = {"limit_mb": 25}
    with translation.override(toy_language):
        assert sentence_of("file_too_large", told) == "Pli granda ol 25 MB estas ĉi tiu dosiero."
    assert sentence_of("file_too_large", told) == "This file is larger than 25 MB."


def test_what_was_done_to_a_picture_is_told_in_it_too(toy_language: str) -> None:
    one, three = Step("swap", "toy", ""), Step("swap", "toy", "", SwapWhat(faces=3).to_dict())
    with translation.override(toy_language):
        assert step_describe(one).label == "Vizaĝoŝanĝo"
        assert step_describe(three).label == "Ŝanĝo de 3 vizaĝoj"
    assert step_describe(one).label == "Face swap"
